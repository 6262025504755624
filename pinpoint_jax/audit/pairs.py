"""What a query and a row may share, as pairs of both.

  id                the row is the query itself
  pixels            the same pixels
  picture           one is a copy of the other, or of a part of it
  feature           features more alike than those of strangers ever are
  same_author       by the same person                 (within one source)
  same_sequence     of the same drive, album or day    (within one source)
  same_day          on the same day and at most 1 km apart
  near_…            at most so far apart

A row with the query's id is no other pair of it. Deleted rows are in none.
"""

from collections.abc import Mapping
import dataclasses

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.audit.table import Table
from pinpoint_jax.candidates import filters
from pinpoint_jax.geo import distance, neighbors
from pinpoint_jax.search import row_sets

# Farther apart, the same day has nothing to say.
DAY_KM = 1.


@dataclasses.dataclass(frozen=True)
class Pairs:
  """Rows that share something with each query.

  Attributes:
    rows: of each query.
    values: of each pair, what its kind is measured by: km apart, correlation
      or cosine; NaN where there is nothing to measure.
  """

  rows: types.RowSets
  values: Float[np.ndarray, 'm']

  def __len__(self) -> int:
    return len(self.rows.rows)

  @property
  def queries(self) -> Int[np.ndarray, 'm']:
    """Number of the query of each pair."""
    return np.repeat(np.arange(len(self.rows)), np.diff(self.rows.offsets))

  def touched(self) -> Int[np.ndarray, 'b']:
    """How many rows share it with each query."""
    return np.diff(self.rows.offsets)


def collected(num_queries: int, queries: Int[np.ndarray, 'm'],
              rows: Int[np.ndarray, 'm'],
              values: Float[np.ndarray, 'm'] | None = None) -> Pairs:
  """Pairs in any order; of a pair that comes twice the highest value stays."""
  if values is None:
    values = np.full(len(rows), np.nan)
  order = np.lexsort((-values, rows, queries))
  queries, rows, values = queries[order], rows[order], values[order]
  first = np.ones(len(rows), bool)
  first[1:] = (queries[1:] != queries[:-1]) | (rows[1:] != rows[:-1])
  counts = np.bincount(queries[first], minlength=num_queries)
  return Pairs(row_sets.from_counts(rows[first], counts), values[first])


def from_sets(sets: types.RowSets) -> Pairs:
  """Pairs that nothing measures."""
  return Pairs(sets, np.full(len(sets.rows), np.nan))


def without(pairs: Pairs, table: Table,
            own: Int[np.ndarray, 'b']) -> Pairs:
  """The pairs but those of deleted rows and those of a query with itself."""
  kept = ((own[pairs.queries] != pairs.rows.rows)
          & ~row_sets.is_among(pairs.rows.rows, table.removed))
  return collected(len(pairs.rows), pairs.queries[kept], pairs.rows.rows[kept],
                   pairs.values[kept])


def of_tables(queries: types.Photos, table: Table,
              near_km: Mapping[str, float],
              days: Mapping[str, types.Strings] | None = None,
              ) -> dict[str, Pairs]:
  """Every kind that needs no picture and no feature.

  near_km: distances by the name of their kind. days: of `queries` and `rows`,
  2024-05-31 or '' where unknown.
  """
  own = table.find(queries.ids)
  kinds = {
      'same_author': from_sets(filters.sharing(table, queries, 'authors')),
      'same_sequence': from_sets(filters.sharing(table, queries, 'sequences'))}
  if days:
    kinds['same_day'] = _same_day(queries, table, days)
  kinds |= {name: near(queries, table, km) for name, km in near_km.items()}
  return {'id': from_sets(row_sets.own_rows(own))} | {
      name: without(pairs, table, own) for name, pairs in kinds.items()}


def near(queries: types.Photos, table: Table, km: float | int) -> Pairs:
  """Rows at most so far from each query."""
  found = neighbors.SphereIndex(table.latlng_deg).within_km(
      queries.latlng_deg, km)
  return collected(
      len(queries), np.repeat(np.arange(len(queries)), np.diff(found.offsets)),
      found.rows, found.dist_km)


def _same_day(queries: types.Photos, table: Table,
              days: Mapping[str, types.Strings]) -> Pairs:
  close = near(queries, table, DAY_KM)
  day = days['queries'][close.queries]
  kept = (day != '') & (day == days['rows'][close.rows.rows])
  return collected(len(queries), close.queries[kept], close.rows.rows[kept],
                   close.values[kept])


def apart_km(queries: types.Photos, table: Table,
             pairs: Pairs) -> Float[np.ndarray, 'm']:
  """How far apart each pair is."""
  return distance.haversine_km(queries.latlng_deg[pairs.queries],
                               table.latlng_deg[pairs.rows.rows])
