"""Cells of a place: where they end, who owns a slot, what is added."""

import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.geo import coords
from pinpoint_jax.models import place_cells
import pytest

LEVELS = (5000., 50., 0.5)
SLOTS = 2**10


def xyz_of(*latlng_deg):
  return jnp.asarray(coords.to_xyz(np.asarray(latlng_deg, np.float64)),
                     jnp.float32)


def test_levels_part_places_as_finely_as_they_are():
  # 20 m, 10 km and 1,000 km north of a place well within its cells.
  xyz = xyz_of([10, 8], [10.0002, 8], [10.09, 8], [19, 8])
  slots, tags = map(np.asarray, place_cells.addresses(xyz, LEVELS, SLOTS))
  same = (slots == slots[:1]) & (tags == tags[:1])
  assert same.tolist() == [[True, True, True], [True, True, True],
                           [True, True, False], [True, False, False]]
  assert tags.min() >= 1 and tags.max() <= 2**16


def test_addresses_are_spread_and_the_same_when_compiled():
  xyz = np.random.default_rng(0).normal(size=(4096, 3))
  xyz = jnp.asarray(xyz / np.linalg.norm(xyz, axis=1, keepdims=True),
                    jnp.float32)
  slots, tags = place_cells.addresses(xyz, (0.5,), SLOTS)
  counts = np.bincount(np.asarray(slots)[:, 0], minlength=SLOTS)
  # Poisson with mean 4: its variance is 4 too.
  assert counts.var() == pytest.approx(4, abs=.6)
  compiled = jax.jit(place_cells.addresses, static_argnums=(1, 2))(
      xyz, (0.5,), SLOTS)
  np.testing.assert_array_equal(slots, compiled[0])
  np.testing.assert_array_equal(tags, compiled[1])


def test_the_sum_of_what_is_owned_by_hand():
  xyz = xyz_of([40, 20])
  slots, tags = map(np.asarray, place_cells.addresses(xyz, LEVELS, SLOTS))
  owner, mean = np.zeros(SLOTS, np.float32), np.zeros((SLOTS, 2), np.float32)
  owner[slots[0]] = tags[0] + [0, 1, 0.01]  # A stranger has the second slot.
  mean[slots[0]] = [[1, 0], [10, 10], [0, 2]]
  cells = place_cells.PlaceCells(2, LEVELS, SLOTS)
  apply = lambda mean: cells.apply(
      {'params': {'owner': owner, 'mean': mean}}, xyz)
  np.testing.assert_array_equal(apply(mean), [[1, 2]])
  grad = jax.grad(lambda mean: apply(mean).sum())(jnp.asarray(mean))
  np.testing.assert_array_equal(grad[slots[0]], [[1, 1], [0, 0], [1, 1]])


@pytest.mark.parametrize('levels, num_slots, words', [
    ((1.,), 1000, 'num_slots=1000: must be a power of two'),
    ((1.,), 2**17, 'at most 65536'), ((1., 0.), 8, 'above 0 km')])
def test_nonsense_is_refused(levels, num_slots, words):
  with pytest.raises(ValueError, match=words):
    place_cells.addresses(xyz_of([1, 2]), levels, num_slots)
