"""Kernels against the plane they are near to, and against all of the Earth."""

import numpy as np
from pinpoint_jax.geo import distance, kernels
import pytest


def test_a_narrow_kernel_is_a_normal_distribution_of_the_plane():
  dist_km = np.asarray([0., 5., 10., 25.])
  np.testing.assert_allclose(
      kernels.log_per_km2(dist_km, np.asarray([10.])),
      -np.log(2 * np.pi * 10.**2) - dist_km**2 / (2 * 10.**2), atol=1e-4)
  # Half of a plane's normal lies within 1.1774 standard deviations.
  np.testing.assert_allclose(kernels.mass_within(
      np.asarray([11.774]), np.asarray([10.])), .5, atol=1e-4)


@pytest.mark.parametrize('width_km', [.05, 3., 400., 5000., 50_000.])
def test_every_kernel_holds_one_in_all(width_km):
  ends = np.concatenate([[0.], np.geomspace(
      width_km / 1000, np.pi * distance.EARTH_RADIUS_KM, 20_000)]).clip(
          max=np.pi * distance.EARTH_RADIUS_KM)
  middle = (ends[1:] + ends[:-1]) / 2
  around = 2 * np.pi * distance.EARTH_RADIUS_KM * np.sin(
      middle / distance.EARTH_RADIUS_KM)
  held = np.exp(kernels.log_per_km2(middle, np.asarray([width_km]))) * (
      around * np.diff(ends))
  assert held.sum() == pytest.approx(1, abs=1e-3)
  np.testing.assert_allclose(
      np.cumsum(held)[::4000], kernels.mass_within(
          ends[1::4000], np.asarray([width_km])), atol=1e-3)


def test_the_widest_kernel_is_the_same_everywhere():
  far = kernels.log_per_km2(np.asarray([0., 20_000.]), np.asarray([1e7]))
  np.testing.assert_allclose(far, -np.log(kernels.EARTH_KM2), atol=1e-5)
