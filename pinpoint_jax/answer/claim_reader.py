"""Reads what speaks for any place on Earth, be there gallery rows or not.

  claimed place ─▶ gallery rows within 25 and 200 km, of an even spread of all
                   rows those within 750 and 2500 km
                ─▶ how alike they are to the photo, against all of the spread,
                   by each of CHANNELS
  the photo's own answer ─▶ how far it is from the place, how much of the
                            probability lies near the place
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools

from jaxtyping import Bool, Float, Int
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.answer import answerer as answerers
from pinpoint_jax.answer import decoding
from pinpoint_jax.answer.claim_columns import CHANNELS, RADII_KM, Parts
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.geo import coords, distance, neighbors
from pinpoint_jax.models import encoding
from pinpoint_jax.rerank import ranker as reranking
from pinpoint_jax.search import masks, row_sets, vectors

# Rows near a place are read up to this radius; the spread serves the others.
REACH_KM = 200
# Rows of the spread, and rows within each of the two smaller radii.
_SPREAD, _NEAR = 4096, 256
# Of raw cosines, where no reranker brings one.
_RAW_TEMPERATURE = 20.


@dataclasses.dataclass(frozen=True)
class Pool:
  """Gallery rows around one place.

  Attributes:
    latlng_deg: the place.
    rows: of the gallery, within 200 km, thinned out where they are many.
    near: which of `rows` are within 25 km, and which within 200 km.
    far: which rows of the spread are within 750 km, and which within 2500 km.
    num_near: all rows within 200 km.
  """

  latlng_deg: Float[np.ndarray, '2']
  rows: Int[np.ndarray, 'n']
  near: tuple[Int[np.ndarray, '_'], Int[np.ndarray, '_']]
  far: tuple[Int[np.ndarray, '_'], Int[np.ndarray, '_']]
  num_near: int


class Reader:
  """Reads what speaks for places in one open gallery."""

  def __init__(self, answering: answerers.Answerer):
    """Reads nothing yet."""
    self._answerer, self._opened = answering, answering.opened
    self._gallery = answering.opened.gallery
    self._encoder = encoding.Encoder(
        answering.opened.trained.model, encoding.FEW)

  def known(self, task: types.Source) -> Float[np.ndarray, 'k']:
    """1 for each of CHANNELS that this gallery and model have, float32."""
    has = {*self._opened.searcher.channels}
    trained = self._answerer.model.rerankers.get(task)
    if trained is not None and 'region' in trained.priors:
      has.add('region')
    return np.asarray([name in has for name in CHANNELS], np.float32)

  def pool(self, latlng_deg: Float[np.ndarray, '2']) -> Pool:
    """The rows around a place."""
    around = self._index.within_km(latlng_deg[None], REACH_KM)
    # Nearest first: both circles are thinned out evenly.
    inner = int(np.searchsorted(around.dist_km, RADII_KM[0], side='right'))
    near = [blocks.evenly_spread(count, _NEAR)
            for count in (inner, len(around.rows))]
    kept = np.union1d(*near)
    dist_km = distance.chord_to_km(np.linalg.norm(
        self._spread_xyz - coords.to_xyz(latlng_deg), axis=1))
    return Pool(np.asarray(latlng_deg, np.float64),
                self._live[around.rows[kept]],
                tuple(np.searchsorted(kept, some) for some in near),
                tuple(np.flatnonzero(dist_km <= km) for km in RADII_KM[2:]),
                len(around.rows))

  def rows_within(self, latlng_deg: Float[np.ndarray, '2'],
                  km: float | int) -> Int[np.ndarray, 'n']:
    """All live rows that near a place."""
    return self._live[self._index.within_km(latlng_deg[None], km).rows]

  def parts(self, task: types.Source, queries: shortlist.Queries,
            scored: answerers.Scored, pools: Sequence[Sequence[Pool]],
            mask: masks.Mask) -> Parts:
    """What speaks for places of photos that have an answer.

    pools: of m places of each photo.
    """
    latlng_deg = np.asarray([[pool.latlng_deg for pool in some]
                             for some in pools])
    shape = latlng_deg.shape[:2]
    alike = np.zeros((*shape, len(CHANNELS), len(RADII_KM)))
    there = np.zeros((*shape, 2))
    places = self._encoder.locations(
        self._opened.trained.params, coords.to_xyz(latlng_deg.reshape(-1, 2)))
    places = places.reshape(*shape, -1)
    region = self._answerer.region_ranker(task, mask)
    if region is not None:
      logs = region.region_logs(queries)
      spread_cells = region.region_cells(self.places(self.spread))
    for i in range(shape[0]):
      at = slice(i, i + 1)
      photo = _Photo(
          self, task, queries.take(at), mask.take(at),
          None if region is None else _Region(region, logs[i], spread_cells))
      for j, pool in enumerate(pools[i]):
        alike[i, j] = (alike[i, 0] if j and pool is pools[i][0] else
                       photo.alike(pool))
        there[i, j] = photo.there(places[i, j], latlng_deg[i, j])
    return Parts(*_by_answer(scored, latlng_deg), alike, there)

  def temperatures(self, task: types.Source) -> Mapping[str, float]:
    """Similarities times these are log-odds."""
    learned = float(np.exp(
        self._opened.trained.params[f'log_temperature_{task}']))
    trained = self._answerer.model.rerankers.get(task)
    return {'image': learned, 'location': learned, 'raw': _RAW_TEMPERATURE,
            **(trained.info.temperatures if trained else {})}

  @functools.cached_property
  def spread(self) -> Int[np.ndarray, 's']:
    """Live rows, evenly spread."""
    return self._live[blocks.evenly_spread(len(self._live), _SPREAD)]

  @functools.cached_property
  def vectors(self) -> Mapping[str, vectors.Joined]:
    """The gallery's vectors by channel."""
    return {name: vectors.Joined(self._gallery.channel(name))
            for name in self._opened.searcher.channels}

  @functools.cached_property
  def spread_vectors(self) -> Mapping[str, Float[np.ndarray, 's _']]:
    """Those of the spread, in memory."""
    return {name: rows.take(self.spread)
            for name, rows in self.vectors.items()}

  def places(self, rows: Int[np.ndarray, 'n']) -> Float[np.ndarray, 'n 2']:
    """Where gallery rows are."""
    return self._gallery.latlng_deg[rows]

  @functools.cached_property
  def _live(self) -> Int[np.ndarray, 'n']:
    return np.setdiff1d(np.arange(len(self._gallery)), self._gallery.removed)

  @functools.cached_property
  def _index(self) -> neighbors.SphereIndex:
    return neighbors.SphereIndex(self._gallery.latlng_deg[self._live])

  @functools.cached_property
  def _spread_xyz(self) -> Float[np.ndarray, 's 3']:
    return coords.to_xyz(self._gallery.latlng_deg[self.spread])


@dataclasses.dataclass(frozen=True)
class _Region:
  """What the region prior says of one photo: log P of each cell."""

  ranker: reranking.Ranker
  logs: Float[np.ndarray, 'c']
  spread_cells: Int[np.ndarray, 's']

  @property
  def spread(self) -> Float[np.ndarray, 's']:
    """Of the rows of the spread."""
    return self.logs[self.spread_cells]

  def at(self, latlng_deg: Float[np.ndarray, 'n 2']) -> Float[np.ndarray, 'n']:
    """Of the cells that places are in."""
    return self.logs[self.ranker.region_cells(latlng_deg)]


class _Photo:
  """One photo against the rows that it may see."""

  def __init__(self, reader: Reader, task: types.Source,
               query: shortlist.Queries, mask: masks.Mask,
               region: _Region | None):
    self._reader, self._query = reader, query
    self._mask, self._region = mask, region
    self._temperatures = reader.temperatures(task)
    self._spread = self._log_odds(reader.spread_vectors, None if region is None
                                  else region.spread)
    self._of_all = _log_mean(self._spread[:, self._seen(reader.spread)])

  def alike(self, pool: Pool) -> Float[np.ndarray, 'c r']:
    """Of CHANNELS by RADII_KM; the next radius speaks for an empty one."""
    near = self._log_odds(
        {name: rows.take(pool.rows)
         for name, rows in self._reader.vectors.items()},
        None if self._region is None else self._region.at(
            self._reader.places(pool.rows)))
    seen, spread_seen = self._seen(pool.rows), self._seen(self._reader.spread)
    means = [_log_mean(near[:, some[seen[some]]]) for some in pool.near]
    means += [_log_mean(self._spread[:, some[spread_seen[some]]])
              for some in pool.far]
    return _filled(np.stack(means, axis=1) - self._of_all[:, None])

  def there(self, z_location: Float[np.ndarray, 'd'],
            latlng_deg: Float[np.ndarray, '2']) -> Float[np.ndarray, '2']:
    """Of the place itself, by location and by region."""
    values = np.zeros(2)
    values[0] = self._temperatures['location'] * float(
        (self._query.z_image[0] * z_location).sum()) - self._of_all[
            CHANNELS.index('location')]
    if self._region is not None:
      values[1] = float(self._region.at(latlng_deg[None])[0]) - self._of_all[
          CHANNELS.index('region')]
    return values

  def _seen(self, rows: Int[np.ndarray, 'n']) -> Bool[np.ndarray, 'n']:
    if not len(self._mask.excluded.rows):
      return np.ones(len(rows), bool)
    return ~row_sets.contains(self._mask.excluded, rows[None])[0]

  def _log_odds(self, by_channel: Mapping[str, Float[np.ndarray, 'n _']],
                region: Float[np.ndarray, 'n'] | None) -> Float[
                    np.ndarray, 'c n']:
    """Of CHANNELS, 0 where there is none."""
    odds = np.zeros((len(CHANNELS), len(by_channel['image'])))
    for name, table in by_channel.items():
      # Row by row, unlike a matrix product: no row depends on the others.
      odds[CHANNELS.index(name)] = self._temperatures[name] * (
          table * self._query.of(name)).sum(axis=1)
    if region is not None:
      odds[CHANNELS.index('region')] = region
    return odds


def _log_mean(odds: Float[np.ndarray, 'c n']) -> Float[np.ndarray, 'c']:
  """log of the mean of exp; NaN without rows."""
  if not odds.shape[1]:
    return np.full(len(odds), np.nan)
  odds = np.ascontiguousarray(odds)
  top = odds.max(axis=1)
  return top + np.log(np.exp(odds - top[:, None]).mean(axis=1))


def _filled(values: Float[np.ndarray, 'c r']) -> Float[np.ndarray, 'c r']:
  """NaN by the next radius that has rows, else the one before, else 0."""
  values = values.copy()
  last = values.shape[1] - 1
  for here, there in [*((i, i + 1) for i in range(last - 1, -1, -1)),
                      *((i, i - 1) for i in range(1, last + 1))]:
    values[:, here] = np.where(np.isnan(values[:, here]), values[:, there],
                               values[:, here])
  return np.nan_to_num(values, nan=0.)


def _by_answer(scored: answerers.Scored,
               latlng_deg: Float[np.ndarray, 'b m 2']) -> tuple[
                   Float[np.ndarray, 'b m'], Float[np.ndarray, 'b m 4']]:
  """How far the answer is, and the probability near each place."""
  shares = decoding.softmax(scored.candidates.scores)
  dist_km = distance.haversine_km(
      latlng_deg[:, :, None], scored.latlng_deg[:, None])
  mass = np.stack([np.where(dist_km <= km, shares[:, None], 0.).sum(axis=-1)
                   for km in RADII_KM], axis=-1)
  return dist_km[..., 0], mass
