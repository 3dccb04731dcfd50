"""PostgreSQL by both of its Python clients: psycopg2 asks in text, psycopg 3 in prepared statements and pipelines."""

import psycopg
import psycopg2
import psycopg2.errors

from caller.fails import fails

PLACE = "host=postgres user=market password=market dbname=market"


def speak(number):
    simple()
    extended(number)
    with fails(psycopg2.OperationalError):
        psycopg2.connect("host=postgres user=market password=0pensesame dbname=market")


def simple():
    connection = psycopg2.connect(PLACE)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE IF NOT EXISTS article (sku text PRIMARY KEY, cents int)")
    cursor.execute("TRUNCATE article")
    cursor.execute("INSERT INTO article VALUES ('net-40', 1999), ('rod-270', 8900)")
    cursor.execute("SELECT sku, cents FROM article ORDER BY sku")
    assert len(cursor.fetchall()) == 2
    with fails(psycopg2.errors.UniqueViolation):
        cursor.execute("INSERT INTO article VALUES ('net-40', 1)")
    with fails(psycopg2.errors.UndefinedTable):
        cursor.execute("SELECT * FROM nowhere")
    cursor.execute("SELECT pg_sleep(0.2)")
    cursor.execute("LISTEN sales")
    cursor.execute("NOTIFY sales, 'net-40'")
    connection.poll()
    assert connection.notifies
    connection.close()


def extended(number):
    with psycopg.connect(PLACE, autocommit=True) as connection:
        find = "SELECT cents FROM article WHERE sku = %s"
        connection.execute(find, ["net-40"], prepare=True).fetchone()
        connection.execute(find, ["rod-270"], prepare=True).fetchone()
        with fails(psycopg.errors.DivisionByZero):
            connection.execute("SELECT 1 / %s::int", [0])
        with connection.transaction():
            connection.execute("UPDATE article SET cents = %s WHERE sku = %s", [number, "net-40"])
        with connection.pipeline():
            connection.execute("INSERT INTO article VALUES (%s, %s)", ["hat-w", 2500])
            connection.execute("DELETE FROM article WHERE sku = %s", ["hat-w"])
        with connection.cursor().copy("COPY article FROM STDIN") as copy:
            copy.write_row(["line-025", 700])
            copy.write_row(["box-12", 4200])
        with connection.cursor().copy("COPY article TO STDOUT") as copy:
            assert len(list(copy.rows())) == 4
