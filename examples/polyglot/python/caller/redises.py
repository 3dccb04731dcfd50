"""Redis: commands, pipelines, transactions, a script, a list that is waited for, and a channel."""

import threading
import time

import redis

from caller.fails import fails


def speak(number):
    client = redis.Redis("redis", decode_responses=True)
    client.set("user:7", "Ada", ex=600)
    client.get("user:7")
    client.get("user:8")
    client.hset("cart:7", mapping={"net-40": number, "rod-270": 1})
    client.hgetall("cart:7")
    with fails(redis.ResponseError):
        client.lpush("user:7", "x")
    with client.pipeline(transaction=False) as pipeline:
        pipeline.incr("visits").expire("visits", 600).execute()
    with client.pipeline() as transaction:
        transaction.decr("left").get("left").execute()
    client.eval("return redis.call('GET', KEYS[1])", 1, "user:7")
    wait(client)
    listen(client)
    client.close()
    with redis.Redis("redis", username="stranger", password="0pensesame") as stranger, fails(redis.RedisError):
        stranger.ping()


def wait(client):
    """One takes from a list that is filled a moment later; then nobody fills it."""
    later = threading.Timer(0.2, client.rpush, ["mail", "receipt"])
    later.start()
    assert client.blpop("mail", timeout=5) == ("mail", "receipt")
    later.join()
    assert client.blpop("mail", timeout=1) is None


def listen(client):
    with client.pubsub() as channel:
        channel.subscribe("sales")
        channel.get_message(timeout=2)
        client.publish("sales", "net-40")
        while (message := channel.get_message(timeout=2)) is not None:
            if message["type"] == "message":
                break
        assert message["data"] == "net-40"
        channel.unsubscribe("sales")
        time.sleep(0.05)
