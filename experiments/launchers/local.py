"""Processes on this machine, each one process of the same run."""

from collections.abc import Mapping
from typing import Any

from experiments.launchers import jobs
from experiments.run import distributed, launch

FLAGS = (launch.Flag('processes', 2, 'local: processes on this machine.'),)

READS = ('processes',)
_PYTHON, _ITEM = '"$python"', '"$item"'
_SCRIPT = '''#!/usr/bin/env bash
# {name}: {processes} processes on this machine, started with one command.
set -euo pipefail
python=${{PYTHON:-python}}
running=() stopped=0
stop() {{ kill -TERM "${{running[@]}}" 2>/dev/null || true; }}
trap 'stopped=143; stop' TERM
trap 'stopped=130; stop' INT

# All processes with the words given; the code of the first that fails.
run() {{
  local code=0 port process left still
  port=$("$python" -c 'import socket
with socket.socket() as free:
  free.bind(("localhost", 0))
  print(free.getsockname()[1])')
  running=()
  for ((process = 0; process < {processes}; process++)); do
    {coordinator}=localhost:$port {num_processes}={processes} \\
      {process_id}=$process "$@" &
    running+=($!)
  done
  left=("${{running[@]}}")
  while ((${{#left[@]}})); do
    still=()
    for process in "${{left[@]}}"; do
      if kill -0 "$process" 2>/dev/null; then still+=("$process"); continue; fi
      wait "$process" || {{ code=$((code ? code : $?)); stop; }}
    done
    left=("${{still[@]}}")
    sleep 0.2
  done
  ((stopped)) && exit "$stopped"
  return "$code"
}}

{body}
'''
_ITEMS = '''failed=0
for ((item = 0; item < {num_items}; item++)); do
  {run} || failed=1
done
{collect}
exit "$failed"'''


def script(job: jobs.Job, flags: Mapping[str, Any]) -> str:
  """Starts the processes, waits for all; one that fails ends the others."""
  processes = flags['processes']
  if processes < 1:
    raise ValueError(f'--processes={processes}: must be at least 1')
  run = f'run {job.command(_PYTHON, _ITEM)}'
  body = run if not job.num_items else _ITEMS.format(
      num_items=job.num_items, run=run, collect=job.collecting(_PYTHON))
  coordinator, num_processes, process_id = distributed.TOLD
  return _SCRIPT.format(
      name=job.name, processes=processes, coordinator=coordinator,
      num_processes=num_processes, process_id=process_id, body=body)
