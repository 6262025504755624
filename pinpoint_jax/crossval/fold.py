"""One fold of a cross-validation: rows held out, rows that answer them."""

from collections.abc import Mapping
import dataclasses
import functools

from jaxtyping import Int
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
  """

  index: int
  train: Rows
  held_out: Rows

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


def split(rows: Rows, count: int) -> list[Fold]:
  """Folds over the origins of all sources together; each has some rows."""
  tables = [part.photos for part in rows.values()]
  origins = folds.origins(tables)
  for source, names in zip(rows, origins):
    num = len(np.unique(names))
    if num < count:
      raise ValueError(
          f'{source}: {len(names):,} rows of {num:,} authors and sequences '
          f'cannot make {count} folds; use fewer folds or more rows')
  numbers = dict(zip(rows, folds.assign(origins, count)))
  for source, number in numbers.items():
    sizes = np.bincount(number, minlength=count)
    if not sizes.all():
      raise ValueError(
          f'{source}: fold {sizes.argmin() + 1} of {count} has no rows, for '
          f'its authors are tied to those of another source; use fewer folds')
  return [Fold(index, _rows(rows, numbers, index, True),
               _rows(rows, numbers, index, False)) for index in range(count)]


def _rows(rows: Rows, numbers: Mapping[str, Int[np.ndarray, '_']], index: int,
          train: bool) -> dict[str, rows_lib.StoreRows]:
  return {source: dataclasses.replace(
      part, chosen=part.chosen[(numbers[source] != index) == train])
          for source, part in rows.items()}
