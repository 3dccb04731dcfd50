"""Sends the receipts that orders puts into the Redis list `mail`."""

import json
import logging
import os
import random
import signal
import sys
import time

import redis
import requests

log = logging.getLogger("mailer")


class Busy(Exception):
    """The mail server asks to come back later."""


def send(order):
    time.sleep(random.uniform(0.02, 0.12))
    if random.random() < 0.04:
        raise Busy("451 4.7.1 Greylisting in action, please come back later")
    log.info("receipt for order %s sent to %s", order["id"], order["email"])


def main():
    logging.basicConfig(level=logging.INFO, format="[%(asctime)s] [%(levelname)s] %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    queue = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    http = requests.Session()
    log.info("waiting for mail")
    while True:
        taken = queue.brpop("mail", timeout=5)
        if taken is None:
            continue
        letter = json.loads(taken[1])
        try:
            answer = http.get(f"{os.environ['ORDERS_URL']}/orders/{letter['order']}", timeout=5)
            answer.raise_for_status()
            send(answer.json())
        except (Busy, requests.RequestException) as error:
            log.warning("order %s: %s; tried again later", letter["order"], error)
            queue.lpush("mail", taken[1])
            time.sleep(1)


if __name__ == "__main__":
    main()
