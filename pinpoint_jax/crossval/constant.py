"""The best single place: one answer to every query, chosen on other folds.

A system that loses to it has learned where photos are taken, and nothing from
the photos.
"""

import time

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.crossval import fused
from pinpoint_jax.evals import metrics
from pinpoint_jax.geo import distance
from pinpoint_jax.ridge import ridge as kernel_ridge

_MOST_PLACES = 4096


def answer(train: types.Photos,
           held_out: types.Photos) -> dict[str, fused.Answered]:
  """Answers by decoding: the place worth most to the photos trained on."""
  began = time.monotonic()
  places = kernel_ridge.anchors(train.latlng_deg, _MOST_PLACES)
  shares = np.bincount(places.of_row, minlength=len(places)) / len(train)
  answers = {}
  for decode, scale_km in kernel_ridge.SCALES_KM.items():
    worth = kernel_ridge.worths(places.latlng_deg, places.latlng_deg, scale_km)
    best = places.latlng_deg[np.argmax(worth @ shares)]
    km = distance.haversine_km(held_out.latlng_deg, best[None])
    answers[decode] = fused.Answered(
        metrics.Errors(km, held_out.clusters), time.monotonic() - began,
        {'latlng_deg': best.tolist()})
  return answers
