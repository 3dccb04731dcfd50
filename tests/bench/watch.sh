#!/usr/bin/env bash
# What watching costs: 100,000 files beside a node_modules of 20,000, watched by Shoal's watcher and by Compose's
# `watch`: time to start, memory, processor time while nothing happens, and when 2,000 files change at once, in how
# many batches they arrive and how late. `./dev bench watch [FILES]`
set -euo pipefail
source "$(dirname "$0")/compose.sh"
mkdir -p target/bench
cargo build -q --release -p watch --example tell
get_compose
work=$(mktemp -d /tmp/shoal-bench.XXXXXX)
trap 'rm -rf "$work"' EXIT
python3 "$(dirname "$0")/watch.py" "$work" "${1:-100000}" "${CARGO_TARGET_DIR:-target}/release/examples/tell" "$compose"
