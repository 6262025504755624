"""Pairs of a query and a row whose features are too alike to be unrelated.

Strangers are rows by other authors, of other drives and more than 25 km away:
what they have in common with a query is no leak. Each query's most similar
stranger gives one cosine; of these the highest but one in a thousand is the
threshold, so that about one query in a thousand is called alike by chance. Of
fewer than a thousand queries the highest counts.
"""

import dataclasses
from typing import Any

from jaxtyping import Bool, Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.audit import pairs as pairs_lib
from pinpoint_jax.audit.table import Table
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.geo import distance
from pinpoint_jax.search import exact, merge, row_sets
from pinpoint_jax.search import vectors as vectors_lib

STRANGER_KM = 25.
_ALARMS = 1e-3
# Rows looked at for each query at first; all of them alike: four times as many.
_DEPTH, _DEEPER = 32, 4
_MOST = 2048


@dataclasses.dataclass(frozen=True)
class Alike:
  """Pairs of similar features.

  Attributes:
    pairs: with their cosines.
    threshold: the lowest cosine of a pair.
    strangers: each query's most similar stranger, or a bound above it where
      the most similar rows hold none.
    num_bounds: how many of these are bounds.
    num_full: queries with so many similar rows that some were not looked at.
    nearest: the most similar rows of each query, alike or not.
    search: finds more of them.
  """

  pairs: pairs_lib.Pairs
  threshold: float
  strangers: Float[np.ndarray, 'b']
  num_bounds: int
  num_full: int
  nearest: types.Candidates
  search: 'Search'


def check_comparable(source: str, made: Any, table: Table) -> None:
  """Refuses queries whose features were made otherwise than the rows'."""
  for row_source, about in table.made.items():
    differences = galleries.input_differences(row_source, about, made)
    if differences:
      raise ValueError(f'{source} queries cannot be compared with the '
                       f'{row_source} rows: {"; ".join(differences)}; extract '
                       f'features of both alike, or audit without features')


def find(queries: types.Photos, rows: vectors_lib.Vectors, table: Table,
         min_cosine: float | int = 0) -> Alike:
  """Rows with a feature like each query's; min_cosine 0 has it chosen.

  rows: the queries' features, of unit length.
  """
  search = Search(table, rows, table.find(queries.ids))
  nearest = first = search.nearest(np.arange(len(queries)), _DEPTH)
  known = _strangers(queries, table, nearest)
  strangers, bounded = _highest(nearest, known)
  threshold = float(min_cosine) or chosen_threshold(strangers)
  todo, depth, parts = np.arange(len(queries)), _DEPTH, []
  while True:
    alike = (nearest.scores >= threshold) & (nearest.rows >= 0)
    deeper = alike.all(axis=1) & (depth < min(len(table), _MOST))
    at, place = np.nonzero(alike & ~deeper[:, None])
    parts.append((todo[at], nearest.rows[at, place], nearest.scores[at, place]))
    if not deeper.any():
      break
    todo, depth = todo[deeper], min(depth * _DEEPER, _MOST, len(table))
    nearest = search.nearest(todo, depth)
  query, row, cosine = map(np.concatenate, zip(*parts))
  return Alike(
      pairs_lib.collected(len(queries), query, row, cosine.astype(np.float64)),
      threshold, strangers, int(bounded.sum()),
      int((alike.all(axis=1) & (nearest.rows[:, -1] >= 0)).sum()), first,
      search)


def chosen_threshold(strangers: Float[np.ndarray, 'b']) -> float:
  """The highest cosine of strangers but one in a thousand, and just above."""
  place = int(_ALARMS * len(strangers))
  highest = np.partition(strangers, -place - 1)[-place - 1]
  return float(np.nextafter(np.float32(highest), np.float32(2)))


class Search:
  """The most similar rows of a table, whatever parts it has."""

  def __init__(self, table: Table, queries: vectors_lib.Vectors,
               own: Int[np.ndarray, 'b']):
    """`own` is the row that each query is itself, -1 where it is none."""
    self._queries, self._own = queries, own
    self._parts = []
    start = 0
    for part in table.raw:
      live = np.setdiff1d(np.arange(len(part)), table.removed - start)
      self._parts.append((start, exact.Exact(part),
                          live if len(live) < len(part) else None))
      start += len(part)

  def nearest(self, queries: Int[np.ndarray, 'q'], depth: int,
              hidden: types.RowSets | None = None) -> types.Candidates:
    """The best `depth` rows, without the query itself, deleted rows and those
    that are hidden from each."""
    rows = self._queries.take(queries)
    sets = row_sets.own_rows(self._own[queries])
    sets = sets if hidden is None else row_sets.union(sets, hidden)
    found = []
    for start, part, live in self._parts:
      some = part.search(rows, depth, row_sets.within(
          sets, start, start + len(part)), live)
      found.append(types.Candidates(
          np.where(some.rows < 0, -1, some.rows + start), some.scores))
    return merge.merge(found, depth)


def _strangers(queries: types.Photos, table: Table,
               nearest: types.Candidates) -> Bool[np.ndarray, 'b k']:
  """Which of the rows are strangers to their query."""
  rows = nearest.rows
  known = rows < 0
  for column, names in ((table.authors, queries.authors),
                        (table.sequences, queries.sequences)):
    codes = column.find(names)[:, None]
    known = known | ((codes >= 0) & (column.codes[rows] == codes))
  apart = distance.haversine_km(
      np.broadcast_to(queries.latlng_deg[:, None], (*rows.shape, 2)),
      table.latlng_deg[rows])
  return ~known & (apart > STRANGER_KM)


def _highest(nearest: types.Candidates, strangers: Bool[np.ndarray, 'b k'],
             ) -> tuple[Float[np.ndarray, 'b'], Bool[np.ndarray, 'b']]:
  """Each query's best stranger, else its last score, which bounds it."""
  bounded = ~strangers.any(axis=1)
  place = np.where(bounded, -1, strangers.argmax(axis=1))
  scores = np.take_along_axis(nearest.scores, place[:, None], axis=1)[:, 0]
  return np.where(np.isfinite(scores), scores, -1.), bounded
