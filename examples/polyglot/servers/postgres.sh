#!/bin/bash
# Makes a database, then is the server.
set -euo pipefail
export PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA=/var/lib/postgresql/data
initdb --username market --pwfile <(echo market) --auth-local trust --auth-host scram-sha-256 --encoding UTF8 --locale C.UTF-8 --no-sync
echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
postgres --single -j postgres <<<'CREATE DATABASE market;'
exec postgres -c listen_addresses='*' -c fsync=off -c unix_socket_directories=/tmp
