"""Rows that may not answer a query, and pairs of them in order of the row."""

import dataclasses

from jaxtyping import Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.retrieval import row_sets


@dataclasses.dataclass(frozen=True)
class Pairs:
  """Pairs that are no answers, ascending by row.

  Attributes:
    rows: rows of the gallery, int64 [m].
    queries: number of the query of each, int64 [m].
  """

  rows: Int[np.ndarray, 'm']
  queries: Int[np.ndarray, 'm']

  def between(self, start: int, stop: int) -> 'Pairs':
    """The pairs of rows start to stop, their rows counted from start."""
    part = slice(*np.searchsorted(self.rows, [start, stop]))
    return Pairs(self.rows[part] - start, self.queries[part])


def pairs(sets: types.RowSets | None, start: int, stop: int) -> Pairs:
  """The pairs of queries start to stop, counted from start."""
  if sets is None:
    return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64))
  offsets = sets.offsets[start:stop + 1]
  rows = sets.rows[offsets[0]:offsets[-1]]
  queries = np.repeat(np.arange(stop - start), np.diff(offsets))
  order = np.argsort(rows, kind='stable')
  return Pairs(rows[order].astype(np.int64), queries[order])


def among(found: Pairs, allowed: Int[np.ndarray, 'n']) -> Pairs:
  """The pairs whose row is allowed, rows as places in `allowed`."""
  place = np.searchsorted(allowed, found.rows)
  inside = place < len(allowed)
  inside[inside] = allowed[place[inside]] == found.rows[inside]
  return Pairs(place[inside], found.queries[inside])


def take(sets: types.RowSets | None,
         queries: Int[np.ndarray, 'n']) -> types.RowSets | None:
  """The sets of some of the queries."""
  return None if sets is None else row_sets.take(sets, queries)


def within(sets: types.RowSets | None, start: int,
           stop: int) -> types.RowSets | None:
  """Of each set the rows start to stop, counted from start."""
  if sets is None:
    return None
  return row_sets.within(sets, start, stop)


def check(sets: types.RowSets | None, num_queries: int, num_rows: int) -> None:
  """Refuses sets of another number of queries, or rows that are none."""
  if sets is None:
    return
  if len(sets) != num_queries:
    raise ValueError(f'excluded rows are given for {len(sets)} queries, and '
                     f'{num_queries} are asked')
  if len(sets.rows) and not 0 <= sets.rows.min() <= sets.rows.max() < num_rows:
    raise ValueError(f'excluded rows {sets.rows.min()} to {sets.rows.max()} '
                     f'are not all among the {num_rows} of the gallery')
