#!/usr/bin/env bash
# Makes the environment of circuit-tracer, which graph_speed.py races against; pinned, from the
# configured package index. BENCHMARK_PEERS names the folder (by default `hagd-peers` among the
# temporary files); an environment that is complete is left as it is.
set -euo pipefail
folder=${BENCHMARK_PEERS:-${TMPDIR:-$(dirname "$(mktemp -u)")}/hagd-peers}
environment=$folder/circuit-tracer-0.5.0
if [ ! -e "$environment/complete" ]; then
  rm -rf "$environment"
  python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet torch==2.13.0 circuit-tracer==0.5.0
  touch "$environment/complete"
fi
echo "$environment/bin/python"
