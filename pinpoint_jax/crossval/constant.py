"""The best single place (evals/baselines.py), chosen on the other folds."""

import time

from pinpoint_jax import types
from pinpoint_jax.crossval import fused
from pinpoint_jax.evals import baselines, metrics
from pinpoint_jax.geo import distance


def answer(train: types.Photos,
           held_out: types.Photos) -> dict[str, fused.Answered]:
  """Answers by decoding: the place worth most to the photos trained on."""
  began = time.monotonic()
  answers = {}
  for decode, best in baselines.best_places(train.latlng_deg).items():
    km = distance.haversine_km(held_out.latlng_deg, best[None])
    answers[decode] = fused.Answered(
        metrics.Errors(km, held_out.clusters), time.monotonic() - began,
        {'latlng_deg': best.tolist()})
  return answers
