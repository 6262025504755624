"""Photos to a feature store, shard by shard, resumable, on any number of hosts.

  source ─▶ decode processes ─▶ batches ─▶ device ─▶ shards/NNNNNN ─▶ store
              (bounded queue)    (fixed shape)        (atomic)       (merged)

Host i of n takes shards i, i + n, …; they meet only in files. Batches begin
anew in each shard and have one shape on each device, so neither hosts, nor
processes, nor a restart change a bit of the result.
"""

from collections import Counter
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
  reasons = Counter(q['reason'] for fact in seen for q in fact['quarantine'])
  num_seen = sum(fact['rows'] + len(fact['quarantine']) for fact in seen)
  decoded = decoding.decode_rows(
      source, (row for number in todo for row in ranges[number]),
      preprocess.split(backbone.preprocess).pixels, plan.processes)
  try:
    for number in todo:
      shard = _shard(source, backbone, plan, ranges[number], decoded,
                     progress, stopping)
      reasons.update(entry['reason'] for entry in shard.quarantine)
      shards.check_failures(str(folder), reasons, num_seen + progress.n,
                            plan.max_failed_share)
      shards.save(folder, number, shard)
  finally:
    decoded.close()
  if todo:
    progress.finish()


def _range(number: int, plan: Plan, num_rows: int) -> range:
  start = number * plan.shard_rows
  return range(start, min(start + plan.shard_rows, num_rows))


def _shard(source: Any, backbone: backbones.Backbone, plan: Plan, rows: range,
           decoded: Iterator[decoding.Decoded],
           progress: progress_lib.Progress,
           stopping: Callable[[], bool]) -> shards.Shard:
  """Features of `rows`; the device works on one batch while the next comes."""
  kept, quarantine, features, pixels, running = [], [], [], [], None
  batch_size = plan.batch_size * backbone.num_devices
  def collect(batch: Any) -> None:
    with progress.waiting('device'):
      features.append(np.asarray(batch[0], np.float32)[:batch[1]])
    progress.add(batch[1])
  for _ in rows:
    with progress.waiting('images'):
      row, image = _next(decoded, stopping)
    if isinstance(image, decoding.Bad):
      quarantine.append({'row': row, 'id': str(source.photos.ids[row]),
                         'reason': image.reason, 'text': image.text})
      progress.add(1)
      continue
    kept.append(row)
    pixels.append(image)
    if len(pixels) == batch_size:
      batch, pixels = _start(backbone, pixels, batch_size), []
      if running:
        collect(running)
      running = batch
      if stopping():
        raise Interrupted('stopped')
  for batch in (running, _start(backbone, pixels, batch_size)):
    if batch:
      collect(batch)
  return shards.make(kept, features, backbone.dim, quarantine)


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
           batch_size: int) -> tuple[Any, int] | None:
  """Hands a batch to the device, filled up to its one shape."""
  if not pixels:
    return None
  blank = [np.zeros_like(pixels[0])] * (batch_size - len(pixels))
  return backbone.apply(np.stack(pixels + blank)), len(pixels)
