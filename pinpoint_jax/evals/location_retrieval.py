"""Validation of an embedder: the place whose embedding is nearest, scored.

The gallery is every distinct place that was trained on; a query never meets
a place of its own author or sequence (leave-one-out).
"""

import dataclasses
from typing import Any

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.evals import geolocation, metrics
from pinpoint_jax.models import encoding
from pinpoint_jax.parallel import arrays, processes
from pinpoint_jax.search import exact, row_sets


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
    self._excluded = geolocation.same_origin(queries.photos, gallery)

  def run(self, state: Any) -> dict[str, float]:
    """acc@… in percent, geoscore, mean and median km of the mean weights."""
    params = encoding.place(arrays.to_numpy(state.ema))
    photos = self._queries.photos
    places = processes.in_parts(
        lambda at: self._encoder.locations(params, self._xyz[at]),
        len(self._xyz))
    nearest = processes.in_parts(
        lambda at: self._nearest(params, places, at), len(photos))
    answers = geolocation.answers(photos, self._gallery, nearest)
    return metrics.summarise(geolocation.errors(answers, photos))

  def _nearest(self, params: Any, places: Float[np.ndarray, 'g d'],
               at: slice) -> Int[np.ndarray, 'b']:
    """The gallery row that answers each of some queries."""
    images = self._encoder.images(
        params, self._queries.photos.source, self._queries.features[at])
    excluded = row_sets.take(self._excluded, np.arange(at.start, at.stop))
    return exact.search(images, places, 1, excluded).rows[:, 0]
