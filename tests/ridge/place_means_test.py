"""Means of cells: shrunk by hand, coarse before fine, the fuller one wins."""

import jax.numpy as jnp
import numpy as np
from pinpoint_jax.geo import coords
from pinpoint_jax.models import place_cells
from pinpoint_jax.ridge import place_means
import pytest

SLOTS = 2**12


def xyz_of(*latlng_deg):
  return coords.to_xyz(np.asarray(latlng_deg, np.float64)).astype(np.float32)


def means_at(table, xyz, levels):
  cells = place_cells.PlaceCells(table.mean.shape[1], levels, len(table.owner))
  return np.asarray(cells.apply({'params': {
      'owner': table.owner, 'mean': table.mean}}, jnp.asarray(xyz)))


def test_two_towns_by_hand():
  # Three pictures in one town and one in another, in one cell of 5,000 km.
  xyz = xyz_of([40, 20], [40, 20], [40, 20], [45, 25])
  z = np.asarray([[1.], [1.], [1.], [-1.]])
  table = place_means.fit(xyz, z, (5000., 5.), SLOTS, prior_rows=1.)
  # All: 2 / (4 + 1). Towns: 3 · 0.6 / (3 + 1) and -1.4 / (1 + 1) beyond it.
  np.testing.assert_allclose(
      means_at(table, xyz_of([40, 20], [45, 25], [46, 26]), (5000., 5.)),
      [[.4 + .45], [.4 - .7], [.4]], rtol=1e-6)


def test_without_a_prior_a_level_is_the_mean():
  rng = np.random.default_rng(0)
  xyz = xyz_of(*rng.uniform(-60, 60, (50, 2)))
  z = rng.normal(size=(50, 3))
  table = place_means.fit(np.repeat(xyz, 2, axis=0), np.repeat(z, 2, axis=0),
                          (500., 1.), SLOTS, prior_rows=0.)
  np.testing.assert_allclose(means_at(table, xyz, (500., 1.)), z, atol=1e-5)


def test_the_cell_with_more_pictures_owns_a_slot():
  # One slot for all: the town with two pictures has it, the other nothing.
  xyz = xyz_of([40, 20], [40, 20], [-30, 140])
  table = place_means.fit(xyz, np.ones((3, 1)), (5.,), 1, prior_rows=0.)
  np.testing.assert_allclose(means_at(table, xyz, (5.,)), [[1], [1], [0]])


def test_coarse_levels_come_first():
  with pytest.raises(ValueError, match='each level must be finer'):
    place_means.fit(xyz_of([1, 2]), np.ones((1, 1)), (5., 50.), SLOTS)
