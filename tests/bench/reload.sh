#!/usr/bin/env bash
# How long a save takes until new code answers over HTTP: Shoal beside Compose's `watch` (sync+restart, and sync with a
# reloader in the container), a bind mount with `docker restart`, and the same program ended and started by hand on this
# machine. All take turns, save by save. `./dev bench reload [python|node|all] [SAVES]`
set -euo pipefail
readonly languages=${1:-all} saves=${2:-30} image=shoal/bench:reload shoal=$PWD/target/release/shoal
mkdir -p target/bench
source "$(dirname "$0")/compose.sh"

make_image() {
  docker image inspect $image >/dev/null 2>&1 && return
  local work
  work=$(mktemp -d)
  cat >"$work/Dockerfile" <<'TEXT'
FROM shoal/base:bookworm
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    python3 python3-watchdog nodejs && rm -rf /var/lib/apt/lists/*
TEXT
  DOCKER_BUILDKIT=0 docker build -q -t $image "$work" >/dev/null
  rm -rf "$work"
}

get_compose
make_image
work=$(mktemp -d /tmp/shoal-bench.XXXXXX)
trap 'rm -rf "$work"' EXIT
trap : INT TERM # the measuring part cleans up, and needs the folder for it
python3 "$(dirname "$0")/reload.py" "$work" "$languages" "$saves" "$image" "$shoal" "$compose"
