"""Rounds of all protocols. A protocol that cannot be spoken fails the first round, and is told in later ones."""

import importlib
import logging
import os
import time

PROTOCOLS = ["http", "http2", "grpcs", "sockets", "tls", "postgres", "mysql", "redises", "amqp", "nats_io", "mqtt", "kafka", "mongo", "dns"]
PAUSE = float(os.environ.get("PAUSE", "5"))  # seconds between two rounds

log = logging.getLogger("caller")


def play(protocol, number):
    began = time.monotonic()
    importlib.import_module(f"caller.{protocol}").speak(number)
    log.info("%s took %.1f s", protocol, time.monotonic() - began)


def main():
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx", "pika", "kafka"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    number = 0
    while True:
        number += 1
        for protocol in PROTOCOLS:
            try:
                play(protocol, number)
            except Exception:
                log.exception("%s failed in round %d", protocol, number)
                if number == 1:
                    raise SystemExit(1) from None
        log.info("round %d is over", number)
        time.sleep(PAUSE)


if __name__ == "__main__":
    main()
