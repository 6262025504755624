r"""One command on many hosts: TPU slices, SLURM, GKE, or processes here.

  python -m experiments.launch_pod --to=local --processes=2 -- \
    train_embedder --config=train_embedder --workdir=DIR …
  python -m experiments.launch_pod --to=tpu --zone=us-west4-a \
    --nfs=10.0.0.2:/share --dry_run -- \
    train_embedder --config=train_embedder --workdir=/mnt/shared/runs/e …

What follows the two dashes is the command as one host would run it; here it
becomes a bash script, which --dry_run prints and which runs otherwise. In all
of them the processes are started with the same words and find each other by
themselves (--config.distributed.coordinator=auto is added). A stopped run is
gone on with by the same line.

A sweep runs an item per slice: -- sweep --config=… --workdir=…, --at_once at a
time, and its table is collected at the end. docs/launch.md tells what each
place needs.

Exit codes: those of the script; 1 or 2 when refused, with one line.
"""

from collections.abc import Mapping
import os
import sys
from typing import Any

from experiments.launchers import gke, jobs, local, slurm, tpu_slices
from experiments.run import launch

PLACES = {'tpu': tpu_slices, 'slurm': slurm, 'gke': gke, 'local': local}
_OWN = (
    launch.Flag('to', None, f'Where: {", ".join(PLACES)}.'),
    launch.Flag('dry_run', False, 'Print the script, run nothing.'),
    launch.Flag('name', 'pinpoint', 'Of the slice or job.'),
)
FLAGS = (*_OWN, *(flag for place in PLACES.values() for flag in place.FLAGS))


def main(run: launch.Run) -> None:
  """Prints the script or runs it."""
  where = run.flags['to']
  if where not in PLACES:
    raise ValueError(f'--to={where}: choices are {", ".join(PLACES)}')
  _check_used(where, run.flags)
  one = where == 'local' and run.flags['processes'] == 1
  script = PLACES[where].script(
      jobs.make(run.flags['name'], run.words, several=not one), run.flags)
  if run.flags['dry_run']:
    print(script, end='')
    return
  sys.stdout.flush()
  # In place of this process: signals reach the script, which cleans up.
  os.execvpe('bash', ['bash', '-c', script],
             {'PYTHON': sys.executable} | os.environ)


def _check_used(where: str, values: Mapping[str, Any]) -> None:
  """Refuses a flag that this place would not look at."""
  for flag in FLAGS[len(_OWN):]:
    if (values[flag.name] != flag.default
        and flag.name not in PLACES[where].READS):
      raise ValueError(f'--{flag.name}={values[flag.name]}: is not for '
                       f'--to={where}, which reads '
                       f'{", ".join(PLACES[where].READS)}')


if __name__ == '__main__':
  launch.run(main, FLAGS, ways=(('to',),), takes_words=True)
