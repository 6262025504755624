"""Sets of gallery rows, one per query: made and joined without a [b, g] table.

  rows of a code, of a ball, the query's own ──▶ RowSets ──▶ union ──▶ Mask
"""

import dataclasses

from jaxtyping import Bool, Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.geo import neighbors

# A pair of query and row as one number that sorts as the pair does.
_ROW_BITS = 32


def none(num_queries: int) -> types.RowSets:
  """An empty set for each query."""
  return from_counts(np.zeros(0, np.int64), np.zeros(num_queries, np.int64))


def from_counts(rows: Int[np.ndarray, 'm'],
                counts: Int[np.ndarray, 'b']) -> types.RowSets:
  """Sets laid one after the other: the first counts[0] rows are query 0's."""
  offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
  return types.RowSets(np.asarray(rows, np.int64), offsets)


def take(sets: types.RowSets,
         queries: slice | Int[np.ndarray, 'n']) -> types.RowSets:
  """The sets of some queries alone."""
  starts = sets.offsets[:-1][queries]
  counts = np.diff(sets.offsets)[queries]
  return from_counts(sets.rows[ranges(starts, counts)], counts)


def within(sets: types.RowSets, start: int, stop: int) -> types.RowSets:
  """Of each set the rows start to stop, counted from start."""
  kept = (sets.rows >= start) & (sets.rows < stop)
  before = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
  return types.RowSets(sets.rows[kept] - start, before[sets.offsets])


def own_rows(rows: Int[np.ndarray, 'b']) -> types.RowSets:
  """The gallery row that each query is itself; -1 where it is none."""
  known = rows >= 0
  return from_counts(rows[known], known.astype(np.int64))


def union(*sets: types.RowSets) -> types.RowSets:
  """Rows in any of the sets of each query, ascending, each once."""
  num_queries = {len(one) for one in sets}
  if len(num_queries) != 1:
    raise ValueError(f'union of sets for {sorted(num_queries)} queries; all '
                     'must be for the same queries')
  pairs = np.unique(np.concatenate([_pairs(one) for one in sets]))
  queries, rows = query_and_row(pairs)
  return from_counts(rows, np.bincount(queries, minlength=num_queries.pop()))


def within_radius(
    index: neighbors.SphereIndex, latlng_deg: Float[np.ndarray, 'b 2'],
    radius_km: Float[np.ndarray, 'b'] | float | int) -> types.RowSets:
  """Rows at most radius_km from each place, edge included.

  A radius of 0 holds nothing, not even rows at the very place.
  """
  radii = np.broadcast_to(np.asarray(radius_km, np.float64), len(latlng_deg))
  if not np.all(radii >= 0):
    raise ValueError(f'radius_km is {radii[~(radii >= 0)][0]}; it must be at '
                     'least 0')
  sets = [none(len(radii))]
  for radius in np.unique(radii[radii > 0]):
    chosen = radii == radius
    near = index.within_km(latlng_deg[chosen], float(radius))
    counts = np.zeros(len(radii), np.int64)
    counts[chosen] = np.diff(near.offsets)
    sets.append(from_counts(near.rows, counts))
  return union(*sets)


class CodeIndex:
  """Gallery rows by a code of theirs, such as author or country.

  Negative codes mean unknown: they are equal to nothing.
  """

  def __init__(self, codes: Int[np.ndarray, 'g']):
    """Sorts the codes [g] once; every question after that is cheap."""
    self._order = np.argsort(codes, kind='stable')
    self._sorted = codes[self._order]

  def rows(self, codes: Int[np.ndarray, 'b']) -> types.RowSets:
    """Rows that have the code of each query."""
    first = np.searchsorted(self._sorted, codes, side='left')
    last = np.searchsorted(self._sorted, codes, side='right')
    counts = np.where(codes >= 0, last - first, 0)
    return from_counts(self._order[ranges(first, counts)], counts)


def same_code(query_codes: Int[np.ndarray, 'b'],
              gallery_codes: Int[np.ndarray, 'g']) -> types.RowSets:
  """Rows that share the code of each query; negative codes share nothing."""
  return CodeIndex(gallery_codes).rows(query_codes)


def contains(sets: types.RowSets,
             rows: Int[np.ndarray, 'b m']) -> Bool[np.ndarray, 'b m']:
  """Which of the rows [b, m] are in the set of their query."""
  queries = np.arange(len(rows))[:, None]
  return is_among(keys(queries, rows), _pairs(sets)) & (rows >= 0)


def is_among(rows: Int[np.ndarray, '*n'],
             ascending: Int[np.ndarray, 'm']) -> Bool[np.ndarray, '*n']:
  """Which of the rows stand in an ascending array."""
  if not len(ascending):
    return np.zeros(rows.shape, bool)
  place = np.searchsorted(ascending, rows)
  return ascending[np.minimum(place, len(ascending) - 1)] == rows


def ranges(starts: Int[np.ndarray, 'n'],
           counts: Int[np.ndarray, 'n']) -> Int[np.ndarray, 'm']:
  """starts[0], starts[0] + 1, ... counts[0] of them, then those of the next."""
  before = np.cumsum(counts) - counts
  return np.repeat(starts - before, counts) + np.arange(counts.sum())


def _pairs(sets: types.RowSets) -> Int[np.ndarray, 'm']:
  return keys(np.repeat(np.arange(len(sets)), np.diff(sets.offsets)), sets.rows)


def keys(queries: Int[np.ndarray, '*#n'],
         rows: Int[np.ndarray, '*#n']) -> Int[np.ndarray, '*n']:
  """Pairs of query and row as numbers that sort as the pairs do."""
  return (queries << _ROW_BITS) + rows


def query_and_row(keys: Int[np.ndarray, 'n']) -> tuple[
    Int[np.ndarray, 'n'], Int[np.ndarray, 'n']]:
  """The pairs behind their numbers."""
  return keys >> _ROW_BITS, keys & ((1 << _ROW_BITS) - 1)


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

  @property
  def keys(self) -> Int[np.ndarray, 'm']:
    """The pairs as numbers, in the order of the pairs."""
    return keys(self.queries, self.rows)


def excluded_pairs(sets: types.RowSets | None, start: int, stop: int) -> Pairs:
  """The pairs of queries start to stop, counted from start."""
  if sets is None:
    return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64))
  offsets = sets.offsets[start:stop + 1]
  rows = sets.rows[offsets[0]:offsets[-1]]
  queries = np.repeat(np.arange(stop - start), np.diff(offsets))
  order = np.argsort(rows, kind='stable')
  return Pairs(rows[order].astype(np.int64), queries[order])


def pairs_among(pairs: Pairs, allowed: Int[np.ndarray, 'n']) -> Pairs:
  """The pairs whose row is allowed, rows as places in `allowed`."""
  place = np.searchsorted(allowed, pairs.rows)
  inside = place < len(allowed)
  inside[inside] = allowed[place[inside]] == pairs.rows[inside]
  return Pairs(place[inside], pairs.queries[inside])


def check_excluded(sets: types.RowSets | None, num_queries: int,
                   num_rows: int) -> None:
  """Refuses sets of another number of queries, or rows that are none."""
  if sets is None:
    return
  if len(sets) != num_queries:
    raise ValueError(f'excluded rows are given for {len(sets)} queries, and '
                     f'{num_queries} are asked')
  if len(sets.rows) and not 0 <= sets.rows.min() <= sets.rows.max() < num_rows:
    raise ValueError(f'excluded rows {sets.rows.min()} to {sets.rows.max()} '
                     f'are not all among the {num_rows} of the gallery')
