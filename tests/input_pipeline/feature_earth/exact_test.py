from input_pipeline.feature_earth import exact
import numpy as np
from pinpoint_jax.geo import coords


def test_the_cosine_is_a_cosine():
  turns = np.linspace(-3, 3, 10_001)
  np.testing.assert_allclose(
      exact.cos_turns(turns), np.cos(2 * np.pi * turns), atol=1e-9)
  quarters = exact.cos_turns(np.asarray([-.25, .25, .75, 1e6 + .25]))
  np.testing.assert_array_equal(quarters, 0)


def test_places_lie_on_whole_steps_of_10_cm():
  latlng_deg = np.random.default_rng(0).uniform(-1, 1, (1000, 2)) * [90, 180]
  grid = exact.grid_xyz(latlng_deg)
  np.testing.assert_array_equal(grid, np.rint(grid))
  np.testing.assert_allclose(
      exact.unit_xyz(latlng_deg), coords.to_xyz(latlng_deg), atol=1e-8)
  # A degree of latitude is 111.195 km.
  a, b = exact.grid_xyz(np.asarray([[10., 20.], [11., 20.]]))
  np.testing.assert_allclose(
      np.linalg.norm(a - b) / exact.STEPS_PER_KM, 111.19, atol=0.02)


def test_moving_across_the_date_line_and_a_pole():
  moved = exact.moved(np.asarray([[0.0, 179.99], [88.99, 0.0]]),
                      np.asarray([5.0, 0.0]), np.asarray([0.0, 500.0]))
  assert -180 <= moved[0, 1] < -179.9 and moved[1, 0] == 89.0
