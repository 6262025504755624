"""Neighbours of a place: an index over the sphere, exact to the last tie.

A k-d tree over unit vectors proposes a slightly too large ball; great-circle
distances then decide, so poles and antimeridian need no special case.
"""

import dataclasses
import itertools

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.geo import coords, distance
import scipy

# Widens the tree's ball beyond any rounding of chords between unit vectors.
_SLACK = 1e-12
# Queries whose candidate lists are alive at a time.
_BLOCK = 4096


@dataclasses.dataclass(frozen=True)
class Neighbors:
  """All rows near each query, nearest first, ties by row id.

  Attributes:
    rows: rows of the index, one query after the other, int64 [m].
    offsets: query i owns rows[offsets[i]:offsets[i + 1]], int64 [b + 1].
    dist_km: great-circle distance of each row to its query, [m].
  """

  rows: Int[np.ndarray, 'm']
  offsets: Int[np.ndarray, 'b_plus_1']
  dist_km: Float[np.ndarray, 'm']

  def __len__(self) -> int:
    return len(self.offsets) - 1

  def of(self, query: int) -> Int[np.ndarray, 'm_of_query']:
    """Rows near query number `query`, nearest first, [m_of_query]."""
    if not 0 <= query < len(self):
      raise IndexError(f'query {query} is not among the {len(self)} queries')
    return self.rows[self.offsets[query]:self.offsets[query + 1]]


@dataclasses.dataclass(frozen=True)
class Nearest:
  """The k nearest rows of each query, nearest first, ties by row id.

  Attributes:
    rows: rows of the index, -1 where it holds fewer than k, int64 [b, k].
    dist_km: great-circle distance, inf where the row is -1, [b, k].
  """

  rows: Int[np.ndarray, 'b k']
  dist_km: Float[np.ndarray, 'b k']


class SphereIndex:
  """Places on the sphere, searchable by great-circle distance."""

  def __init__(self, latlng_deg: Float[np.ndarray, 'g 2']):
    """Builds the index over places [g, 2]; g may be 0."""
    coords.check_latlng_deg(latlng_deg, 'index', allow_null_island=True)
    self.latlng_deg = np.array(latlng_deg, np.float64)
    self._tree = scipy.spatial.cKDTree(coords.to_xyz(self.latlng_deg))

  def __len__(self) -> int:
    return len(self.latlng_deg)

  def within_km(
      self, latlng_deg: Float[np.ndarray, 'b 2'], radius_km: float | int,
  ) -> Neighbors:
    """Rows at most radius_km (boundary included) from each place [b, 2]."""
    if not radius_km >= 0:
      raise ValueError(f'radius_km is {radius_km}; it must be at least 0')
    coords.check_latlng_deg(latlng_deg, 'queries', allow_null_island=True)
    chords = np.full(len(latlng_deg), distance.km_to_chord(radius_km))
    query, rows, dist_km = self._ball(latlng_deg, chords)
    near = dist_km <= radius_km
    counts = np.bincount(query[near], minlength=len(latlng_deg))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Neighbors(rows[near], offsets, dist_km[near])

  def count_within_km(self, latlng_deg: Float[np.ndarray, 'b 2'],
                      radius_km: float | int) -> Int[np.ndarray, 'b']:
    """How many rows lie so near each place; their list is never made.

    Rows on the boundary count, give or take the rounding of a chord.
    """
    coords.check_latlng_deg(latlng_deg, 'queries', allow_null_island=True)
    if not len(latlng_deg) or not len(self):
      return np.zeros(len(latlng_deg), np.int64)
    return np.asarray(self._tree.query_ball_point(
        coords.to_xyz(latlng_deg), distance.km_to_chord(radius_km) + _SLACK,
        return_length=True), np.int64)

  def nearest(self, latlng_deg: Float[np.ndarray, 'b 2'], k: int) -> Nearest:
    """The k rows nearest to each place [b, 2]."""
    if k < 1:
      raise ValueError(f'k is {k}; it must be at least 1')
    coords.check_latlng_deg(latlng_deg, 'queries', allow_null_island=True)
    rows = np.full((len(latlng_deg), k), -1, np.int64)
    dist_km = np.full((len(latlng_deg), k), np.inf)
    if not len(self):
      return Nearest(rows, dist_km)
    k_found = min(k, len(self))
    for part in blocks.slices(len(latlng_deg), _BLOCK):
      rows[part, :k_found], dist_km[part, :k_found] = self._nearest_block(
          latlng_deg[part], k_found)
    return Nearest(rows, dist_km)

  def _nearest_block(
      self, latlng_deg: types.LatLng, k: int) -> tuple[np.ndarray, np.ndarray]:
    # The tree breaks ties as it likes: query only how far the k-th is, then
    # order everything that is no farther.
    chords, _ = self._tree.query(coords.to_xyz(latlng_deg), k=[k])
    query, rows, dist_km = self._ball(latlng_deg, chords[:, 0])
    first = np.searchsorted(query, np.arange(len(latlng_deg)))
    taken = first[:, None] + np.arange(k)
    return rows[taken], dist_km[taken]

  def _ball(
      self, latlng_deg: types.LatLng, chords: Float[np.ndarray, 'b'],
  ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Query, row, km of every pair within chords, in that order, [m] each."""
    row_lists = []
    if len(latlng_deg) and len(self):
      row_lists = self._tree.query_ball_point(
          coords.to_xyz(latlng_deg), chords + _SLACK, return_sorted=False)
    counts = np.asarray([len(rows) for rows in row_lists], np.int64)
    rows = np.fromiter(
        itertools.chain.from_iterable(row_lists), np.int64, counts.sum())
    query = np.repeat(np.arange(len(counts)), counts)
    dist_km = distance.haversine_km(
        np.asarray(latlng_deg, np.float64)[query], self.latlng_deg[rows])
    order = np.lexsort((rows, dist_km, query))
    return query[order], rows[order], dist_km[order]
