"""Photos to a feature store, shard by shard, resumable, on any number of hosts.

  source ─▶ decode processes ─▶ batches ─▶ device ─▶ shards/NNNNNN ─▶ store
              (bounded queue)    (fixed shape)        (atomic)       (merged)

Host i of n takes shards i, i + n, …; they meet only in files. Batches begin
anew in each shard and have one shape on each device, so neither hosts, nor
processes, nor a restart change a bit of the result.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator
import dataclasses
import hashlib
import pathlib
import time
from typing import Any

import numpy as np
from pinpoint_jax.features import backbone as backbones
from pinpoint_jax.features import decoding, merge, shards, store, store_writer
from pinpoint_jax.features import progress as progress_lib
from pinpoint_jax.images import preprocess

# A signal to all processes may reach a decode process before this one.
_GRACE_S = 1.0


class Interrupted(Exception):
  """Stopped on request; finished shards are kept."""


@dataclasses.dataclass(frozen=True)
class Plan:
  """How to extract; only shard_rows and batch_size affect the result.

  Attributes:
    shard_rows: photos in a shard, the unit that is kept or redone.
    batch_size: photos at once on each device.
    processes: decode processes; 0 decodes in this one.
    host, num_hosts: which shards are done here.
    max_failed_share: of the photos seen here, above which it stops.
    notes: of the reader, kept with the store.
    licence: of the photos, kept with the store; '' unknown.
  """

  shard_rows: int = 2048
  batch_size: int = 64
  processes: int = 2
  host: int = 0
  num_hosts: int = 1
  max_failed_share: float | int = 0.05
  notes: tuple[str, ...] = ()
  licence: str = ''

  def __post_init__(self):
    if not 0 <= self.host < self.num_hosts:
      raise ValueError(f'host {self.host} of {self.num_hosts}: hosts count '
                       f'from 0 to num_hosts - 1')
    for name in ('shard_rows', 'batch_size'):
      if getattr(self, name) < 1:
        raise ValueError(f'{name}={getattr(self, name)}: must be at least 1')
    if self.processes < 0:
      raise ValueError(f'processes={self.processes}: must be at least 0, which '
                       f'decodes without further processes')
    if not 0 <= self.max_failed_share <= 1:
      raise ValueError(f'max_failed_share={self.max_failed_share}: must be '
                       f'between 0 and 1; 0.05 is 5 %')


def extract(source: Any, backbone: backbones.Backbone, workdir: pathlib.Path,
            plan: Plan = Plan(), stopping: Callable[[], bool] = lambda: False,
            ) -> store.FeatureStore | None:
  """The store at workdir/store; None while other hosts have shards to do.

  If `stopping()` is true after a batch, raises Interrupted.
  """
  if not len(source.photos):
    raise ValueError(f'{workdir}: the data set has no photos')
  store_writer.check_photos(source.photos, 'the data set')
  folder = workdir / 'shards'
  workdir.mkdir(parents=True, exist_ok=True)
  shards.check_job(workdir, _job(source, backbone, plan))
  if finished := merge.finished(workdir):
    if finished.licence != plan.licence:
      print(f'note: {finished.path} was made with licence '
            f'{finished.licence!r}, not {plan.licence!r}: use another workdir '
            f'for that', flush=True)
    merge.clean(workdir)
    return finished
  folder.mkdir(exist_ok=True)
  if plan.num_hosts == 1:  # Others may be at work on theirs.
    shards.remove_partials(folder)
  total = -(-len(source.photos) // plan.shard_rows)
  mine = range(plan.host, total, plan.num_hosts)
  todo = [number for number in mine if _needed(folder, number)]
  seen = [shards.manifest(folder, number)
          for number in sorted(set(mine) - set(todo))]
  _run(source, backbone, folder, plan, todo, seen, stopping)
  if any(shards.state(folder, number) != 'done' for number in range(total)):
    return merge.finished(workdir)
  return merge.merge(source.photos, backbone, workdir, total,
                     plan.max_failed_share, plan.notes, plan.licence)


def _job(source: Any, backbone: backbones.Backbone,
         plan: Plan) -> dict[str, Any]:
  notes = hashlib.sha256('\n'.join(plan.notes).encode()).hexdigest()[:16]
  return {'data': source.photos.fingerprint(), 'backbone': backbone.name,
          'weight_hash': backbone.weight_hash,
          'preprocess': backbone.preprocess, 'shard_rows': plan.shard_rows,
          'batch_size': plan.batch_size, 'notes': notes}


def _needed(folder: pathlib.Path, number: int) -> bool:
  state = shards.state(folder, number)
  if state == 'damaged':
    print(f'{folder}: shard {number} is damaged and is made again', flush=True)
  return state != 'done'


def _run(source: Any, backbone: backbones.Backbone, folder: pathlib.Path,
         plan: Plan, todo: list[int], seen: list[dict[str, Any]],
         stopping: Callable[[], bool]) -> None:
  ranges = {number: _range(number, plan, len(source.photos)) for number in todo}
  progress = progress_lib.Progress(sum(map(len, ranges.values())))
  work = _Work(folder, backbone.dim, progress, seen, plan.max_failed_share)
  decoded = decoding.decode_rows(
      source, (row for number in todo for row in ranges[number]),
      preprocess.split(backbone.preprocess).pixels, plan.processes)
  try:
    for number in todo:
      _shard(source, backbone, plan, ranges[number], decoded, work,
             _Begun(number), stopping)
    work.settle(0)
  except Interrupted:
    work.settle(0)  # Shards whose last batch was on the device.
    raise
  finally:
    decoded.close()
  if todo:
    progress.finish()


@dataclasses.dataclass
class _Begun:
  """A shard under way: what it has so far."""

  number: int
  kept: list[int] = dataclasses.field(default_factory=list)
  quarantine: list[dict[str, Any]] = dataclasses.field(default_factory=list)
  features: list[np.ndarray] = dataclasses.field(default_factory=list)


class _Work:
  """Batches on the device and ends of shards, in order.

  A shard's end waits behind its batches while those of the next one are
  already handed to the device, which so never waits for a shard to be saved.
  """

  def __init__(self, folder: pathlib.Path, dim: int,
               progress: progress_lib.Progress, seen: list[dict[str, Any]],
               max_failed_share: float | int):
    self._folder, self._dim, self.progress = folder, dim, progress
    self._reasons = Counter(
        q['reason'] for fact in seen for q in fact['quarantine'])
    self._num_seen = sum(fact['rows'] + len(fact['quarantine'])
                         for fact in seen)
    self._max_failed_share = max_failed_share
    # A batch and its number of photos; None where the shard ends.
    self._waiting: deque[tuple[_Begun, tuple[Any, int] | None]] = deque()

  def add(self, shard: _Begun, batch: tuple[Any, int] | None) -> None:
    """Takes on a batch or an end, and settles what was before its batch."""
    self._waiting.append((shard, batch))
    self.settle(1)

  def settle(self, running: int) -> None:
    """Collects and saves until so many batches are left on the device."""
    num = sum(batch is not None for _, batch in self._waiting)
    while self._waiting and (num > running or self._waiting[0][1] is None):
      shard, batch = self._waiting.popleft()
      if batch is None:
        self._save(shard)
        continue
      num -= 1
      with self.progress.waiting('device'):
        shard.features.append(np.asarray(batch[0], np.float32)[:batch[1]])
      self.progress.add(batch[1])

  def _save(self, shard: _Begun) -> None:
    self._reasons.update(entry['reason'] for entry in shard.quarantine)
    self._num_seen += len(shard.kept) + len(shard.quarantine)
    shards.check_failures(str(self._folder), self._reasons, self._num_seen,
                          self._max_failed_share)
    shards.save(self._folder, shard.number, shards.make(
        shard.kept, shard.features, self._dim, shard.quarantine))


def _range(number: int, plan: Plan, num_rows: int) -> range:
  start = number * plan.shard_rows
  return range(start, min(start + plan.shard_rows, num_rows))


def _shard(source: Any, backbone: backbones.Backbone, plan: Plan, rows: range,
           decoded: Iterator[decoding.Decoded], work: _Work, shard: _Begun,
           stopping: Callable[[], bool]) -> None:
  """Hands the features of `rows` to `work`, batch by batch."""
  pixels: list[np.ndarray] = []
  batch_size = plan.batch_size * backbone.num_devices
  for _ in rows:
    with work.progress.waiting('images'):
      row, image = _next(decoded, stopping)
    if isinstance(image, decoding.Bad):
      shard.quarantine.append({'row': row, 'id': str(source.photos.ids[row]),
                               'reason': image.reason, 'text': image.text})
      work.progress.add(1)
      continue
    shard.kept.append(row)
    pixels.append(image)
    if len(pixels) == batch_size:
      work.add(shard, _start(backbone, pixels, batch_size))
      pixels = []
      if stopping():
        raise Interrupted('stopped')
  if pixels:
    work.add(shard, _start(backbone, pixels, batch_size))
  work.add(shard, None)


def _next(decoded: Iterator[decoding.Decoded],
          stopping: Callable[[], bool]) -> decoding.Decoded:
  try:
    return next(decoded)
  except decoding.ProcessDied as error:
    time.sleep(_GRACE_S)
    if stopping():
      raise Interrupted('stopped, and so were its decode processes') from error
    raise


def _start(backbone: backbones.Backbone, pixels: list[np.ndarray],
           batch_size: int) -> tuple[Any, int]:
  """Hands a batch to the device, filled up to its one shape."""
  blank = [np.zeros_like(pixels[0])] * (batch_size - len(pixels))
  return backbone.apply(np.stack(pixels + blank)), len(pixels)
