"""A binary that trains nothing, resumes and writes figures.json last."""

import json
import signal
import sys
import time

from experiments import launch, run_record


def main(run: launch.Run) -> None:
  """Counts steps on disk; figures tell where the last attempt began."""
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
  if run.config.fails:
    sys.exit(7)
  path = run.workdir / 'progress.json'
  first = json.loads(path.read_text()) if path.exists() else 0
  for step in range(first, run.config.num_steps):
    time.sleep(run.config.seconds)
    run_record.write_json(path, step + 1)
  run_record.write_json(run.workdir / 'figures.json', {
      'loss': run.config.optimizer.learning_rate * (run.config.seed + 1),
      'first_step': first})


if __name__ == '__main__':
  launch.run(main)
