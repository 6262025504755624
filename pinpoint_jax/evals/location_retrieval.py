"""Validation of an embedder: the place whose embedding is nearest, scored.

The gallery is every distinct place that was trained on; a query never meets
a place of its own author or sequence (leave-one-out).
"""

import dataclasses
from typing import Any

from jaxtyping import Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import decoding
from pinpoint_jax.evals import geolocation, metrics
from pinpoint_jax.models import encoding
from pinpoint_jax.parallel import arrays
from pinpoint_jax.search import exact


@dataclasses.dataclass(frozen=True)
class Queries:
  """What to find: photos with features of one source."""

  photos: types.Photos
  features: np.ndarray


class LocationRetrieval:
  """Evaluator: `location_top1` on held-out rows of one source."""

  def __init__(self, name: str, every: int, encoder: encoding.Encoder,
               queries: Queries, gallery: types.Photos,
               gallery_xyz: Float[np.ndarray, 'g 3']):
    self.name, self.every = name, every
    self._encoder, self._queries = encoder, queries
    self._gallery, self._xyz = gallery, gallery_xyz
    self._barred = geolocation.same_origin(queries.photos, gallery)

  def run(self, state: Any) -> dict[str, float]:
    """acc@… in percent, geoscore, mean and median km of the mean weights."""
    params = arrays.to_numpy(state.ema)
    answers = location_top1(self._encoder, params, self._queries, self._gallery,
                            self._xyz, self._barred)
    errors = geolocation.errors(answers, self._queries.photos)
    return metrics.summarise(errors)


def location_top1(
    encoder: encoding.Encoder, params: Any, queries: Queries,
    gallery: types.Photos, gallery_xyz: Float[np.ndarray, 'g 3'],
    excluded: types.RowSets | None = None,
) -> types.Predictions:
  """The gallery place whose location embedding is nearest, one per query."""
  found = shortlist(encoder, params, queries, gallery_xyz, 1, excluded)
  return geolocation.answers(queries.photos, gallery, found.rows[:, 0])


def shortlist(
    encoder: encoding.Encoder, params: Any, queries: Queries,
    gallery_xyz: Float[np.ndarray, 'g 3'], k: int,
    excluded: types.RowSets | None = None,
) -> types.Candidates:
  """The k gallery places whose location embeddings are nearest."""
  z_location = encoder.locations(params, gallery_xyz)
  z_image = encoder.images(params, queries.photos.source, queries.features)
  return exact.search(z_image, z_location, k, excluded)


def decode(candidates: types.Candidates, queries: types.Photos,
           gallery: types.Photos, temperature: float,
           name: str) -> types.Predictions:
  """One answer per query: argmax, or expected_score of temperature · sim."""
  if name not in decoding.NAMES:
    raise ValueError(f'decode {name!r}: choices are {decoding.NAMES}')
  best = np.zeros(len(queries), np.int64)
  if name == 'expected_score':
    places = gallery.latlng_deg[np.maximum(candidates.rows, 0)]
    best = decoding.expected_score_each(
        temperature * candidates.scores, places)
  rows = np.take_along_axis(candidates.rows, best[:, None], axis=1)[:, 0]
  return geolocation.answers(queries, gallery, rows)
