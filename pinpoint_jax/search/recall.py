"""How much of what exact search finds was found."""

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types


def by_row(rows: Int[np.ndarray, 'b k'],
           right: Int[np.ndarray, 'b k']) -> float:
  """Share of the exact answers that were found; padding counts as neither.

  By their number: for rows of which no two are equal.
  """
  wanted = _wanted(right)
  hits = [np.isin(right[i][wanted[i]], rows[i]).sum()
          for i in range(len(right))]
  return float(np.sum(hits) / wanted.sum())


def as_good(scores: Float[np.ndarray, 'b k'],
            right: types.Candidates) -> float:
  """Share of the exact answers in whose place a row as good was found.

  scores are those of the rows found, -inf in padded slots. Photos of one place
  have equal vectors, and any of them is as good: to count rows by their number
  would ask for luck.
  """
  wanted = _wanted(right.rows)
  lowest = np.where(wanted, right.scores, np.inf).min(axis=1, keepdims=True)
  return float((scores >= lowest).sum() / wanted.sum())


def _wanted(right: Int[np.ndarray, 'b k']) -> np.ndarray:
  wanted = right >= 0
  if not wanted.any():
    raise ValueError('there are no exact answers to find')
  return wanted
