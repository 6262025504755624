"""From held-out answers to what was promised of them, and what came of it."""

from jaxtyping import Float
import numpy as np
from pinpoint_jax.answer import calibration as calibrations
from pinpoint_jax.answer import held_out, records
from pinpoint_jax.evals import confidence
from pinpoint_jax.geo import kernels
import scipy


def of(calibration: calibrations.Calibration, held: held_out.HeldOut,
       shares: tuple[float, ...] = records.RADIUS_SHARES,
       ) -> confidence.Promises:
  """Chances and radii that a calibration gives to answers."""
  chances = calibration.chances(held.signals)
  radius_km = [[reach.radius_km(share) for share in shares] for reach in map(
      calibration.reach, calibration.heights(held.signals))]
  return confidence.Promises(
      chances, held.dist_km, np.asarray(radius_km).reshape(-1, len(shares)),
      shares, held.clusters)


def log_per_km2(calibration: calibrations.Calibration,
                held: held_out.HeldOut) -> Float[np.ndarray, 'n']:
  """log of the density that each photo's true place was given, per km²."""
  log_shares = calibration.likelihood.log_shares(held.signals)
  return scipy.special.logsumexp(log_shares + held.kinds, axis=1)


def likelihood(log_per_km2: Float[np.ndarray, 'n']) -> dict[str, float]:
  """Mean over photos: NLL per km², per steradian, and what it is below that of
  a density that is the same everywhere, in nats."""
  nll = -float(log_per_km2.mean())
  everywhere = float(np.log(kernels.EARTH_KM2))
  return {'nll_per_km2': nll,
          'nll_per_sr': nll - everywhere + float(np.log(4 * np.pi)),
          'nats_over_uniform': everywhere - nll}
