"""Log lines as `key=value` pairs, each with the trace that it belongs to."""

import re
import secrets
import sys
import time
import traceback

from flask import g, has_request_context, request


def install(app):
    @app.before_request
    def begin():
        g.began = time.monotonic()
        given = re.match(r"00-([0-9a-f]{32})-", request.headers.get("traceparent", ""))
        g.trace = given.group(1) if given else secrets.token_hex(16)

    @app.after_request
    def end(response):
        if request.path != "/healthz":
            level = "error" if response.status_code >= 500 else "info"
            ms = round((time.monotonic() - g.began) * 1000, 1)
            line(level, "request", method=request.method, path=request.path, status=response.status_code, ms=ms)
        return response


def traceparent():
    """The header that carries this request's trace on to the next service."""
    return f"00-{g.trace}-{secrets.token_hex(8)}-01"


def line(level, message, **fields):
    fields = {"level": level, "msg": message, **fields}
    if has_request_context() and "trace" in g:
        fields["trace"] = g.trace
    sys.stdout.write(" ".join(f"{key}={quoted(value)}" for key, value in fields.items()) + "\n")


def quoted(value):
    text = str(value)
    return f'"{text}"' if " " in text or not text else text


def info(message, **fields):
    line("info", message, **fields)


def error(message, cause):
    line("error", message, error=f"{type(cause).__name__}: {cause}")
    traceback.print_exception(cause)
