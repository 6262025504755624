"""Which gallery rows may answer each query: one mask for every engine.

  excluded   per query: its own row, its author's rows, rows too near
  removed    for all queries: rows deleted
  allowed    for all queries: the rows of a region; None is everywhere
"""

import dataclasses

from jaxtyping import Bool, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.search import merge, row_sets


@dataclasses.dataclass(frozen=True)
class Filtered:
  """Candidates that passed a mask.

  Attributes:
    candidates: the first k that passed, padded with row -1 and score -inf.
    short: queries with fewer than k: search them again, deeper or exactly.
  """

  candidates: types.Candidates
  short: Bool[np.ndarray, 'b']


@dataclasses.dataclass(frozen=True)
class Mask:
  """The gallery rows that may answer each query.

  Attributes:
    excluded: rows that may not, per query.
    removed: rows that may not for any query, ascending, int64 [r].
    allowed: the only rows that may, ascending, int64 [a]; None is all rows.
  """

  excluded: types.RowSets
  removed: Int[np.ndarray, 'r']
  allowed: Int[np.ndarray, 'a'] | None = None

  def __post_init__(self):
    for name in ('removed', 'allowed'):
      rows = getattr(self, name)
      if rows is not None and np.any(np.diff(rows) <= 0):
        raise ValueError(f'mask: {name} rows must ascend, each once')

  def __len__(self) -> int:
    return len(self.excluded)

  def take(self, queries: slice | Int[np.ndarray, 'n']) -> 'Mask':
    """The mask of some queries alone."""
    return Mask(row_sets.take(self.excluded, queries), self.removed,
                self.allowed)

  def hides(self, rows: Int[np.ndarray, 'b m']) -> Bool[np.ndarray, 'b m']:
    """Which of the rows [b, m] may not answer their query; -1 may not."""
    if len(rows) != len(self):
      raise ValueError(f'mask for {len(self)} queries asked about {len(rows)}')
    hidden = (rows < 0) | row_sets.contains(self.excluded, rows)
    hidden |= row_sets.is_among(rows, self.removed)
    if self.allowed is not None:
      hidden |= ~row_sets.is_among(rows, self.allowed)
    return hidden

  def shared_rows(self, num_gallery: int) -> Int[np.ndarray, 'n']:
    """Rows open to every query before its own exclusions, ascending."""
    rows = np.arange(num_gallery) if self.allowed is None else self.allowed
    return rows[~row_sets.is_among(rows, self.removed)]

  def filter(self, candidates: types.Candidates, k: int) -> Filtered:
    """The first k candidates that the mask leaves, in their order."""
    hidden = self.hides(candidates.rows)
    # Stable: what is left keeps its order, what is hidden goes last.
    order = np.argsort(hidden, axis=1, kind='stable')[:, :k]
    hidden = np.take_along_axis(hidden, order, axis=1)
    rows = np.take_along_axis(candidates.rows, order, axis=1)
    scores = np.take_along_axis(candidates.scores, order, axis=1)
    kept = merge.padded(np.where(hidden, -1, rows),
                        np.where(hidden, -np.inf, scores), k)
    return Filtered(kept, np.count_nonzero(~hidden, axis=1) < k)


def open_mask(num_queries: int) -> Mask:
  """A mask that hides nothing."""
  return Mask(row_sets.none(num_queries), np.zeros(0, np.int64))
