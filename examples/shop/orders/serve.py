"""Serves the app on port 8000 until it is asked to stop."""

import os
import signal

import waitress

from app import create_app

if __name__ == "__main__":
    # Nothing is kept in memory, and callers try again: there is nothing to wait for.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    print("serving on port 8000")
    waitress.serve(create_app(), listen="0.0.0.0:8000", threads=8, clear_untrusted_proxy_headers=True)
