"""Support of a candidate: what the other source shows near it, by the query.

  candidate ─▶ the 64 nearest rows within 25 km that the mask leaves
            ─▶ the 8 most similar to the query ─▶ pooled by softmax(sim / .05)

Lists on disk are cut to 64 without a mask: a full one of which some rows are
hidden is made again.
"""

import dataclasses
import functools

from jaxtyping import Bool, Float, Int, UInt8
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.gallery import neighbours
from pinpoint_jax.geo import neighbors
from pinpoint_jax.search import masks, row_sets, vectors

NUM_ROWS = 8


@dataclasses.dataclass(frozen=True)
class Support:
  """Rows of the other source that speak for each candidate of each query.

  Attributes:
    rows: the most similar to the query first, ties by row, -1 pads, int64
      [b, k, 8].
    similarities: cosine of query and row, -inf pads, float32 [b, k, 8].
    counts: rows of the candidate's list that may speak, at most 64, int32
      [b, k].
    nearest_km: how far the nearest of those is from the candidate, inf where
      there is none, float32 [b, k].
  """

  rows: Int[np.ndarray, 'b k 8']
  similarities: Float[np.ndarray, 'b k 8']
  counts: Int[np.ndarray, 'b k']
  nearest_km: Float[np.ndarray, 'b k']

  @property
  def exists(self) -> Bool[np.ndarray, 'b k']:
    """Whether anything speaks for the candidate."""
    return self.counts > 0

  @property
  def best(self) -> Float[np.ndarray, 'b k']:
    """The highest similarity, -inf where there is none."""
    return self.similarities[..., 0]


def select(
    z_query: Float[np.ndarray, 'b d'], candidates: Int[np.ndarray, 'b k'],
    lists: neighbours.NeighbourLists, z_image: vectors.Rows,
    mask: masks.Mask, nearby: 'Nearby') -> Support:
  """Support of each candidate row [b, k]; -1 pads have none.

  What the mask hides from a query does not speak to it either. One query at a
  time: an answer does not depend on the others, nor does memory.
  """
  if len(z_image) != len(lists):
    raise ValueError(f'{len(z_image)} vectors and {len(lists)} neighbour lists '
                     'are not of one gallery')
  shape = candidates.shape
  support = Support(
      np.full((*shape, NUM_ROWS), -1, np.int64),
      np.full((*shape, NUM_ROWS), -np.inf, np.float32),
      np.zeros(shape, np.int32), np.full(shape, np.inf, np.float32))
  for query in range(len(candidates)):
    _fill(support, query, z_query[query], candidates[query], lists, z_image,
          mask.take(slice(query, query + 1)), nearby)
  return support


class Nearby:
  """Makes a row's neighbour list again, under a mask."""

  def __init__(self, latlng_deg: Float[np.ndarray, 'g 2'],
               sources: UInt8[np.ndarray, 'g']):
    """Of all rows of a gallery; `sources` are places in types.SOURCES."""
    self._latlng_deg, self._sources = latlng_deg, sources

  def visible(self, row: int, mask: masks.Mask) -> tuple[
      Int[np.ndarray, 'm'], Float[np.ndarray, 'm']]:
    """Rows of the other source that the mask of one query leaves, and km.

    The nearest first, ties by row, as lists on disk are.
    """
    others, index = self._other[int(self._sources[row])]
    near = index.within_km(self._latlng_deg[row:row + 1],
                           neighbours.RADIUS_KM)
    rows = others[near.rows]
    kept = np.flatnonzero(~mask.hides(rows[None])[0])[:neighbours.MOST]
    return rows[kept], near.dist_km[kept].astype(np.float32)

  @functools.cached_property
  def _other(self) -> list[tuple[np.ndarray, neighbors.SphereIndex]]:
    """By source, the rows of the other one and their places."""
    rows = [np.flatnonzero(self._sources != i)
            for i in range(len(types.SOURCES))]
    return [(some, neighbors.SphereIndex(self._latlng_deg[some]))
            for some in rows]


def _fill(
    support: Support, query: int, z_query: np.ndarray, candidates: np.ndarray,
    lists: neighbours.NeighbourLists, z_image: vectors.Rows,
    mask: masks.Mask, nearby: Nearby) -> None:
  safe = np.maximum(candidates, 0)
  counts = np.where(candidates >= 0, lists.counts[safe], 0)
  at = row_sets.ranges(lists.starts[safe], counts)
  rows, dist_km = lists.rows[at].astype(np.int64), lists.dist_km[at]
  owner = np.repeat(np.arange(len(candidates)), counts)
  # Candidates of one city share most of their lists.
  distinct, place = np.unique(rows, return_inverse=True)
  hidden = mask.hides(distinct[None])[0]
  cut_short = np.bincount(owner[hidden[place]], minlength=len(candidates)) > 0
  cut_short &= counts == neighbours.MOST
  if cut_short.any():
    kept = ~cut_short[owner]
    again = [nearby.visible(int(candidates[i]), mask)
             for i in np.flatnonzero(cut_short)]
    rows = np.concatenate([rows[kept], *(near for near, _ in again)])
    dist_km = np.concatenate([dist_km[kept], *(km for _, km in again)])
    owner = np.concatenate([owner[kept], np.repeat(
        np.flatnonzero(cut_short), [len(near) for near, _ in again])])
    distinct, place = np.unique(rows, return_inverse=True)
    hidden = mask.hides(distinct[None])[0]
  similarities = np.full(len(distinct), -np.inf, np.float32)
  # Row by row, unlike a matrix product: a row's value never depends on which
  # others are asked with it.
  similarities[~hidden] = np.einsum(
      'nd,d->n', z_image.take(distinct[~hidden]), z_query.astype(np.float32))
  kept = ~hidden[place]
  rows, owner, dist_km = rows[kept], owner[kept], dist_km[kept]
  similarity = similarities[place[kept]]
  support.counts[query] += np.bincount(
      owner, minlength=len(candidates)).astype(np.int32)
  np.minimum.at(support.nearest_km[query], owner, dist_km)
  order = np.lexsort((rows, -similarity, owner))
  first = np.cumsum(support.counts[query]) - support.counts[query]
  slot = np.arange(len(order)) - first[owner[order]]
  best, slot = order[slot < NUM_ROWS], slot[slot < NUM_ROWS]
  support.rows[query, owner[best], slot] = rows[best]
  support.similarities[query, owner[best], slot] = similarity[best]
