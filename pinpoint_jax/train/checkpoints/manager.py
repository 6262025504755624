"""Checkpoints: Orbax, with checksums, loud fallback and refused casts.

A step is committed by one rename, which brings its checksums with it: Orbax
calls us when all files lie in the unfinished step, before it renames it and
before it removes older ones. So there is no moment at which a kill leaves
fewer good steps than `Keep` promises.
"""

from collections.abc import Iterator, Mapping
from concurrent import futures
import contextlib
import dataclasses
import datetime
import errno
import json
import logging
import os
import pathlib
import re
import sys
import time
from typing import Any

import jax
import orbax.checkpoint as ocp
from pinpoint_jax.disk import files
from pinpoint_jax.parallel import processes
from pinpoint_jax.train.checkpoints import steps
from pinpoint_jax.train.checkpoints import steps as state_tree

_NONE = -1
_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_CODE = re.compile(r"os_error_code='(\d+)'")


@dataclasses.dataclass(frozen=True)
class Keep:
  """Which checkpoints stay: the last ones, and others permanently."""
  last: int = 3
  every_steps: int | None = None
  every_hours: float | int | None = None

  def __post_init__(self):
    """Refuses what Orbax would take for "keep nothing" or "keep all"."""
    if self.last < 1:
      raise ValueError(f'keep.last is {self.last}: keep at least 1 checkpoint')
    if self.every_steps is not None and self.every_steps < 1:
      raise ValueError(f'keep.every_steps is {self.every_steps}: set None, or '
                       'at least 1')
    if self.every_hours is not None and self.every_hours * 3600 < 1:
      raise ValueError(f'keep.every_hours is {self.every_hours}: set None, or '
                       'at least one second, 1 / 3600')


_KEEP = Keep()


@dataclasses.dataclass(frozen=True)
class Restored:
  """A checkpoint in memory, and what was wrong with newer ones."""
  step: int
  state: Any
  data: Mapping[str, Any]
  warnings: tuple[str, ...]


class Checkpoints:
  """Saves and restores training states in one folder that no other writes."""

  def __init__(self, folder: pathlib.Path, keep: Keep = _KEEP,
               asynchronous: bool = True):
    """Opens the folder and removes what killed runs left there."""
    _keep_orbax_quiet()
    self.blocked_s = 0.0
    self._folder = folder.absolute()
    self._asynchronous = asynchronous
    self._saving = (0, 0)
    self._background = futures.ThreadPoolExecutor(1, 'checkpoints')
    self._sweeping: futures.Future[None] | None = None
    processes.by_first(self._open)
    hours = keep.every_hours
    self._manager = ocp.CheckpointManager(
        self._folder, options=ocp.CheckpointManagerOptions(
            max_to_keep=keep.last, keep_period=keep.every_steps,
            keep_time_interval=hours and datetime.timedelta(hours=hours),
            todelete_subdir=steps.DELETED,
            async_options=ocp.AsyncOptions(
                post_finalization_callback=self._seal)))

  def save(self, step: int, state: Any, data: Mapping[str, Any]) -> None:
    """Starts a checkpoint; returns once the state is copied off the device.

    Raises what the save before this one failed with.
    """
    with self._blocking():
      self._finish()
      if self.has(step):
        raise ValueError(
            f'checkpoint {self._folder / str(step)} exists already: restore '
            f'it and go on from there, or choose another workdir')
      self._saving = (step, state_tree.state_size(state))
      self._start(step, state, data)
      if not self._asynchronous:
        self._finish()

  def has(self, step: int) -> bool:
    """Whether there is a checkpoint of that step."""
    return (self._folder / str(step)).exists()

  def restore(self, like: Any) -> Restored | None:
    """The newest good checkpoint with the shardings of `like`; None if none.

    Damaged newer steps are named on stderr and set aside. Refused: a tree,
    shape or dtype other than that of `like`; a folder without a good step.
    """
    self.wait()
    warnings = []
    step = processes.by_first(lambda: self._choose(warnings))
    if step == _NONE:
      return None
    self._manager.reload()
    record = self._read(step, 'data', ocp.args.JsonRestore())
    state_tree.refuse_differences(
        self._folder / str(step), record['leaves'], like)
    state = self._read(
        step, 'state', ocp.args.StandardRestore(state_tree.targets(like)))
    return Restored(step, state, record['data'], tuple(warnings))

  def wait(self) -> None:
    """Waits until every save is on disk; raises what failed."""
    with self._blocking():
      self._finish()

  def close(self) -> None:
    """Waits as `wait` does, and ends the threads that save."""
    try:
      self.wait()
    finally:
      self._background.shutdown()
      self._manager.close()

  @contextlib.contextmanager
  def _blocking(self) -> Iterator[None]:
    start = time.perf_counter()
    try:
      yield
    finally:
      self.blocked_s += time.perf_counter() - start

  def _open(self) -> int:
    self._folder.mkdir(parents=True, exist_ok=True)
    steps.clean(self._folder)
    return 0

  def _start(self, step: int, state: Any, data: Mapping[str, Any]) -> None:
    # A copy: the caller may go on counting while a thread writes.
    record = json.loads(json.dumps(
        {'data': dict(data), 'leaves': state_tree.state_leaves(state)}))
    with self._tidying():
      # Forced, as Orbax skips steps before its newest one without a word.
      self._manager.save(step, force=True, args=ocp.args.Composite(
          state=ocp.args.StandardSave(state),
          data=ocp.args.JsonSave(record)))
    if jax.process_index() == 0:
      self._sweeping = self._background.submit(self._sweep)

  def _seal(self) -> None:
    step, _ = self._saving
    # Orbax calls us while a thread of its own may still write its metadata.
    self._manager._non_blocking_metadata_store.wait_until_finished()
    steps.seal(steps.unfinished(self._folder, step))

  def _sweep(self) -> None:
    with contextlib.suppress(Exception):  # The caller's thread raises it.
      self._manager.wait_until_finished()
      files.sync_folder(self._folder)
    steps.sweep(self._folder)

  def _finish(self) -> None:
    sweeping, self._sweeping = self._sweeping, None
    with self._tidying():
      if sweeping is not None:
        sweeping.result()
      self._manager.wait_until_finished()

  @contextlib.contextmanager
  def _tidying(self) -> Iterator[None]:
    step, needed = self._saving
    try:
      with _naming_full_disk(self._folder / str(step), needed):
        yield
    except Exception:
      if jax.process_index() == 0:
        steps.clean(self._folder)
      self._manager.reload()
      raise

  def _choose(self, warnings: list[str]) -> int:
    step, faults = steps.newest_good(self._folder)
    if step is None and faults:
      raise ValueError(
          f'no checkpoint in {self._folder} is good: {"; ".join(faults)}: '
          f'bring the files back, or move the folder away to start afresh')
    if faults:
      warnings.append(f'checkpoint damaged, step {step} is taken instead: '
                      f'{"; ".join(faults)}')
    for line in warnings:
      print(f'WARNING: {line}', file=sys.stderr, flush=True)
    return _NONE if step is None else step

  def _read(self, step: int, item: str, args: ocp.args.CheckpointArgs) -> Any:
    return self._manager.restore(
        step, args=ocp.args.Composite(**{item: args}))[item]


@contextlib.contextmanager
def _naming_full_disk(path: pathlib.Path, needed: int) -> Iterator[None]:
  """Turns a full disk, as tensorstore words it, into an error with bytes."""
  with files.refusing_full_disk(path, needed):
    try:
      yield
    except ValueError as error:
      # tensorstore raises ValueError for everything that the disk refuses.
      code = _CODE.search(str(error))
      if code is None or int(code[1]) not in _FULL:
        raise
      raise OSError(int(code[1]), os.strerror(int(code[1]))) from error


def _keep_orbax_quiet() -> None:
  """Drops the tracebacks Orbax logs of the errors that it raises as well."""
  logger = logging.getLogger('absl')
  if _worth_showing not in logger.filters:
    logger.addFilter(_worth_showing)


def _worth_showing(record: logging.LogRecord) -> bool:
  return not ('orbax' in record.pathname and record.exc_info)
