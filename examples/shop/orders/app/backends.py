"""Connections to what orders needs: PostgreSQL, Redis, stock (gRPC) and payments (HTTP). Each is kept open."""

import contextlib
import os

import grpc
import psycopg2.pool
import redis
import requests

from . import logfmt, stock_pb2_grpc

_pool = psycopg2.pool.ThreadedConnectionPool(1, 8, os.environ["DATABASE_URL"], application_name="orders")
_stock = stock_pb2_grpc.StockStub(grpc.insecure_channel(os.environ["STOCK_ADDR"]))
_payments = requests.Session()
cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


@contextlib.contextmanager
def database():
    """A cursor in a transaction of its own."""
    connection = _pool.getconn()
    try:
        with connection, connection.cursor() as cursor:
            yield cursor
    finally:
        _pool.putconn(connection, close=connection.closed)


def stock(method, message, seconds=3):
    """One call of the stock service."""
    metadata = [("traceparent", logfmt.traceparent())]
    return getattr(_stock, method)(message, timeout=seconds, metadata=metadata)


def payments(path, body, key):
    return _payments.post(
        os.environ["PAYMENTS_URL"] + path,
        json=body,
        headers={"Idempotency-Key": key, "traceparent": logfmt.traceparent()},
        timeout=5,
    )
