"""Kernels on the sphere: how likely a place is, so far from where it may be.

A kernel of von Mises and Fisher is the normal distribution of the sphere. Its
width is the standard deviation along each of two directions, in km; one that is
as wide as the Earth is the same everywhere.
"""

from jaxtyping import Float
import numpy as np
from pinpoint_jax.geo import distance

EARTH_KM2 = 4 * np.pi * distance.EARTH_RADIUS_KM**2


def log_per_km2(dist_km: Float[np.ndarray, '...'],
                width_km: Float[np.ndarray, '...']) -> Float[
                    np.ndarray, '...']:
  """log of the density per km², so far from the middle of a kernel."""
  kappa = (distance.EARTH_RADIUS_KM / width_km)**2
  # 1 - cos, without rounding where it is small.
  gap = 2 * np.sin(dist_km / distance.EARTH_RADIUS_KM / 2)**2
  # κ / (1 - exp(-2κ)) tends to 1/2 for the widest kernels.
  scale = np.log(2 * kappa) - np.log(-np.expm1(-2 * kappa))
  return scale - kappa * gap - np.log(EARTH_KM2)


def mass_within(radius_km: Float[np.ndarray, '...'],
                width_km: Float[np.ndarray, '...']) -> Float[
                    np.ndarray, '...']:
  """Probability within a radius of the middle of a kernel."""
  kappa = (distance.EARTH_RADIUS_KM / width_km)**2
  gap = 2 * np.sin(radius_km / distance.EARTH_RADIUS_KM / 2)**2
  return np.expm1(-kappa * gap) / np.expm1(-2 * kappa)
