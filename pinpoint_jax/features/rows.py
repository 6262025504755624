"""Rows of feature stores by number, as training reads them."""

from collections.abc import Sequence
import dataclasses
import functools
import hashlib
from typing import Any

from jaxtyping import Bool, Float16, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.features import block_reader, folds, store
from pinpoint_jax.geo import coords


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
  def reader(self) -> block_reader.BlockReader:
    """What reads and holds blocks."""
    return block_reader.BlockReader(self.stores, self.chosen, self.block_rows,
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
    which = np.searchsorted(ends, rows, side='right')
    features = np.empty((len(rows), self.dim), np.float16)
    for i, opened in enumerate(self.stores):
      at = which == i
      features[at] = opened.features[rows[at] - (ends[i] - len(opened))]
    return features


@dataclasses.dataclass(frozen=True)
class SplitRule:
  """Which rows validate: a fold of authors and sequences, or some ids.

  Attributes:
    validation_percent: of the ids, where there are no folds.
    num_folds: 0 goes by the ids.
    fold: the one that validates.
  """

  validation_percent: float | int = 1.
  num_folds: int = 0
  fold: int = 0

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


def open_rows(paths: Sequence[str]) -> StoreRows:
  """All rows of the stores at `paths`, which must have been made alike."""
  stores = [store.open_store(path) for path in paths]
  for name in ('source', *types.BACKBONE_KEYS):
    values = {str(s.path): s.manifest[name] for s in stores}
    if len(set(values.values())) > 1:
      raise store.BadStore(f'stores of one source differ in {name}: {values}')
  return StoreRows(stores, np.arange(sum(len(s) for s in stores)))


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
