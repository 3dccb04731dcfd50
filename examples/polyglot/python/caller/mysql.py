"""MySQL in text; `stock`, in Go, asks the same server in prepared statements."""

import pymysql

from caller.fails import fails

PLACE = {"host": "mysql", "user": "market", "password": "market", "database": "market"}


def speak(_):
    connection = pymysql.connect(**PLACE)
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS customer (id INT PRIMARY KEY, name VARCHAR(40))")
        cursor.execute("DELETE FROM customer")
        cursor.execute("INSERT INTO customer VALUES (%s, %s)", (7, "Ada"))
        connection.commit()
        cursor.execute("SELECT id, name FROM customer")
        assert cursor.fetchall() == ((7, "Ada"),)
        with fails(pymysql.err.IntegrityError):
            cursor.execute("INSERT INTO customer VALUES (7, 'Eve')")
        with fails(pymysql.err.ProgrammingError):
            cursor.execute("SELECT * FROM nowhere")
        cursor.execute("SELECT SLEEP(0.2)")
        connection.ping()
    with fails(pymysql.err.OperationalError):
        pymysql.connect(**{**PLACE, "password": "0pensesame"})
