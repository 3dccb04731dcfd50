#!/bin/sh
exec perl /app/signals.pl "$0" "$@"
