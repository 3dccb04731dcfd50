"""Brings the database to the newest schema: every file in migrations/ that was not run yet, in order, each in a transaction."""

import os
import pathlib

import psycopg2


def main():
    connection = psycopg2.connect(os.environ["DATABASE_URL"], application_name="migrate")
    with connection, connection.cursor() as db:
        db.execute("SELECT pg_advisory_lock(1)")
        db.execute("CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())")
        db.execute("SELECT name FROM migrations")
        done = {name for (name,) in db.fetchall()}
    for file in sorted(pathlib.Path(__file__).with_name("migrations").glob("*.sql")):
        if file.name in done:
            continue
        with connection, connection.cursor() as db:
            db.execute(file.read_text())
            db.execute("INSERT INTO migrations (name) VALUES (%s)", (file.name,))
        print(f"migrate: {file.name} done")
    print("migrate: the schema is up to date")


if __name__ == "__main__":
    main()
