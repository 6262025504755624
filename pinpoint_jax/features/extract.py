"""Photos to a feature store, shard by shard, resumable, on any number of hosts.

  source ─▶ decode processes ─▶ batches ─▶ device ─▶ shards/NNNNNN ─▶ store
              (bounded queue)    (fixed shape)        (atomic)       (merged)

Host i of n takes shards i, i + n, …; they meet only in files. Batches begin
anew in each shard and have one shape, so neither hosts, nor processes, nor a
restart change a bit of the result.
"""

from collections import Counter
from collections.abc import Iterator
import dataclasses
import hashlib
import json
import pathlib
import shutil
from typing import Any

import numpy as np
from pinpoint_jax.features import (
  backbone as backbones,
)
from pinpoint_jax.features import (
  decoding,
  files,
  shards,
  store,
  store_writer,
)
from pinpoint_jax.features import progress as progress_lib
from pinpoint_jax.images import preprocess

# Too few to judge a share by.
_MIN_SEEN = 50


class TooManyFailures(ValueError):
  """More photos fail than was allowed; the data is probably not what it was."""


class Interrupted(Exception):
  """Asked to stop; finished shards are kept."""


@dataclasses.dataclass(frozen=True)
class Plan:
  """How to go about it; only shard_rows and batch_size touch the result.

  Attributes:
    shard_rows: photos in a shard, the unit that is kept or redone.
    batch_size: photos at once on the devices.
    processes: decode processes; 0 decodes in this one.
    host, num_hosts: which shards are done here.
    max_failed_share: of the photos seen here, above which it stops.
    notes: what the reader said, to be kept with the store.
  """

  shard_rows: int = 2048
  batch_size: int = 64
  processes: int = 2
  host: int = 0
  num_hosts: int = 1
  max_failed_share: float = 0.05
  notes: tuple[str, ...] = ()

  def __post_init__(self):
    if not 0 <= self.host < self.num_hosts:
      raise ValueError(f'host {self.host} of {self.num_hosts}: hosts count '
                       f'from 0 to num_hosts - 1')
    for name in ('shard_rows', 'batch_size'):
      if getattr(self, name) < 1:
        raise ValueError(f'{name}={getattr(self, name)}: must be at least 1')


def extract(source: Any, backbone: backbones.Backbone, workdir: pathlib.Path,
            plan: Plan = Plan(),
            stopping: Any = None) -> store.FeatureStore | None:
  """The store at workdir/store; None while other hosts have shards to do.

  `stopping()`, asked after each batch, ends it early with Interrupted.
  """
  if (workdir / 'store' / store.MANIFEST).is_file():
    _check_job(workdir, source, backbone, plan)
    return store.open_store(workdir / 'store')
  folder = workdir / 'shards'
  folder.mkdir(parents=True, exist_ok=True)
  _check_job(workdir, source, backbone, plan)
  for partial in folder.glob(f'.*{"" if plan.num_hosts == 1 else "."}tmp'):
    if plan.num_hosts == 1:  # Others may be at work on theirs.
      partial.unlink()
  total = -(-len(source.photos) // plan.shard_rows)
  mine = range(plan.host, total, plan.num_hosts)
  todo = [number for number in mine if _needed(folder, number)]
  seen = [shards.facts(folder, number)
          for number in sorted(set(mine) - set(todo))]
  _run(source, backbone, folder, plan, todo, seen, stopping or (lambda: False))
  if any(shards.state(folder, number) != 'done' for number in range(total)):
    return _finished_elsewhere(workdir)
  return _merge(source, backbone, workdir, plan, total)


def _needed(folder: pathlib.Path, number: int) -> bool:
  state = shards.state(folder, number)
  if state == 'damaged':
    print(f'{folder}: shard {number} is damaged and is made again', flush=True)
  return state != 'done'


def _run(source: Any, backbone: backbones.Backbone, folder: pathlib.Path,
         plan: Plan, todo: list[int], seen: list[dict[str, Any]],
         stopping: Any) -> None:
  ranges = {number: _range(number, plan, len(source.photos)) for number in todo}
  progress = progress_lib.Progress(sum(map(len, ranges.values())))
  failures = Counter(q['reason'] for fact in seen for q in fact['quarantine'])
  num_seen = sum(fact['rows'] + len(fact['quarantine']) for fact in seen)
  decoded = decoding.decode_rows(
      source, (row for number in todo for row in ranges[number]),
      preprocess.split(backbone.preprocess).pixels, plan.processes)
  try:
    for number in todo:
      shard = _shard(source, backbone, plan, ranges[number], decoded,
                     progress, stopping)
      failures.update(entry['reason'] for entry in shard.quarantine)
      _check_failures(folder, failures, num_seen + progress.done,
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
           progress: progress_lib.Progress, stopping: Any) -> shards.Shard:
  """Features of `rows`; the device works on one batch while the next comes."""
  kept, quarantine, features, pixels, running = [], [], [], [], None
  def collect(batch: Any) -> None:
    with progress.waiting('device'):
      features.append(np.asarray(batch[0], np.float32)[:batch[1]])
    progress.add(batch[1])
  for _ in rows:
    with progress.waiting('images'):
      row, image = next(decoded)
    if isinstance(image, decoding.Bad):
      quarantine.append({'row': row, 'id': str(source.photos.ids[row]),
                         'reason': image.reason, 'text': image.text})
      progress.add(1)
      continue
    kept.append(row)
    pixels.append(image)
    if len(pixels) == plan.batch_size:
      batch, pixels = _start(backbone, pixels, plan.batch_size), []
      if running:
        collect(running)
      running = batch
      if stopping():
        raise Interrupted('stopped')
  for batch in (running, _start(backbone, pixels, plan.batch_size)):
    if batch:
      collect(batch)
  return shards.make(kept, features, backbone.dim, quarantine)


def _start(backbone: backbones.Backbone, pixels: list[np.ndarray],
           batch_size: int) -> tuple[Any, int] | None:
  """Hands a batch to the device, filled up to its one shape."""
  if not pixels:
    return None
  blank = [np.zeros_like(pixels[0])] * (batch_size - len(pixels))
  return backbone.apply(np.stack(pixels + blank)), len(pixels)


def _check_failures(folder: pathlib.Path, failures: Counter[str], seen: int,
                    allowed: float) -> None:
  failed = failures.total()
  if seen >= _MIN_SEEN and failed > allowed * seen:
    raise TooManyFailures(
        f'{folder}: {failed} of {seen} photos give no feature '
        f'{dict(failures.most_common())}, more than max_failed_share={allowed};'
        f' look at the data, or raise the share')


def _merge(source: Any, backbone: backbones.Backbone, workdir: pathlib.Path,
           plan: Plan, total: int) -> store.FeatureStore | None:
  """All shards, in order, as one store; whoever is first may do it."""
  folder = workdir / 'shards'
  try:
    facts = [shards.facts(folder, number) for number in range(total)]
    rows = np.concatenate([shards.load(folder, n).rows for n in range(total)])
    quarantine = [entry for fact in facts for entry in fact['quarantine']]
    zeroed = sum(fact['zeroed'] for fact in facts)
    _check_failures(folder, Counter(q['reason'] for q in quarantine),
                    len(source.photos), plan.max_failed_share)
    notes = plan.notes + ((
        f'{zeroed} values were not finite in float16 and are 0',)
                          if zeroed else ())
    made = store_writer.write(
        workdir / 'store', source.photos.take(rows),
        (shards.load(folder, number).features for number in range(total)),
        backbone.dim, store_writer.Facts(
            backbone.name, backbone.weight_hash, backbone.preprocess, notes),
        quarantine)
  except FileNotFoundError:
    found = _finished_elsewhere(workdir)  # Its shards went before our eyes.
    if found is None:
      raise
    return found
  shutil.rmtree(folder, ignore_errors=True)
  return made


def _finished_elsewhere(workdir: pathlib.Path) -> store.FeatureStore | None:
  there = (workdir / 'store' / store.MANIFEST).is_file()
  return store.open_store(workdir / 'store') if there else None


def _check_job(workdir: pathlib.Path, source: Any,
               backbone: backbones.Backbone, plan: Plan) -> None:
  """Refuses to go on with shards of other photos, models or batches."""
  job = {'data': source.photos.fingerprint(), 'backbone': backbone.name,
         'weight_hash': backbone.weight_hash,
         'preprocess': backbone.preprocess, 'shard_rows': plan.shard_rows,
         'batch_size': plan.batch_size, 'notes': hashlib.sha256(
             '\n'.join(plan.notes).encode()).hexdigest()[:16]}
  path = workdir / 'job.json'
  if not path.is_file():
    files.write_json(path, job)
    return
  saved = json.loads(path.read_text())
  changed = [f'{name} {saved.get(name)} → {value}'
             for name, value in job.items() if saved.get(name) != value]
  if changed:
    raise ValueError(
        f'{workdir} belongs to another extraction ({", ".join(changed)}); '
        f'continue with what it began with, or use another workdir')
