"""Rows of feature stores by number, as training reads them.

Features are read in blocks, a few of which are held:

  chosen rows   0 … 4095 │ 4096 … 8191 │ …        block_rows = 4096
  stores        one read of the range that covers them, held-out rows included

For stores larger than memory: a row alone is 3 KB, far below what makes a disk
fast. Blocks used longest ago go first.
"""

import collections
from collections.abc import Sequence
from concurrent import futures
import dataclasses
import functools
import hashlib
import os
import threading
from typing import Any

from jaxtyping import Bool, Float, Float16, Int
import numpy as np
from pinpoint_jax import blocks as blocks_lib
from pinpoint_jax import types
from pinpoint_jax.features import folds, store
from pinpoint_jax.features.store import FEATURES, BadStore, FeatureStore
from pinpoint_jax.geo import coords

# One read at a time leaves a disk waiting between reads.
_NUM_AHEAD = 2
_Block = Float[np.ndarray, 'c d']


class BlockReader:
  """Rows of stores laid end to end, read block by block; threads may share it.

  Attributes:
    num_reads: blocks read so far, of which `max_blocks` are held at most.
  """

  def __init__(self, stores: Sequence[FeatureStore],
               chosen: Int[np.ndarray, 'n'], block_rows: int, max_blocks: int):
    if block_rows < 1 or max_blocks < 1:
      raise ValueError(f'block_rows={block_rows}, max_blocks={max_blocks}: '
                       f'must be at least 1')
    if (np.diff(chosen) <= 0).any():
      raise ValueError('rows in blocks must be chosen in rising order')
    self._chosen, self._dim = chosen, stores[0].manifest['dim']
    self._ends = np.cumsum([len(store) for store in stores])
    self._paths = [store.files.path(FEATURES) for store in stores]
    self._block_rows, self._max_blocks = block_rows, max_blocks
    self._held = collections.OrderedDict()
    self._lock = threading.Lock()
    self._ahead = futures.ThreadPoolExecutor(_NUM_AHEAD, 'block_reader')
    self.num_reads = 0

  def __len__(self) -> int:
    """Blocks held now."""
    return len(self._held)

  def rows(self, rows: Int[np.ndarray, 'b']) -> Float[np.ndarray, 'b d']:
    """Features of those chosen rows, float16 [b, d]."""
    blocks = rows // self._block_rows
    order = np.argsort(blocks, kind='stable')
    numbers, starts = np.unique(blocks[order], return_index=True)
    features = np.empty((len(rows), self._dim), np.float16)
    for number, at in zip(numbers.tolist(), np.split(order, starts[1:])):
      inside = self._chosen[rows[at]] - self._chosen[number * self._block_rows]
      features[at] = self._block(number)[inside]
    return features

  def expect(self, blocks: Sequence[int]) -> None:
    """Begins to read those blocks in another thread."""
    for number in blocks:
      promised, new = self._claim(number)
      if new:
        self._ahead.submit(self._fill, number, promised)

  def _block(self, number: int) -> _Block:
    promised, new = self._claim(number)
    if new:
      self._fill(number, promised)
    return promised.result()

  def _claim(self, number: int) -> tuple[futures.Future, bool]:
    """The promise of a block, and whether the caller has to fulfil it."""
    with self._lock:
      new = number not in self._held
      if new:
        self._held[number] = futures.Future()
        self.num_reads += 1
      self._held.move_to_end(number)
      promised = self._held[number]
      while len(self._held) > self._max_blocks:
        self._held.popitem(last=False)
      return promised, new

  def _fill(self, number: int, promised: futures.Future) -> None:
    try:
      promised.set_result(self._read(number))
    except BaseException as error:
      with self._lock:  # The next reader tries again.
        self._held.pop(number, None)
      promised.set_exception(error)

  def _read(self, number: int) -> _Block:
    first = number * self._block_rows
    last = min(first + self._block_rows, len(self._chosen)) - 1
    begin, end = int(self._chosen[first]), int(self._chosen[last]) + 1
    block = np.empty((end - begin, self._dim), '<f2')
    start = 0
    for path, stop in zip(self._paths, self._ends.tolist()):
      low, high = max(begin, start), min(end, stop)
      if low < high:
        _read_into(path, low - start, block[low - begin:high - begin])
      start = stop
    return block


def _read_into(path: os.PathLike, first_row: int, rows: _Block) -> None:
  """Fills `rows` from the file of features at `path`."""
  with open(path, 'rb', buffering=0) as file:
    file.seek(first_row * rows.shape[1] * rows.itemsize)
    room = memoryview(rows).cast('B')
    while room:
      count = file.readinto(room)
      if not count:
        raise BadStore(f'{path} ends before row {first_row + len(rows)}')
      room = room[count:]


@dataclasses.dataclass(frozen=True)
class StoreRows:
  """Some rows of one source's stores, as if they were one table.

  Attributes:
    stores: of one source, one backbone and one preprocessing.
    chosen: which rows of the stores laid end to end, [n].
    block_rows: chosen rows that are read from disk together; 0 reads each row
      for itself, best where the stores fit in memory.
    held_blocks: blocks that stay in memory.
  """

  stores: Sequence[store.FeatureStore]
  chosen: Int[np.ndarray, 'n']
  block_rows: int = 0
  held_blocks: int = 0

  def __len__(self) -> int:
    return len(self.chosen)

  def __getitem__(self, row: int) -> dict[str, np.ndarray]:
    batch = self.__getitems__([row])
    return {name: column[0] for name, column in batch.items()}

  def __getitems__(self, rows: Sequence[int]) -> dict[str, np.ndarray]:
    """Features float16 [b, d], places xyz float32 [b, 3], row numbers [b]."""
    rows = np.asarray(rows, np.int64)
    features = (self.reader.rows(rows) if self.block_rows
                else self._features(self.chosen[rows]))
    return {'features': features, 'xyz': self.xyz[rows],
            'row': rows.astype(np.int32)}

  def read(self, rows: Sequence[int] | None = None) -> Float16[
      np.ndarray, 'b d']:
    """Features of some rows, of all where none are named."""
    return self.__getitems__(range(len(self)) if rows is None else rows)[
        'features']

  def expect(self, blocks: Sequence[int]) -> None:
    """Begins to read blocks that will be needed."""
    if self.block_rows:
      self.reader.expect(blocks)

  @functools.cached_property
  def reader(self) -> BlockReader:
    """What reads and holds blocks."""
    return BlockReader(self.stores, self.chosen, self.block_rows,
                       self.held_blocks)

  @functools.cached_property
  def photos(self) -> types.Photos:
    """Who took what, where."""
    return concatenate([s.photos for s in self.stores]).take(self.chosen)

  @functools.cached_property
  def xyz(self) -> np.ndarray:
    """Unit vectors, float32 [n, 3]; one place has one vector."""
    return coords.to_xyz(self.photos.latlng_deg).astype(np.float32)

  @property
  def dim(self) -> int:
    """Dimension of the features."""
    return self.stores[0].manifest['dim']

  def take(self, rows: Int[np.ndarray, 'm']) -> 'StoreRows':
    """Some of the rows."""
    return StoreRows(self.stores, self.chosen[rows])

  def trained_on(self) -> dict[str, Any]:
    """How many rows, and a fingerprint of which: recorded with a model."""
    return {'rows': len(self), 'fingerprint': self.fingerprint()}

  def fingerprint(self) -> str:
    """Content hash of any store and any chosen row."""
    digest = hashlib.sha256(
        ' '.join(s.fingerprint() for s in self.stores).encode())
    digest.update(np.ascontiguousarray(self.chosen, '<i8').tobytes())
    return digest.hexdigest()[:16]

  def _features(self, rows: np.ndarray) -> np.ndarray:
    if len(self.stores) == 1:
      return np.asarray(self.stores[0].features[rows])
    ends = np.cumsum([len(s) for s in self.stores])
    features = np.empty((len(rows), self.dim), np.float16)
    for i, at, inside in blocks_lib.by_part(ends, rows):
      features[at] = self.stores[i].features[inside]
    return features


@dataclasses.dataclass(frozen=True)
class SplitRule:
  """Which rows validate: a fold of authors and sequences, or some ids.

  Attributes:
    validation_percent: of the ids, where there are no folds.
    num_folds: 0 goes by the ids.
    fold: the one that validates.
    block_km: rows in a block with a row of that fold are not trained on
      either; 0 trains on them.
  """

  validation_percent: float | int = 1.
  num_folds: int = 0
  fold: int = 0
  block_km: float | int = 0

  def held_out(self, rows: StoreRows,
               *others: StoreRows) -> Bool[np.ndarray, 'n']:
    """Which of the rows validate; no author is parted from the others' rows,
    which are those of other sources."""
    if not self.num_folds:
      return held_out(rows.photos.ids, self.validation_percent)
    if not 0 <= self.fold < self.num_folds:
      raise ValueError(f'--config.folds.index={self.fold}: counts from 0 to '
                       f'{self.num_folds - 1}')
    tables = {part.photos.source: part.photos for part in sorted(
        (rows, *others), key=lambda part: part.photos.source)}
    numbers = dict(zip(tables, folds.of_photos(
        list(tables.values()), self.num_folds)))
    return numbers[rows.photos.source] == self.fold

  def too_near(self, rows: StoreRows,
               *others: StoreRows) -> Bool[np.ndarray, 'n']:
    """Which of the rows neither validate nor are trained on."""
    if not self.block_km or not self.num_folds:
      return np.zeros(len(rows), bool)
    parts = (rows, *others)
    held_out = [self.held_out(part, *(other for other in parts
                                      if other is not part))
                for part in parts]
    return folds.too_near([part.photos for part in parts], held_out,
                          self.block_km)[0]


def open_rows(paths: Sequence[str]) -> StoreRows:
  """All rows of the stores at `paths`, which must have been made alike."""
  stores = [store.open_store(path) for path in paths]
  for name in ('source', *types.BACKBONE_KEYS):
    values = {str(s.path): s.manifest[name] for s in stores}
    if len(set(values.values())) > 1:
      raise store.BadStore(f'stores of one source differ in {name}: {values}')
  return StoreRows(stores, np.arange(sum(len(s) for s in stores)))


def open_named(source: types.Source, paths: str, where: str) -> StoreRows:
  """All rows of one source's stores; `where` says who names the paths."""
  if not paths:
    raise ValueError(f'{where} is empty: name a feature store of {source} '
                     f'features, or several between commas')
  rows = open_rows(paths.split(','))
  if rows.photos.source != source:
    raise ValueError(f'{where}={paths} holds {rows.photos.source} features')
  return rows


def concatenate(tables: Sequence[types.Photos]) -> types.Photos:
  """One table of photos; ids must stay unique."""
  columns = [np.concatenate([getattr(t, name) for t in tables])
             for name in ('ids', 'latlng_deg', 'authors', 'sequences')]
  ids, counts = np.unique(columns[0], return_counts=True)
  if (counts > 1).any():
    raise ValueError(f'{int((counts > 1).sum())} ids are in several stores, '
                     f'the first is {str(ids[counts > 1][0])!r}')
  return types.Photos(*columns, source=tables[0].source)


def held_out(ids: types.Strings, percent: float | int) -> Bool[
    np.ndarray, 'n']:
  """Which ids validate: the last `percent` of a hundred by their md5."""
  limit = round(10000 * (1 - percent / 100))
  return np.asarray([_hash(name) >= limit for name in ids.tolist()], bool)


def _hash(name: str) -> int:
  # As md5 mod 100, but in hundredths, so that shares below 1 % exist.
  digest = int(folds.digest(name), 16)
  return digest % 100 * 100 + digest // 100 % 100
