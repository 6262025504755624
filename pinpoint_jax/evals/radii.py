"""Ways from errors of known photos to a radius of each new one, compared.

  thirds     the level of a photo's own curve of chances, of photos that are as
             hard: in thirds of P(error < 25 km); as answers have it
  curve      the same level for all
  constant   one radius for all
  spread     a multiple of the error that a regression of the signals predicts

All are split conformal: fitted on one half of the known photos, their level is
that of the other half's errors, so that each holds for its share of all photos.
They differ in how wide they are, and in whom they hold for.
"""

from collections.abc import Callable
import dataclasses

from jaxtyping import Float
import numpy as np
from pinpoint_jax.answer import calibration as calibrations
from pinpoint_jax.answer import held_out, records, regression

_LEAST_KM = .01
# From known photos and asked ones to the radii of these.
Way = Callable[[held_out.HeldOut, held_out.HeldOut, float],
               Float[np.ndarray, 'n']]


def thirds(known: held_out.HeldOut, asked: held_out.HeldOut,
           share: float) -> Float[np.ndarray, 'n']:
  """As answer.calibration has it."""
  return _of(calibrations.fit(known.signals, known.dist_km, known.clusters),
             asked, share)


def curve(known: held_out.HeldOut, asked: held_out.HeldOut,
          share: float) -> Float[np.ndarray, 'n']:
  """One level for hard and easy photos."""
  fitted = calibrations.fit(known.signals, known.dist_km, known.clusters)
  return _of(dataclasses.replace(
      fitted, levels=np.sort(fitted.levels), edges=fitted.edges[:0],
      starts=None), asked, share)


def constant(known: held_out.HeldOut, asked: held_out.HeldOut,
             share: float) -> Float[np.ndarray, 'n']:
  """One radius for all."""
  second = ~regression.halves(known.clusters)
  return np.full(len(asked), quantile(known.dist_km[second], share))


def spread(known: held_out.HeldOut, asked: held_out.HeldOut,
           share: float) -> Float[np.ndarray, 'n']:
  """A multiple of what a regression of log km on the signals predicts."""
  first = regression.halves(known.clusters)
  logs = np.log(np.maximum(known.dist_km, _LEAST_KM))
  columns = known.signals.all_columns()
  beta = np.linalg.lstsq(columns[first], logs[first], rcond=None)[0]
  more = quantile((logs - columns @ beta)[~first], share)
  return np.minimum(np.exp(asked.signals.all_columns() @ beta + more),
                    records.FARTHEST_KM)


WAYS: dict[str, Way] = {'thirds': thirds, 'curve': curve,
                        'constant': constant, 'spread': spread}


def quantile(values: Float[np.ndarray, 'n'], share: float) -> float:
  """The conformal quantile: the ceil((n + 1) share)-th smallest."""
  rank = int(np.ceil((len(values) + 1) * share))
  return float(np.sort(values)[rank - 1]) if rank <= len(values) else np.inf


def _of(fitted: calibrations.Calibration, asked: held_out.HeldOut,
        share: float) -> Float[np.ndarray, 'n']:
  return np.asarray([fitted.reach(heights).radius_km(share)
                     for heights in fitted.heights(asked.signals)])
