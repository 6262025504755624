"""Features of a person's photos: one store of each source, kept up to date.

  FOLDER/new/           photos that have no feature yet, being extracted
  FOLDER/000007/        the store of all of them, and which bytes it saw

The next number is written beside the last and takes its place when it is whole:
whatever stops this, one of them is there, and shards of `new` are kept.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import json
import os
import pathlib
import shutil

from input_pipeline.datasets import own_photos
from input_pipeline.datasets.own_photos import Tagged
import jax
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.disk import files
from pinpoint_jax.features import backbone as backbones
from pinpoint_jax.features import extract, store_writer
from pinpoint_jax.features import store as stores

RECORD, STORE = 'photos.json', 'store'
_NEW = 'new'
# A kill costs the work on so many photos at most.
_SHARD_ROWS = 256
# Batches are filled up: a single new photo must not cost as much as many.
_BATCH = {'cpu': 8}
_ACCELERATOR_BATCH = 64
# To start decode processes takes longer than to decode so few.
_FEW = 32
# Reasons that another look may not find again.
_PASSING = ('changed', 'unreadable', 'memory')
# Id -> digest, reason, sentence.
Failed = Mapping[str, Sequence[str]]


@dataclasses.dataclass(frozen=True)
class Kept:
  """Features of one source's photos.

  Attributes:
    path: their folder.
    store: the features.
    digests: of the bytes that they are of, by id.
    failed: photos that gave no feature.
  """

  path: pathlib.Path
  store: stores.FeatureStore
  digests: Mapping[str, str]
  failed: Failed


def update(folder: pathlib.Path, scan: own_photos.Scan, source: str,
           backbone_fn: Callable[[], backbones.Backbone],
           forget: Callable[[Sequence[str]], None]) -> Kept | None:
  """Features of just the scanned photos of a source; None without a photo.

  backbone_fn: called if a photo has no feature yet.
  forget: called with the ids of features that end here, before they do.
  """
  wanted = [photo for photo in scan.tagged if photo.source == source]
  kept = current(folder)
  new = [photo for photo in wanted if not _is_known(kept, photo)]
  batch = _extracted(folder / _NEW, scan, new, backbone_fn) if new else None
  parts = [part for part in (kept, batch) if part]
  _check_alike(parts)
  chosen = _chosen(parts, wanted)
  failed = _failed(parts, wanted)
  old = set(kept.digests) if kept else set()
  stay = {name for name, part, _ in chosen if part is kept}
  if kept and not batch and old == stay and dict(kept.failed) == failed:
    return kept
  if ended := sorted(old - stay):
    forget(ended)
  kept = _published(folder, kept, chosen, failed, scan) if chosen else None
  _sweep(folder, kept)
  return kept


def current(folder: pathlib.Path) -> Kept | None:
  """The newest whole store and its record."""
  numbers = sorted(path for path in folder.glob('[0-9]*')
                   if (path / RECORD).is_file())
  return _opened(numbers[-1], numbers[-1] / STORE) if numbers else None


def _opened(path: pathlib.Path, store: pathlib.Path) -> Kept:
  record = json.loads((path / RECORD).read_text(encoding='utf-8'))
  return Kept(path, stores.open_store(store), record['digests'],
              record['failed'])


def _is_known(kept: Kept | None, photo: Tagged) -> bool:
  return kept is not None and (
      kept.digests.get(photo.id) == photo.digest
      or kept.failed.get(photo.id, ('',))[0] == photo.digest)


def _extracted(workdir: pathlib.Path, scan: own_photos.Scan,
               new: Sequence[Tagged],
               backbone_fn: Callable[[], backbones.Backbone]) -> Kept:
  """Features of new photos; a list that was begun is finished first."""
  backbone = backbone_fn()  # One that is missing is missed now.
  listed = _begun(workdir, new)
  source = scan.pictures(listed)
  processes = 0 if len(listed) <= _FEW else max(1, _num_cores() - 1)
  store = extract.extract(source, backbone, workdir, extract.Plan(
      _SHARD_ROWS, _BATCH.get(jax.default_backend(), _ACCELERATOR_BATCH),
      processes, max_failed_share=1., licence=scan.licence))
  digests = {photo.id: photo.digest for photo in listed}
  failed = {}
  for line in store.files.read(stores.QUARANTINE).decode().splitlines():
    entry = json.loads(line)
    failed[entry['id']] = (digests.pop(entry['id']), entry['reason'],
                           entry['text'])
  return Kept(workdir, store, digests, failed)


def _check_alike(parts: Sequence[Kept]) -> None:
  """Refuses new features that do not compare with those of before."""
  for name in types.BACKBONE_KEYS:
    values = [part.store.manifest[name] for part in parts]
    if values[1:] and values[0] != values[1]:
      raise ValueError(
          f'{parts[0].path} has features whose {name} is {values[0]}, and now '
          f'it is {values[1]}: they do not compare; choose another --out')


def _begun(workdir: pathlib.Path, new: Sequence[Tagged]) -> tuple[Tagged, ...]:
  """Photos of a stopped extraction if most are still wanted; else `new`."""
  path = workdir / RECORD
  if path.is_file():
    listed = tuple(
        Tagged(**entry | {'latlng_deg': tuple(entry['latlng_deg'])})
        for entry in json.loads(path.read_text(encoding='utf-8'))['photos'])
    if 2 * len(set(listed) & set(new)) >= len(listed):
      return listed
  shutil.rmtree(workdir, ignore_errors=True)
  workdir.mkdir(parents=True)
  files.write_json(path, {'photos': [dataclasses.asdict(photo)
                                     for photo in new]})
  return tuple(new)


def _num_cores() -> int:
  return len(os.sched_getaffinity(0))


_Row = tuple[str, Kept, int]


def _chosen(parts: Sequence[Kept], wanted: Sequence[Tagged]) -> list[_Row]:
  """Id, store and row of each wanted photo, of its present bytes, by id."""
  digests = {photo.id: photo.digest for photo in wanted}
  chosen: dict[str, _Row] = {}
  for part in parts:
    for row, name in enumerate(part.store.ids().tolist()):
      if part.digests[name] == digests.get(name):
        chosen[name] = (name, part, row)
  return [chosen[name] for name in sorted(chosen)]


def _failed(parts: Sequence[Kept], wanted: Sequence[Tagged]) -> dict[
    str, list[str]]:
  digests = {photo.id: photo.digest for photo in wanted}
  return {name: list(entry) for part in parts
          for name, entry in part.failed.items()
          if entry[0] == digests.get(name)}


def _published(folder: pathlib.Path, kept: Kept | None,
               chosen: Sequence[_Row], failed: Failed,
               scan: own_photos.Scan) -> Kept:
  """Writes the chosen rows as the next number."""
  path = folder / f'{int(kept.path.name) + 1 if kept else 0:06d}'
  about = {photo.id: photo for photo in scan.tagged}
  photos = scan.pictures([about[name] for name, _, _ in chosen]).photos
  origin = chosen[0][1].store.manifest
  features = np.stack([part.store.features[row] for _, part, row in chosen])
  files.remove_partials(path)
  draft = files.fresh_folder(path)
  store_writer.write(
      draft / STORE, photos, [features], features.shape[1],
      store_writer.FeatureOrigin(origin['backbone'], origin['weight_hash'],
                                 origin['preprocess'],
                                 licence=scan.licence))
  files.write_json(draft / RECORD, {
      'digests': {name: about[name].digest for name, _, _ in chosen},
      'failed': {name: entry for name, entry in failed.items()
                 if entry[1] not in _PASSING}})
  draft.rename(path)
  files.sync_folder(folder)
  return _opened(path, path / STORE)


def _sweep(folder: pathlib.Path, kept: Kept | None) -> None:
  """Removes what the newest number has taken the place of."""
  for path in folder.glob('*'):
    if kept is None or path != kept.path:
      shutil.rmtree(path, ignore_errors=True)
