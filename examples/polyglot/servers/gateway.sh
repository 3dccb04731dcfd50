#!/bin/bash
# Signs a certificate for itself, which no client knows, then is nginx.
set -euo pipefail
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=gateway \
  -addext subjectAltName=DNS:gateway -keyout /run/gateway.key -out /run/gateway.pem 2>/dev/null
exec nginx -g 'daemon off;'
