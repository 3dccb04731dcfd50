#!/usr/bin/env bash
# Whether lines are lost or doubled when much more goes wrong than a run of all tests has time for: the stream cut 300
# times under 30,000 lines a second, and the session killed 50 times. `./dev bench cuts [CUTS [KILLS]]`
set -euo pipefail
export SHOAL_CUTS=${1:-300} SHOAL_KILLS=${2:-50}
cargo test -p tests --test it -- --nocapture --test-threads 1 logs_kept
