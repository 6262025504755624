"""A SLURM job: srun starts one process for each GPU, or one for each host.

Under SLURM jax gives a process the one GPU of its number on the host: there are
as many tasks as GPUs. A sweep is a job array, an item each.
"""

from collections.abc import Mapping
from typing import Any

from experiments.launchers import jobs
from experiments.run import launch

FLAGS = (
    launch.Flag('nodes', 2, 'slurm: hosts.'),
    launch.Flag('gpus', 8, 'slurm: GPUs of each host; 0 trains on its CPUs.'),
    launch.Flag('sbatch', '', 'slurm: further options of sbatch, such as '
                '"--partition=gpu --time=04:00:00".'),
    launch.Flag('at_once', 2, 'tpu, slurm: items of a sweep at a time.'),
)
READS = ('nodes', 'gpus', 'sbatch', 'at_once')


def script(job: jobs.Job, flags: Mapping[str, Any]) -> str:
  """Submits the job; SLURM itself says how it goes on (squeue)."""
  if flags['nodes'] < 1 or flags['gpus'] < 0:
    raise ValueError(f'--nodes={flags["nodes"]} --gpus={flags["gpus"]}: must '
                     f'be at least 1 and 0')
  tasks = max(flags['gpus'], 1)
  options = [
      f'--job-name={job.name}', f'--nodes={flags["nodes"]}',
      f'--ntasks-per-node={tasks}',
      *([f'--gpus-per-node={flags["gpus"]}'] if flags['gpus'] else []),
      # Before its time is over a run saves, and ends with 143.
      '--signal=TERM@120', '--requeue', '--open-mode=append']
  if job.num_items:
    options += [f'--array=0-{job.num_items - 1}%{flags["at_once"]}',
                f'--output={job.name}-%a.log']
  else:
    options += [f'--output={job.name}.log']
  options += flags['sbatch'].split()
  lines = '\n'.join(f'#SBATCH {option}' for option in options)
  command = job.command('python', '"$SLURM_ARRAY_TASK_ID"')
  collect = (f'\n# When all items are done:\n# {job.collecting("python")}'
             if job.num_items else '')
  return (f"#!/usr/bin/env bash\nset -euo pipefail\nsbatch <<'JOB'\n"
          f'#!/usr/bin/env bash\n{lines}\nsrun --kill-on-bad-exit=1 {command}\n'
          f'JOB{collect}\n')
