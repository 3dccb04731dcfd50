#!/bin/bash
# Makes the database on the first start, then is the server.
set -euo pipefail
: "${POSTGRES_USER:?}" "${POSTGRES_PASSWORD:?}" "${POSTGRES_DB:=$POSTGRES_USER}"

if [[ ! -s $PGDATA/PG_VERSION ]]; then
  initdb --username "$POSTGRES_USER" --pwfile <(echo "$POSTGRES_PASSWORD") --auth-local trust --auth-host scram-sha-256 \
    --encoding UTF8 --locale C.UTF-8 --no-sync
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  postgres --single -j postgres <<<"CREATE DATABASE \"$POSTGRES_DB\";"
fi

exec postgres -c listen_addresses='*' -c log_min_duration_statement=150ms -c log_line_prefix='%m [%p] %q%u@%d '
