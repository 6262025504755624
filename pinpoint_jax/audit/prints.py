"""Fingerprints of a data set's photos: made once, part by part, and kept.

  FOLDER/about.json                  which photos, how fingerprints are made
  FOLDER/part_00000/id.npy           [n]
                    latlng_deg.npy   float32 [n, 2]
                    fingerprint.npy  bytes [n, 1168], 0 where it failed
                    failed.npy       why a photo has none, '' if it has one

Every part is sealed: a stopped run goes on after the last one, and a changed
byte is found before it is used.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
import dataclasses
import functools
import json
import pathlib
from typing import Any

from jaxtyping import Float, Int, UInt8
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.disk import parts
from pinpoint_jax.features import decoding, shards
from pinpoint_jax.features import progress as progress_lib
from pinpoint_jax.images import fingerprint

_KIND = 'fingerprints of pictures'
_PART_ROWS = 4096
# What float32 makes of a place, in degrees, with room.
_SAME_PLACE_DEG = 1e-4


def make(source: Any, folder: pathlib.Path, processes: int = 2,
         max_failed_share: float | int = .05,
         stopping: Callable[[], bool] = lambda: False,
         part_rows: int = _PART_ROWS) -> 'Prints':
  """Fingerprints of all photos of a source, those that are there kept.

  `source` has `photos` and `read(row) -> bytes`. If `stopping()` is true after
  a photo, raises parts.Interrupted.
  """
  count = len(source.photos)
  if not count:
    raise ValueError(f'{folder}: the data set has no photos')
  table = parts.Folder(folder, {
      'kind': _KIND, 'version': fingerprint.VERSION, 'rows': count,
      'part_rows': part_rows, 'photos': source.photos.fingerprint()})
  ranges = list(blocks.slices(count, part_rows))
  todo = [i for i in range(len(ranges)) if not table.has(i)]
  rows = [row for i in todo for row in range(count)[ranges[i]]]
  decoded = decoding.decode_rows(source, iter(rows), fingerprint.fingerprint,
                                 processes)
  shown, reasons = progress_lib.Progress(len(rows), unit='photos'), Counter()
  try:
    for i in todo:
      part = _part(source.photos, range(count)[ranges[i]], decoded, shown,
                   stopping)
      reasons.update(part['failed'][part['failed'] != ''].tolist())
      shards.check_failures(str(folder), reasons, int(shown.n),
                            max_failed_share)
      table.write(i, part)
  finally:
    decoded.close()
  if todo:
    shown.finish()
  return Prints(table.open(len(ranges)))


def _part(photos: types.Photos, rows: range,
          decoded: Iterator[decoding.Decoded], shown: progress_lib.Progress,
          stopping: Callable[[], bool]) -> dict[str, np.ndarray]:
  made = np.zeros((len(rows), fingerprint.NUM_BYTES), np.uint8)
  failed = [''] * len(rows)
  for i, (_, result) in zip(range(len(rows)), decoded):
    if isinstance(result, decoding.Bad):
      failed[i] = result.reason
    else:
      made[i] = result
    shown.add(1)
    if stopping():
      raise parts.Interrupted('stopped')
  at = slice(rows.start, rows.stop)
  return {'id': photos.ids[at],
          'latlng_deg': photos.latlng_deg[at].astype('<f4'),
          'fingerprint': made, 'failed': np.asarray(failed, np.str_)}


def open_prints(folders: Sequence[str | pathlib.Path]) -> 'Prints':
  """Fingerprints in folders as one table; refuses what `make` did not finish,
  other versions and ids that are in several."""
  tables = [_open(pathlib.Path(folder)) for folder in folders]
  if not tables:
    raise ValueError('no folder of fingerprints is named')
  joined = Prints(parts.Table(
      [part for table in tables for part in table.parts],
      ' '.join(table.fingerprint for table in tables)))
  names, counts = np.unique(joined.ids, return_counts=True)
  if (counts > 1).any():
    raise ValueError(f'{", ".join(map(str, folders))}: {(counts > 1).sum():,} '
                     f'ids have several fingerprints, the first is '
                     f'{str(names[counts > 1][0])!r}: name each data set once')
  return joined


def _open(folder: pathlib.Path) -> parts.Table:
  path = folder / parts.ABOUT
  try:
    about = dict(json.loads(path.read_text(encoding='utf-8')))
    facts = (about['kind'], about['version'],
             range(0, about['rows'], about['part_rows']))
  except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
    raise ValueError(f'{folder} holds no {_KIND} ({path.name}: {error!r}): '
                     f'make them with hash_photos') from None
  if facts[:2] != (_KIND, fingerprint.VERSION):
    raise ValueError(f'{folder} holds {facts[0]!r:.60} of version '
                     f'{facts[1]!r:.20}, expected {_KIND} of version '
                     f'{fingerprint.VERSION}: make them again')
  table, count = parts.Folder(folder, about), len(facts[2])
  missing = [number for number in range(count) if not table.has(number)]
  if missing:
    raise ValueError(f'{folder}: {len(missing)} of {count} parts are missing, '
                     f'the first is {missing[0]}: run hash_photos again, it '
                     f'goes on where it stopped')
  return table.open(count)


def in_memory(ids: types.Strings, latlng_deg: Float[np.ndarray, 'n 2'],
              made: UInt8[np.ndarray, 'n 1168']) -> 'Prints':
  """Fingerprints that are in no folder."""
  return Prints(parts.Table([{
      'id': ids, 'latlng_deg': latlng_deg, 'fingerprint': made,
      'failed': np.full(len(ids), '', np.str_)}], ''))


@dataclasses.dataclass(frozen=True)
class Prints:
  """Fingerprints by number.

  Attributes:
    table: all parts, memory-mapped.
  """

  table: parts.Table

  def __len__(self) -> int:
    return len(self.table)

  @functools.cached_property
  def ids(self) -> types.Strings:
    """Id of each photo."""
    return self._column('id')

  @functools.cached_property
  def failed(self) -> types.Strings:
    """Why a photo has no fingerprint; '' for one that has."""
    return self._column('failed')

  def take(self, rows: Int[np.ndarray, 'm']) -> UInt8[np.ndarray, 'm 1168']:
    """Fingerprints of those rows."""
    taken = np.empty((len(rows), fingerprint.NUM_BYTES), np.uint8)
    ends = np.cumsum([len(part['failed']) for part in self.table.parts])
    for i, at, inside in blocks.by_part(ends, rows):
      taken[at] = self.table.parts[i]['fingerprint'][inside]
    return taken

  def of(self, photos: types.Photos, where: str) -> Int[np.ndarray, 'n']:
    """Row of each photo's fingerprint, -1 where there is none.

    Refuses a photo that lies elsewhere than the one of its id: the fingerprint
    is stale, or of another data set that uses the same ids.
    """
    order = np.argsort(self.ids)
    at = np.searchsorted(self.ids[order], photos.ids).clip(0, len(self) - 1)
    rows = np.where(self.ids[order[at]] == photos.ids, order[at], -1)
    self._check_places(photos, rows, where)
    return np.where((rows >= 0) & (self.failed[rows] == ''), rows, -1)

  def _check_places(self, photos: types.Photos, rows: Int[np.ndarray, 'n'],
                    where: str) -> None:
    off = np.abs(self._column('latlng_deg')[rows] - photos.latlng_deg)
    moved = np.flatnonzero((rows >= 0) & (off > _SAME_PLACE_DEG).any(axis=1))
    if len(moved):
      raise ValueError(
          f'{where}: {len(moved):,} photos lie elsewhere than when their '
          f'fingerprints were made, the first is '
          f'{str(photos.ids[moved[0]])!r}: the fingerprints are stale or of '
          f'another data set; make them again in another folder')

  def _column(self, name: str) -> np.ndarray:
    return np.concatenate([part[name] for part in self.table.parts])


def coverage(rows: Int[np.ndarray, 'n']) -> Mapping[str, int]:
  """How many photos have a fingerprint, and how many have not."""
  return {'with': int((rows >= 0).sum()), 'without': int((rows < 0).sum())}
