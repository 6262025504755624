"""One fold of a cross-validation: rows held out, rows that answer them."""

from collections.abc import Mapping, Sequence
import dataclasses
import functools

from jaxtyping import Bool
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.features import folds
from pinpoint_jax.features import rows as rows_lib

Rows = Mapping[str, rows_lib.StoreRows]


@dataclasses.dataclass(frozen=True)
class Fold:
  """The rows of one fold, by source; no origin is on both sides.

  Attributes:
    index: of the fold, from 0.
    train: rows to train on, which are also the gallery.
    held_out: rows to answer.
    block_km: no block of that size has rows on both sides; 0 for any.
  """

  index: int
  train: Rows
  held_out: Rows
  block_km: float | int = 0

  @functools.cached_property
  def gallery(self) -> types.Photos:
    """The photos trained on, of all sources."""
    return rows_lib.concatenate([part.photos for part in self.train.values()])

  @property
  def gallery_mode(self) -> str:
    """What a results row calls this gallery."""
    return 'combined' if len(self.train) > 1 else 'same_source'

  @functools.cached_property
  def channels(self) -> tuple[str, ...]:
    """Ways to search; raw features of two backbones do not compare."""
    backbones = {tuple(part.stores[0].manifest[name]
                       for name in types.BACKBONE_KEYS)
                 for part in self.train.values()}
    return types.CHANNELS if len(backbones) == 1 else ('image', 'location')


def split(rows: Rows, count: int, block_km: float | int = 0) -> list[Fold]:
  """Folds over the origins of all sources together; each has some rows.

  Rows in a block with a held-out row are left out of the rows trained on.
  """
  tables = [part.photos for part in rows.values()]
  origins = folds.origins(tables)
  for source, names in zip(rows, origins):
    num = len(np.unique(names))
    if num < count:
      raise ValueError(
          f'{source}: {len(names):,} rows of {num:,} authors and sequences '
          f'cannot make {count} folds; use fewer folds or more rows')
  numbers = folds.assign(origins, count)
  for source, number in zip(rows, numbers):
    sizes = np.bincount(number, minlength=count)
    if not sizes.all():
      raise ValueError(
          f'{source}: fold {sizes.argmin() + 1} of {count} has no rows, for '
          f'its authors are tied to those of another source; use fewer folds')
  return [_fold(rows, index, [number == index for number in numbers], block_km)
          for index in range(count)]


def _fold(rows: Rows, index: int, held_out: Sequence[Bool[np.ndarray, '_']],
          block_km: float | int) -> Fold:
  near = folds.too_near([part.photos for part in rows.values()], held_out,
                        block_km)
  train = {}
  for source, late, close in zip(rows, held_out, near):
    train[source] = _some(rows[source], ~late & ~close)
    if not len(train[source]):
      raise ValueError(
          f'{source}: without the blocks of {block_km} km of fold {index + 1} '
          f'no row is left to train on; use smaller blocks or more folds')
  return Fold(index, train, {source: _some(rows[source], late)
                             for source, late in zip(rows, held_out)}, block_km)


def _some(part: rows_lib.StoreRows,
          kept: Bool[np.ndarray, '_']) -> rows_lib.StoreRows:
  return dataclasses.replace(part, chosen=part.chosen[kept])
