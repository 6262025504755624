"""Several processes as one run."""

import atexit
from collections.abc import Iterator
import contextlib
import hashlib
import io
import json
import os
import pathlib
import secrets
import sys
import threading
import time
from typing import Any

import jax
from jax.experimental import multihost_utils
from ml_collections import config_dict
import numpy as np
from pinpoint_jax.parallel import processes

# By which `launch_pod --to=local` tells a process whom it belongs to: where
# process 0 listens, how many there are, which one it is.
TOLD = ('PINPOINT_COORDINATOR', 'PINPOINT_NUM_PROCESSES', 'PINPOINT_PROCESS_ID')
# A file of a new name is on every host at once where the folder is; this is for
# slow network file systems.
_SHARED_SECONDS = 5.
# How long a process that failed waits for the others to end, too.
_LEAVING_SECONDS = 5.


@contextlib.contextmanager
def joined(config: config_dict.ConfigDict,
           stops_alone: bool = False) -> Iterator[None]:
  """Work that processes do together; one that fails leaves none waiting.

  stops_alone: a signal stops the process that receives it, whether the others
  have agreed or not.
  """
  begin(config)
  try:
    yield
  except SystemExit as error:
    if stops_alone and jax.process_count() > 1:
      atexit.register(_leave, 0., error.code)
    raise
  except Exception as error:
    if jax.process_count() == 1:
      raise
    # What one process meets alone, the others meet as its silence.
    lost = isinstance(error, jax.errors.JaxRuntimeError) or 'Gloo' in str(error)
    atexit.register(_leave, 0. if lost else _LEAVING_SECONDS)
    if lost and 'RESOURCE_EXHAUSTED' not in str(error):
      raise ValueError(
          f'another process has ended or does not answer ({error!s:.200}): run '
          f'the same command on all hosts again') from error
    raise


def _leave(seconds: float, code: int = 1) -> None:
  """Ends this process, with the others if they end within so many seconds."""
  # By itself jax would wait for minutes, and the others for it.
  if seconds:
    ending = threading.Thread(target=jax.distributed.shutdown, daemon=True)
    ending.start()
    ending.join(seconds)
  sys.stdout.flush()
  sys.stderr.flush()
  os._exit(code)


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


def check_shared(folder: pathlib.Path, flag: str) -> None:
  """Refuses a folder in which some process does not see another's files.

  All processes look for one file that process 0 makes, before any work.
  """
  if jax.process_count() == 1:
    return

  def write() -> int:
    token = secrets.randbelow(2**31)
    folder.mkdir(parents=True, exist_ok=True)
    _agreed_file(folder, token).touch()
    return token
  # A name that was never there: no host remembers that it is not.
  path = _agreed_file(folder, processes.by_first(write))
  unseen = any(processes.any_process(not _appears(path)))
  if jax.process_index() == 0:
    path.unlink()
  if unseen:
    raise ValueError(
        f'{flag}={folder}: not every process sees the files that process 0 '
        f'writes there; name a folder that all hosts share')


def _agreed_file(folder: pathlib.Path, token: int) -> pathlib.Path:
  return folder / f'.agreed_{token}'


def _appears(path: pathlib.Path) -> bool:
  """Whether the file is there, now or before the time is over."""
  end = time.monotonic() + _SHARED_SECONDS
  while not path.exists():
    if time.monotonic() > end:
      return False
    time.sleep(0.2)
    with contextlib.suppress(OSError):
      os.listdir(path.parent.parent)  # NFS looks again at what was absent.
  return True


def check_same(what: str, content: Any) -> None:
  """Refuses to go on where processes were given other files than process 0."""
  if jax.process_count() == 1:
    return
  digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()
  digests = np.asarray(multihost_utils.process_allgather(
      np.frombuffer(digest, np.uint32)))
  others = np.flatnonzero((digests != digests[0]).any(axis=1))
  if len(others):
    raise ValueError(f'process {others[0]} has {what} that process 0 has not: '
                     f'give all processes the same files')


@contextlib.contextmanager
def only_first_speaks() -> Iterator[None]:
  """What other processes than the first print is not shown."""
  if jax.process_index() == 0:
    yield
    return
  with (contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO())):
    yield


def first_goes_on() -> bool:
  """Parts the processes; whether this one is the first, which has more to do.
  """
  if jax.process_count() > 1:
    jax.distributed.shutdown()
  return jax.process_index() == 0
