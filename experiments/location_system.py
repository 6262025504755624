"""Figures of a trained embedder: its nearest places, in both decodings."""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
from typing import Any

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.evals import geolocation, location_retrieval, metrics
from pinpoint_jax.geo import coords
from pinpoint_jax.models import embedder_files, encoding
from pinpoint_jax.retrieval import decoding, exact

# By the 256th place the softmax has mostly died away.
SHORTLIST = 256


@dataclasses.dataclass(frozen=True)
class Answered:
  """Answers of one decoding, under one filter, with their errors."""

  decode: str
  filter: str
  errors: metrics.Errors


class LocationSystem:
  """One trained embedder; places of a gallery are embedded once."""

  def __init__(self, trained: embedder_files.Trained,
               shortlist: int = SHORTLIST):
    self._params, self._shortlist = trained.params, shortlist
    self._encoder = encoding.Encoder(trained.model)
    self._galleries: dict[str, np.ndarray] = {}

  def answer(self, photos: types.Photos, features: np.ndarray,
             gallery: types.Photos, filters: Sequence[str],
             distance_name: str = 'haversine') -> Iterator[Answered]:
    """Errors of every filter × decoding."""
    z_image = self._encoder.images(self._params, photos.source, features)
    z_place = self._embedded(gallery)
    scale = float(np.exp(self._params[f'log_temperature_{photos.source}']))
    for name in filters:
      barred = (geolocation.same_origin(photos, gallery) if name == 'author'
                else None)
      found = exact.search(z_image, z_place, self._shortlist, barred)
      for decode in decoding.NAMES:
        answers = location_retrieval.decode(
            found, photos, gallery, scale, decode)
        yield Answered(decode, name, geolocation.errors(
            answers, photos, distance_name))

  def _embedded(self, gallery: types.Photos) -> np.ndarray:
    key = gallery.fingerprint()
    if key not in self._galleries:
      xyz = coords.to_xyz(gallery.latlng_deg).astype(np.float32)
      self._galleries[key] = self._encoder.locations(self._params, xyz)
    return self._galleries[key]


def merge(parts: Sequence[Mapping[Any, metrics.Errors]]) -> dict[
    Any, metrics.Errors]:
  """Errors of the same thing over several folds."""
  return {key: metrics.merge(part[key] for part in parts) for key in parts[0]}
