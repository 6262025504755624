"""Validation of an embedder: the place whose embedding is nearest, scored.

The gallery is every distinct place that was trained on; a query never meets
a place of its own author or sequence (leave-one-out).
"""

import dataclasses
from typing import Any

from jaxtyping import Float
import numpy as np
from pinpoint_jax import types
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
    self._excluded = geolocation.same_origin(queries.photos, gallery)

  def run(self, state: Any) -> dict[str, float]:
    """acc@… in percent, geoscore, mean and median km of the mean weights."""
    params = encoding.place(arrays.to_numpy(state.ema))
    queries = self._queries
    nearest = exact.search(
        self._encoder.images(params, queries.photos.source, queries.features),
        self._encoder.locations(params, self._xyz), 1, self._excluded)
    answers = geolocation.answers(queries.photos, self._gallery,
                                  nearest.rows[:, 0])
    return metrics.summarise(geolocation.errors(answers, queries.photos))
