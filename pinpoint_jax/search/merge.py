"""One list out of several whose rows are not shared: segments, hosts."""

from collections.abc import Callable, Sequence

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types

TieKey = Callable[[Int[np.ndarray, 'n']], np.ndarray]


def merge(parts: Sequence[types.Candidates], k: int,
          tie_key: TieKey | None = None) -> types.Candidates:
  """The k best of all parts, ties by row, or by tie_key(rows) where given.

  Only rows that share their score with another are given to tie_key.
  """
  if not parts:
    raise ValueError('merge: there is no list to merge')
  rows = np.concatenate([part.rows for part in parts], axis=1)
  scores = np.concatenate([part.scores for part in parts], axis=1)
  ties = rows if tie_key is None else _ties(rows, scores, tie_key)
  # Pads share the score -inf, and their row -1 would lead a row that scores it.
  order = np.lexsort((ties, rows < 0, -scores), axis=1)[:, :k]
  return padded(np.take_along_axis(rows, order, axis=1),
                np.take_along_axis(scores, order, axis=1), k)


def _ties(rows: np.ndarray, scores: np.ndarray, tie_key: TieKey) -> np.ndarray:
  ordered = np.sort(scores, axis=1)
  same = ordered[:, 1:] == ordered[:, :-1]
  tied = np.zeros(rows.shape, bool)
  for query in np.flatnonzero(same.any(axis=1)):
    tied[query] = np.isin(scores[query], ordered[query, 1:][same[query]])
  tied &= rows >= 0
  places = np.zeros(rows.shape, np.int64)
  if tied.any():
    tied_rows, inverse = np.unique(rows[tied], return_inverse=True)
    _, place = np.unique(np.asarray(tie_key(tied_rows)), return_inverse=True)
    places[tied] = place[inverse]
  return places


def padded(rows: Int[np.ndarray, 'b m'], scores: Float[np.ndarray, 'b m'],
           k: int) -> types.Candidates:
  """Lists of at most k rows as lists of k: row -1 and score -inf fill up."""
  short = [(0, 0), (0, k - rows.shape[1])]
  return types.Candidates(np.pad(rows, short, constant_values=-1),
                          np.pad(scores, short, constant_values=-np.inf))


def order_by_row(rows: Int[np.ndarray, 'b k'],
                 scores: Float[np.ndarray, 'b k']) -> types.Candidates:
  """Lists already best first, rows of equal score put in order of row."""
  tied = (scores[:, 1:] == scores[:, :-1]) & (rows[:, 1:] < rows[:, :-1])
  unsorted = np.flatnonzero(tied.any(axis=1))
  order = np.lexsort((rows[unsorted], -scores[unsorted]), axis=1)
  rows = rows.copy()
  rows[unsorted] = np.take_along_axis(rows[unsorted], order, 1)
  return types.Candidates(rows, scores)
