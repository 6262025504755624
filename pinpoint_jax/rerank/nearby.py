"""What lies near a candidate, by the query: rows of each source around it.

  candidate ─▶ its 32 nearest rows within 25 km, of the query's own source and
               of the other one, as far as the query may see them
            ─▶ their similarity to the query, by image and by raw feature
            ─▶ COLUMNS: the best, and the mean weighed by softmax(sim / .05)
            ─▶ support: the 8 most similar of the other source, by each

Lists on disk are cut without a mask: a full one of which some rows are hidden
is made again.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import functools

from jaxtyping import Bool, Float, Int, UInt8
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.candidates import shortlist as shortlists
from pinpoint_jax.gallery import neighbours
from pinpoint_jax.geo import neighbors
from pinpoint_jax.search import masks, vectors

NUM_ROWS = 8
CHANNELS = ('image', 'raw')
OWN = tuple(f'own_{stat}_{channel}' for channel in CHANNELS
            for stat in ('best', 'mean'))
OTHER = tuple(name.replace('own', 'other') for name in OWN)
COLUMNS = OWN + OTHER
# In place of a similarity where no row is near: below that of most pairs.
NONE_NEAR = -0.05
_TEMPERATURE = 0.05
# Queries whose neighbours are in memory at a time.
_BLOCK = 64
# Pairs whose vectors are read together.
_PAIRS = 1 << 12


@dataclasses.dataclass(frozen=True)
class Nearby:
  """Rows near each candidate of each query.

  Attributes:
    columns: COLUMNS, 0 in padded slots, float32 [b, k, 8].
    rows: of the other source, the most similar to the query first by each of
      CHANNELS, ties by row, -1 pads, int64 [b, k, 2, 8].
    similarities: cosine of query and row, -inf pads, float32 [b, k, 2, 8].
    counts: rows of the other source that were looked at, at most 32, int32
      [b, k].
    nearest_km: how far the nearest of those is from the candidate, inf where
      there is none, float32 [b, k].
  """

  columns: Float[np.ndarray, 'b k 8']
  rows: Int[np.ndarray, 'b k 2 8']
  similarities: Float[np.ndarray, 'b k 2 8']
  counts: Int[np.ndarray, 'b k']
  nearest_km: Float[np.ndarray, 'b k']

  @property
  def exists(self) -> Bool[np.ndarray, 'b k']:
    """Whether the other source has a row near the candidate."""
    return self.counts > 0


@dataclasses.dataclass(frozen=True)
class _Rows:
  """Rows of one source near each candidate.

  Attributes:
    rows: the nearest first, anything where not kept, [b, k, 33].
    dist_km: how far each is from the candidate, [b, k, 33].
    kept: which of them the query may see, at most 32 of a candidate.
  """

  rows: Int[np.ndarray, 'b k m']
  dist_km: Float[np.ndarray, 'b k m']
  kept: Bool[np.ndarray, 'b k m']


class Finder:
  """Finds the rows near candidates in one gallery."""

  def __init__(self, latlng_deg: Float[np.ndarray, 'g 2'],
               sources: UInt8[np.ndarray, 'g'],
               lists: Sequence[neighbours.NeighbourLists],
               stored: Mapping[str, vectors.Rows]):
    """Of all rows of a gallery; stored: vectors of CHANNELS it has."""
    for name, rows in stored.items():
      if len(rows) != len(latlng_deg):
        raise ValueError(f'{len(rows)} {name} vectors and {len(latlng_deg)} '
                         f'places are not of one gallery')
    self._latlng_deg, self._sources = latlng_deg, sources
    self._lists, self._stored = lists, stored

  def find(self, queries: shortlists.Queries,
           candidates: Int[np.ndarray, 'b k'], task: types.Source,
           mask: masks.Mask) -> Nearby:
    """What lies near each candidate row; -1 pads have nothing near.

    task: the source of the queries. What the mask hides from a query does not
    speak to it either. A query's answer does not depend on the others.
    """
    parts = blocks.in_threads(
        lambda at: self._block(queries.take(at), candidates[at], task,
                               mask.take(at)), len(candidates), _BLOCK)
    parts = parts or [self._block(queries, candidates, task, mask)]
    return Nearby(*(np.concatenate([getattr(part, field.name)
                                    for part in parts])
                    for field in dataclasses.fields(Nearby)))

  def _block(self, queries: shortlists.Queries, candidates: np.ndarray,
             task: types.Source, mask: masks.Mask) -> Nearby:
    own = types.SOURCES.index(task)
    columns, other = [], 1 - own
    for source in (own, other):
      near = self._rows(candidates, source, mask)
      sims = {name: self._similarities(name, queries, near)
              for name in CHANNELS}
      columns += [statistic for name in CHANNELS
                  for statistic in statistics(sims[name])]
    columns = np.stack(columns, axis=-1) * (candidates >= 0)[..., None]
    best = [_best(near.rows, sims[name]) for name in CHANNELS]
    dist_km = np.where(near.kept, near.dist_km, np.inf)
    return Nearby(
        columns.astype(np.float32), *(np.stack(part, axis=2)
                                      for part in zip(*best)),
        near.kept.sum(axis=-1, dtype=np.int32),
        dist_km.min(axis=-1, initial=np.inf).astype(np.float32))

  def _rows(self, candidates: Int[np.ndarray, 'b k'], source: int,
            mask: masks.Mask) -> _Rows:
    lists = self._lists[source]
    safe = np.maximum(candidates, 0)
    counts = np.where(candidates >= 0, lists.counts[safe], 0)
    slots = np.arange(neighbours.LISTED)
    listed = slots[None, None] < counts[..., None]
    at = np.where(listed, lists.starts[safe][..., None] + slots[None, None], 0)
    if not len(lists.rows):
      return _Rows(at, np.zeros(at.shape, np.float32), listed)
    rows, dist_km = lists.rows[at].astype(np.int64), lists.dist_km[at]
    # A candidate is not near itself.
    listed &= rows != candidates[..., None]
    flat = rows.reshape(len(rows), rows.shape[1] * rows.shape[2])
    hidden = mask.hides(flat).reshape(rows.shape)
    kept = listed & ~hidden
    cut = (counts == neighbours.LISTED) & (listed & hidden).any(axis=-1)
    for query, slot in np.argwhere(cut).tolist():
      self._renew(query, slot, candidates, source, mask, rows, dist_km, kept)
    return _Rows(rows, dist_km,
                 kept & (kept.cumsum(axis=-1) <= neighbours.MOST))

  def _renew(self, query: int, slot: int, candidates: np.ndarray, source: int,
             mask: masks.Mask, rows: np.ndarray, dist_km: np.ndarray,
             kept: np.ndarray) -> None:
    """Makes a list that was cut short again, in place."""
    candidate = candidates[query, slot]
    numbers, index = self._index[source]
    near = index.within_km(self._latlng_deg[candidate:candidate + 1],
                           neighbours.RADIUS_KM)
    all_rows = numbers[near.rows]
    seen = ~mask.take(slice(query, query + 1)).hides(all_rows[None])[0]
    seen = np.flatnonzero(seen & (all_rows != candidate))[:neighbours.MOST]
    kept[query, slot] = np.arange(neighbours.LISTED) < len(seen)
    rows[query, slot, :len(seen)] = all_rows[seen]
    dist_km[query, slot, :len(seen)] = near.dist_km[seen]

  @functools.cached_property
  def _index(self) -> list[tuple[np.ndarray, neighbors.SphereIndex]]:
    """Rows of each source, and their places."""
    rows = [np.flatnonzero(self._sources == i)
            for i in range(len(types.SOURCES))]
    return [(some, neighbors.SphereIndex(self._latlng_deg[some]))
            for some in rows]

  def _similarities(self, name: str, queries: shortlists.Queries,
                    near: _Rows) -> Float[np.ndarray, 'b k m']:
    """Of the rows that are kept, -inf elsewhere."""
    sims = np.full(near.rows.shape, -np.inf, np.float32)
    if name in self._stored and near.kept.any():
      query = np.nonzero(near.kept)[0]
      sims[near.kept] = distinct_similarities(
          queries.of(name), self._stored[name].take, query,
          near.rows[near.kept])
    return sims


def distinct_similarities(
    queries: Float[np.ndarray, 'b d'],
    take: Callable[[np.ndarray], Float[np.ndarray, 'm d']],
    query: Int[np.ndarray, 'n'],
    row: Int[np.ndarray, 'n']) -> Float[np.ndarray, 'n']:
  """Cosine of each pair; candidates of one city share most of theirs."""
  pairs, place = np.unique((query << 32) + row, return_inverse=True)
  query, row = pairs >> 32, pairs & ((1 << 32) - 1)
  values = np.empty(len(pairs), np.float32)
  for at in blocks.slices(len(pairs), _PAIRS):
    rows, number = take(row[at]), query[at]
    starts = np.flatnonzero(np.diff(number, prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(rows)]):
      # Row by row, unlike a matrix product: a pair's value never depends on
      # which others are asked with it.
      values[at][start:end] = np.einsum(
          'nd,d->n', rows[start:end], queries[number[start]])
  return values[place]


def statistics(sims: Float[np.ndarray, 'b k m']) -> tuple[
    Float[np.ndarray, 'b k'], Float[np.ndarray, 'b k']]:
  """The best, and the mean weighed by softmax(sim / .05); -inf is no row."""
  best = sims.max(axis=-1, initial=-np.inf)
  near = np.isfinite(best)
  offset = np.where(near, best, 0.)[..., None]
  weights = np.exp((sims - offset) / _TEMPERATURE)
  mean = (weights * np.where(np.isfinite(sims), sims, 0.)).sum(axis=-1)
  mean = mean / np.maximum(weights.sum(axis=-1), 1e-9)
  return np.where(near, best, NONE_NEAR), np.where(near, mean, NONE_NEAR)


def _best(rows: Int[np.ndarray, 'b k m'], sims: Float[np.ndarray, 'b k m'],
          ) -> tuple[np.ndarray, np.ndarray]:
  """The most similar rows, -1 and -inf pad, [b, k, 8] each."""
  order = np.lexsort((rows, -sims), axis=-1)[..., :NUM_ROWS]
  sims = np.take_along_axis(sims, order, axis=-1)
  return np.where(np.isfinite(sims),
                  np.take_along_axis(rows, order, axis=-1), -1), sims
