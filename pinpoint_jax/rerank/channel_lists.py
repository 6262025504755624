"""Weights of what answers from one channel's list, fitted on such lists.

  a channel's 100 best rows ─▶ temperature: similarity times it are log-odds
  the raw channel's, with the region prior ─▶ the weights of `region_prior`

Weights that were fitted on short lists of three channels mean nothing there.
"""

from collections.abc import Mapping
import dataclasses

from jaxtyping import Float
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.candidates import filters
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.geo import distance
from pinpoint_jax.rerank import columns, examples, fusion, region_prior

DEPTH = 100
REGION, = columns.GROUPS['region']
# Queries that the weights are fitted on.
_NUM_QUERIES = 4000


@dataclasses.dataclass(frozen=True)
class Weights:
  """Weights for the lists of single channels.

  Attributes:
    temperatures: of each channel whose similarities say something.
    region: of raw similarity and REGION; empty without a region prior.
  """

  temperatures: Mapping[str, float]
  region: Mapping[str, float]


def fit(searcher: search.Searcher, labeled: examples.LabeledQueries,
        prior: region_prior.RegionPrior | None) -> Weights:
  """The weights with the highest expected reward on training queries."""
  some = labeled.take(blocks.evenly_spread(len(labeled), _NUM_QUERIES))
  mask = filters.mask(searcher.gallery, some.photos, 'author')
  temperatures, region = {}, {}
  for number, name in enumerate(types.CHANNELS):
    if name not in searcher.channels:
      continue
    listed = _only(number, searcher.search(
        name, some.vectors.of(name), DEPTH, mask))
    places = searcher.gallery.latlng_deg[np.maximum(listed.rows, 0)]
    dist_km = np.where(listed.rows >= 0, distance.haversine_km(
        places, some.photos.latlng_deg[:, None]), np.inf).astype(np.float32)
    try:
      temperatures[name] = getattr(fusion.fit(listed, dist_km, [name]), name)
    except fusion.NoSignal:
      print(f'note: {name} similarities of training queries say nothing about '
            f'distance: no temperature is fitted', flush=True)
    if name == 'raw' and prior is not None:
      region = _region(listed, dist_km, region_prior.columns(
          prior, some.photos.source, some.vectors.raw, places))
  return Weights(temperatures, region)


def _only(channel: int, listed: types.Candidates) -> types.Shortlist:
  """A channel's list as a shortlist that knows its similarity alone."""
  real = listed.rows >= 0
  shape = (*listed.rows.shape, len(types.CHANNELS))
  ranks = np.full(shape, -1, np.int32)
  sims = np.where(real[..., None], np.zeros(shape, np.float32), -np.inf)
  ranks[..., channel] = np.where(real, np.arange(real.shape[1])[None], -1)
  sims[..., channel] = listed.scores
  return types.Shortlist(listed.rows, ranks, sims.astype(np.float32))


def _region(listed: types.Shortlist, dist_km: Float[np.ndarray, 'b k'],
            column: Float[np.ndarray, 'b k 1']) -> dict[str, float]:
  column = np.where(listed.rows[..., None] >= 0, column, 0.)
  weights = np.asarray(fusion.fit_with_features(
      listed, dist_km, column.astype(np.float32)))
  return {'raw': float(weights[types.CHANNELS.index('raw')]),
          REGION: float(weights[-1])}
