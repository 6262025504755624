"""Settings of kernel ridge by inner cross-validation, never by test rows."""

from collections.abc import Sequence
import dataclasses

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import blocks
from pinpoint_jax.geo import distance, geoscore
from pinpoint_jax.ridge import ridge as kernel_ridge

# The best penalty hardly moves with the number of rows.
_MOST_ROWS = 4000

OPTIONS = tuple(
    kernel_ridge.Settings(kernel, power, penalty)
    for kernel, power, penalties in (('linear', 0.5, (1., 2., 4.)),
                                     ('rbf', 0.5, (0.2, 0.4, 0.8)),
                                     ('rbf', 0.25, (0.2, 0.4, 0.8)))
    for penalty in penalties)


def choose(features: np.ndarray, latlng_deg: Float[np.ndarray, 'n 2'],
           folds: Int[np.ndarray, 'n'],
           options: Sequence[kernel_ridge.Settings] = OPTIONS,
           ) -> kernel_ridge.Settings:
  """The option with the best GeoScore over inner folds, the first of equals.

  Each fold is answered with places of the others. Of more than 4000 rows, as
  many, evenly spread, decide.
  """
  rows = blocks.evenly_spread(len(folds), _MOST_ROWS)
  if len(np.unique(folds[rows])) < 2:
    raise ValueError(f'{len(np.unique(folds))} inner folds of {len(folds)} '
                     f'rows: at least 2 are needed to choose settings')
  features, latlng_deg, folds = (
      np.asarray(x[rows]) for x in (features, latlng_deg, folds))
  totals = sum(_totals(features, latlng_deg, folds == fold, options)
               for fold in np.unique(folds))
  return options[int(np.argmax(totals))]


def _totals(features: np.ndarray, latlng_deg: Float[np.ndarray, 'n 2'],
            held_out: np.ndarray,
            options: Sequence[kernel_ridge.Settings]) -> np.ndarray:
  """Each option's score on the rows held out, summed, [options]."""
  kept, totals = latlng_deg[~held_out], np.zeros(len(options))
  families: dict[kernel_ridge.Settings, list[int]] = {}
  for i, option in enumerate(options):
    alike = dataclasses.replace(option, penalty=1.)
    families.setdefault(alike, []).append(i)
  for alike, members in families.items():
    models = kernel_ridge.fit_each(features[~held_out], kept, alike,
                                   [options[i].penalty for i in members])
    totals[members] = [_score(model, features[held_out], latlng_deg[held_out],
                              kept) for model in models]
  return totals


def _score(model: kernel_ridge.Model, features: np.ndarray,
           truth_deg: Float[np.ndarray, 'b 2'],
           kept_deg: Float[np.ndarray, 'c 2']) -> float:
  best = kernel_ridge.scores(
      model, features, kept_deg, geoscore.SCALE_KM).argmax(axis=1)
  dist_km = distance.haversine_km(kept_deg[best], truth_deg)
  return float(geoscore.share(dist_km).sum())
