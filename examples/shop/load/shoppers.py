"""Shoppers who look around and buy, and a warehouse that takes deliveries.

Some of what they do fails, as in real life: cards without cover, articles that are sold out, a voucher that the shop
cannot digest. Some of it is slow: a search through all reviews, a card whose holder is asked first.
"""

import collections
import json
import os
import random
import signal
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

TARGET = os.environ.get("TARGET", "http://gateway")
SHOPPERS = int(os.environ.get("SHOPPERS", "3"))
PAUSE = float(os.environ.get("PAUSE", "0.4"))  # seconds between two clicks of one shopper, on average

ARTICLES = ["net-40", "rod-270", "reel-30", "line-025", "box-12", "lamp-h1", "hat-w", "boot-43", "fly-set", "knife-f"]
WORDS = ["trout", "pike", "late", "ice", "second day", "river cod"]
CARDS = ["4242424242424242"] * 16 + ["4000000000000002"] * 2 + ["4000000000003220"]
COUPONS = [None] * 12 + ["WELCOME10"] * 3 + ["SUMMER25"] * 2 + ["GIFT100"]

answers = collections.Counter()


class KeepRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


browser = urllib.request.build_opener(KeepRedirect)


def ask(method, path, body=None, form=False):
    """The status and the body; a refused or broken connection counts as status 0."""
    data, headers = None, {"User-Agent": "shoppers/1.0"}
    if form:
        data = urllib.parse.urlencode(body).encode()
    elif body is not None:
        data = json.dumps({k: v for k, v in body.items() if v is not None}).encode()
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(TARGET + path, data, headers, method=method)
    try:
        with browser.open(request, timeout=10) as response:
            status, content = response.status, response.read()
    except urllib.error.HTTPError as error:
        status, content = error.code, error.read()
    except OSError:
        status, content = 0, b""
    answers[status] += 1
    return status, content


def visit():
    ask("GET", "/")
    pause()
    for article in random.sample(ARTICLES, random.randint(0, 2)):
        ask("GET", f"/product/{article}")
        pause()
    if random.random() < 0.1:
        ask("GET", "/search?" + urllib.parse.urlencode({"q": random.choice(WORDS)}))
        pause()
    if random.random() < 0.05:
        ask("GET", "/product/discontinued")
    if random.random() < 0.6:
        buy(random.choice(ARTICLES))


def buy(article):
    order = {"sku": article, "quantity": random.choice([1, 1, 1, 2, 5]), "email": f"{random.choice(NAMES)}@example.com"}
    order["card"] = random.choice(CARDS)
    if random.random() < 0.3:  # by the page's form
        ask("POST", "/buy", order, form=True)
        return
    status, content = ask("POST", "/api/orders", {**order, "coupon": random.choice(COUPONS)})
    if status == 201:
        pause()
        ask("GET", f"/api/orders/{json.loads(content)['id']}")


NAMES = ["ann", "ben", "cleo", "dag", "eva", "finn"]


def pause():
    time.sleep(random.expovariate(1 / PAUSE))


def shop():
    while True:
        visit()
        pause()


def deliver():
    """The rod, the boots and the hat are hard to get: their shelves stay empty for a while."""
    while True:
        time.sleep(12)
        for article in ARTICLES:
            rare = article in ("rod-270", "boot-43", "hat-w")
            if random.random() < (0.2 if rare else 0.7):
                ask("PUT", f"/api/stock/{article}", {"pieces": 3 if rare else 12})


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"{SHOPPERS} shoppers on the way to {TARGET}")
    for work in [shop] * SHOPPERS + [deliver]:
        threading.Thread(target=work, daemon=True).start()
    while True:
        time.sleep(10)
        seen = dict(sorted(answers.items()))
        answers.clear()
        print("last 10 s: " + (", ".join(f"{count} x {status or 'no answer'}" for status, count in seen.items()) or "nothing"))


if __name__ == "__main__":
    main()
