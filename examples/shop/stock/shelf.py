"""The shelf: one row an article in PostgreSQL, changed by single statements so that no two orders get the same piece."""

import contextlib

import psycopg2.pool

FIRST_DELIVERY = {
    "net-40": 40, "rod-270": 12, "reel-30": 25, "line-025": 80, "box-12": 30,
    "lamp-h1": 25, "hat-w": 3, "boot-43": 8, "fly-set": 50, "knife-f": 20,
}


class UnknownArticle(Exception):
    pass


class NotEnough(Exception):
    pass


class Shelf:
    def __init__(self, url):
        self.pool = psycopg2.pool.ThreadedConnectionPool(1, 8, url, application_name="stock")

    @contextlib.contextmanager
    def cursor(self):
        connection = self.pool.getconn()
        try:
            with connection, connection.cursor() as cursor:
                yield cursor
        finally:
            self.pool.putconn(connection, close=connection.closed)

    def create(self):
        with self.cursor() as db:
            db.execute("CREATE TABLE IF NOT EXISTS shelf (sku text PRIMARY KEY, pieces integer NOT NULL CHECK (pieces >= 0))")
            for article in FIRST_DELIVERY.items():
                db.execute("INSERT INTO shelf VALUES (%s, %s) ON CONFLICT DO NOTHING", article)

    def levels(self, skus):
        with self.cursor() as db:
            db.execute("SELECT sku, pieces FROM shelf WHERE sku = ANY (%s)", (skus,))
            return db.fetchall()

    def change(self, sku, by):
        """The new level."""
        with self.cursor() as db:
            db.execute("UPDATE shelf SET pieces = pieces + %s WHERE sku = %s AND pieces + %s >= 0 RETURNING pieces", (by, sku, by))
            row = db.fetchone()
            if row:
                return row[0]
            db.execute("SELECT pieces FROM shelf WHERE sku = %s", (sku,))
            left = db.fetchone()
        if left is None:
            raise UnknownArticle(f"there is no article {sku}")
        raise NotEnough(f"only {left[0]} left of {sku}")
