"""Figures of a trained embedder: its nearest places, in both decodings."""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
from typing import Any

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.evals import geolocation, location_retrieval, metrics
from pinpoint_jax.geo import coords
from pinpoint_jax.models import embedder_files, encoding
from pinpoint_jax.retrieval import decoding

# Enough for the softmax to have died away; all places of a small gallery.
SHORTLIST = 768


@dataclasses.dataclass(frozen=True)
class Answered:
  """Answers of one decoding, under one filter, with their errors."""

  decode: str
  filter: str
  errors: metrics.Errors


class LocationSystem:
  """One trained embedder over one gallery of places."""

  def __init__(self, trained: embedder_files.Trained, gallery: types.Photos):
    self._params, self._gallery = trained.params, gallery
    self._encoder = encoding.Encoder(trained.model)
    self._xyz = coords.to_xyz(gallery.latlng_deg).astype(np.float32)

  def answer(self, photos: types.Photos, features: np.ndarray,
             filters: Sequence[str],
             distance_name: str = 'haversine') -> Iterator[Answered]:
    """Errors of every filter × decoding."""
    queries = location_retrieval.Queries(photos, features)
    scale = float(np.exp(self._params[f'log_temperature_{photos.source}']))
    for name in filters:
      groups = (geolocation.groups(photos, self._gallery)
                if name == 'author' else ())
      found = location_retrieval.shortlist(
          self._encoder, self._params, queries, self._xyz, SHORTLIST, groups)
      for decode in decoding.NAMES:
        answers = location_retrieval.decode(
            found, photos, self._gallery, scale, decode)
        yield Answered(decode, name, geolocation.errors(
            answers, photos, distance_name))


def merge(parts: Sequence[Mapping[Any, metrics.Errors]]) -> dict[
    Any, metrics.Errors]:
  """Errors of the same thing over several folds."""
  return {key: metrics.merge(part[key] for part in parts) for key in parts[0]}
