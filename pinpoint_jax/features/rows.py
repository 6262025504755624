"""Rows of feature stores by number, as training reads them."""

from collections.abc import Sequence
import dataclasses
import functools
import hashlib

from jaxtyping import Bool, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.features import store
from pinpoint_jax.geo import coords


@dataclasses.dataclass(frozen=True)
class StoreRows:
  """Some rows of one source's stores, as if they were one table.

  Attributes:
    stores: of one source, one backbone and one preprocessing.
    chosen: which rows of the stores laid end to end, [n].
  """

  stores: Sequence[store.FeatureStore]
  chosen: Int[np.ndarray, 'n']

  def __len__(self) -> int:
    return len(self.chosen)

  def __getitem__(self, row: int) -> dict[str, np.ndarray]:
    found = self.__getitems__([row])
    return {name: column[0] for name, column in found.items()}

  def __getitems__(self, rows: Sequence[int]) -> dict[str, np.ndarray]:
    """Features float16 [b, d], places xyz float32 [b, 3], row numbers [b]."""
    rows = np.asarray(rows, np.int64)
    return {'features': self._features(self.chosen[rows]),
            'xyz': self.xyz[rows], 'row': rows.astype(np.int32)}

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
    """Numbers in a feature."""
    return self.stores[0].manifest['dim']

  def fingerprint(self) -> str:
    """Sixteen hex digits that change with any store and any chosen row."""
    digest = hashlib.sha256(
        ' '.join(s.fingerprint() for s in self.stores).encode())
    digest.update(np.ascontiguousarray(self.chosen, '<i8').tobytes())
    return digest.hexdigest()[:16]

  def _features(self, rows: np.ndarray) -> np.ndarray:
    if len(self.stores) == 1:
      return np.asarray(self.stores[0].features[rows])
    ends = np.cumsum([len(s) for s in self.stores])
    which = np.searchsorted(ends, rows, side='right')
    found = np.empty((len(rows), self.dim), np.float16)
    for i, one in enumerate(self.stores):
      at = which == i
      found[at] = one.features[rows[at] - (ends[i] - len(one))]
    return found


def open_rows(paths: Sequence[str]) -> StoreRows:
  """All rows of the stores at `paths`, which must have been made alike."""
  stores = [store.open_store(path) for path in paths]
  for name in ('source', 'dim', 'backbone', 'weight_hash', 'preprocess'):
    found = {str(s.path): s.manifest[name] for s in stores}
    if len(set(found.values())) > 1:
      raise store.BadStore(f'stores of one source differ in {name}: {found}')
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
  digest = int(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest(),
               16)
  return digest % 100 * 100 + digest // 100 % 100
