"""One order for rows of equal score, whatever engine found them."""

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types


def by_row(rows: Int[np.ndarray, 'b k'],
           scores: Float[np.ndarray, 'b k']) -> types.Candidates:
  """Lists already best first, rows of equal score put in order of row."""
  tied = (scores[:, 1:] == scores[:, :-1]) & (rows[:, 1:] < rows[:, :-1])
  unsorted = np.flatnonzero(tied.any(axis=1))
  order = np.lexsort((rows[unsorted], -scores[unsorted]), axis=1)
  rows = rows.copy()
  rows[unsorted] = np.take_along_axis(rows[unsorted], order, 1)
  return types.Candidates(rows, scores)
