#!/bin/bash
# Makes a database, then is the server.
set -euo pipefail
readonly data=/var/lib/mysql/data
small=(--no-defaults --datadir=$data --innodb-log-file-size=8M --innodb-buffer-pool-size=32M --innodb-flush-log-at-trx-commit=0)
mariadb-install-db "${small[@]}" --skip-test-db --auth-root-authentication-method=normal >/dev/null
cat >/var/lib/mysql/users.sql <<'SQL'
CREATE DATABASE market;
CREATE USER market@'%' IDENTIFIED BY 'market';
GRANT ALL ON market.* TO market@'%';
SQL
exec mariadbd "${small[@]}" --bind-address=0.0.0.0 --skip-name-resolve --socket=/tmp/mariadb.sock --init-file=/var/lib/mysql/users.sql
