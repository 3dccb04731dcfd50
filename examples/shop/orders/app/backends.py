"""Connections to what orders needs: PostgreSQL, Redis, stock (gRPC) and payments (HTTP). Each is made at its first use
and kept open."""

import contextlib
import functools
import http.client
import json
import os
import threading
import urllib.parse

import grpc
import psycopg2.pool
import redis

from . import logfmt, stock_pb2_grpc

_stock = stock_pb2_grpc.StockStub(grpc.insecure_channel(os.environ["STOCK_ADDR"]))
_payments = urllib.parse.urlsplit(os.environ["PAYMENTS_URL"]).netloc
_mine = threading.local()
cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


@functools.cache
def _pool():
    return psycopg2.pool.ThreadedConnectionPool(1, 8, os.environ["DATABASE_URL"], application_name="orders")


@contextlib.contextmanager
def database():
    """A cursor in a transaction of its own."""
    connection = _pool().getconn()
    try:
        with connection, connection.cursor() as cursor:
            yield cursor
    finally:
        _pool().putconn(connection, close=connection.closed)


def stock(method, message, seconds=3):
    """One call of the stock service."""
    metadata = [("traceparent", logfmt.traceparent())]
    return getattr(_stock, method)(message, timeout=seconds, metadata=metadata)


def payments(path, body, key):
    """One call of the payments service: its status and what it answered."""
    if not hasattr(_mine, "connection"):
        _mine.connection = http.client.HTTPConnection(_payments, timeout=5)
    headers = {"Content-Type": "application/json", "Idempotency-Key": key, "traceparent": logfmt.traceparent()}
    try:
        _mine.connection.request("POST", path, json.dumps(body), headers)
        answer = _mine.connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    except (OSError, http.client.HTTPException):
        # The next call opens a connection of its own; the key keeps a repeated charge from counting twice.
        _mine.connection.close()
        raise
