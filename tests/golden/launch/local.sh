#!/usr/bin/env bash
# pinpoint: 4 processes on this machine, started with one command.
set -euo pipefail
python=${PYTHON:-python}
running=() stopped=0
stop() { kill -TERM "${running[@]}" 2>/dev/null || true; }
trap 'stopped=143; stop' TERM
trap 'stopped=130; stop' INT

# All processes with the words given; the code of the first that fails.
run() {
  local code=0 port process left still
  port=$("$python" -c 'import socket
with socket.socket() as free:
  free.bind(("localhost", 0))
  print(free.getsockname()[1])')
  running=()
  for ((process = 0; process < 4; process++)); do
    PINPOINT_COORDINATOR=localhost:$port PINPOINT_NUM_PROCESSES=4 \
      PINPOINT_PROCESS_ID=$process "$@" &
    running+=($!)
  done
  left=("${running[@]}")
  while ((${#left[@]})); do
    still=()
    for process in "${left[@]}"; do
      if kill -0 "$process" 2>/dev/null; then still+=("$process"); continue; fi
      wait "$process" || { code=$((code ? code : $?)); stop; }
    done
    left=("${still[@]}")
    sleep 0.2
  done
  ((stopped)) && exit "$stopped"
  return "$code"
}

run "$python" -m experiments.train_embedder --config=train_embedder --workdir=/mnt/shared/runs/e --config.stores.photo=/mnt/shared/photos/store '--config.model.sources=('"'"'photo'"'"',)' --config.distributed.coordinator=auto
