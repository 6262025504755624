"""Several processes as one run."""

import os
import pathlib
import secrets
import time

import jax
from ml_collections import config_dict
from pinpoint_jax.parallel import arrays

# By which `launch_pod --to=local` tells a process whom it belongs to: where
# process 0 listens, how many there are, which one it is.
TOLD = ('PINPOINT_COORDINATOR', 'PINPOINT_NUM_PROCESSES', 'PINPOINT_PROCESS_ID')
_SHARED_SECONDS = 30.


def begin(config: config_dict.ConfigDict) -> None:
  """Joins the other processes of a run; nothing to do for one process.

  coordinator 'auto' finds them by itself on TPU pods, under SLURM and where
  launch_pod started them.
  """
  about = config.distributed
  if not about.coordinator:
    if about.num_processes != 1 or about.process_id:
      raise ValueError('--config.distributed.coordinator is empty, but several '
                       'processes are asked for: name HOST:PORT of process 0')
    return
  if jax.config.jax_platforms == 'cpu':
    jax.config.update('jax_cpu_collectives_implementation', 'gloo')
  if about.coordinator == 'auto':
    _find_others()
    return
  jax.distributed.initialize(
      about.coordinator, about.num_processes, about.process_id)


def _find_others() -> None:
  if all(name in os.environ for name in TOLD):
    coordinator, num_processes, process_id = (os.environ[n] for n in TOLD)
    jax.distributed.initialize(
        coordinator, int(num_processes), int(process_id))
    return
  try:
    jax.distributed.initialize()
  except ValueError as error:
    raise ValueError(
        f'--config.distributed.coordinator=auto: this is no TPU pod, no SLURM '
        f'job and nothing that launch_pod started ({error}); name HOST:PORT of '
        f'process 0') from error


def check_shared(workdir: pathlib.Path) -> None:
  """Refuses a workdir in which some process does not see another's files."""
  if jax.process_count() == 1:
    return
  path = workdir / 'shared.txt'

  def write() -> int:
    token = secrets.randbelow(2**31)
    path.write_text(str(token), encoding='utf-8')
    return token
  token = arrays.by_first(write)
  if arrays.any_process(not _appears(path, str(token))):
    raise ValueError(
        f'--workdir={workdir}: not every process sees the files that process 0 '
        f'writes there; name a folder that all hosts share')
  if jax.process_index() == 0:
    path.unlink()


def _appears(path: pathlib.Path, text: str) -> bool:
  """Whether the file holds that text, now or before the time is over."""
  end = time.monotonic() + _SHARED_SECONDS
  while True:
    try:
      if path.read_text(encoding='utf-8') == text:
        return True
    except OSError:
      pass  # Not there yet.
    if time.monotonic() > end:
      return False
    time.sleep(0.2)
