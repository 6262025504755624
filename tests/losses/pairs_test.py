"""Targets of pairs: the same place, a near one, a far one, and none."""

import math

import jax.numpy as jnp
import numpy as np
from pinpoint_jax.geo import coords, distance
from pinpoint_jax.losses import pairs
import pytest

# One kilometre along a meridian or the equator.
KM_DEG = 180 / math.pi / distance.EARTH_RADIUS_KM


def xyz(*latlng_deg):
  return jnp.asarray(coords.to_xyz(np.asarray(latlng_deg, np.float64)),
                     jnp.float32)


def targets(rows, cols, **settings):
  result = pairs.pair_targets(rows, cols, pairs.Targets(**settings))
  return np.asarray(result.y), np.asarray(result.weight)


@pytest.mark.parametrize('lat', [0., 48.2, -89.])
@pytest.mark.parametrize('km, y, weight', [
    (0., 1, 1), (0.01, 0, 0), (0.19, 0, 0), (0.21, 0, 1), (5000., 0, 1)])
def test_hard_targets_by_distance(lat, km, y, weight):
  there = lat + km * KM_DEG if lat < 40 else lat - km * KM_DEG
  result = targets(xyz([lat, 16.4]), xyz([there, 16.4]))
  assert [result[0].item(), result[1].item()] == [y, weight]


def test_near_is_a_setting():
  rows, cols = xyz([10, 20]), xyz([10 + 2 * KM_DEG, 20])
  assert targets(rows, cols, near_km=2.1)[1].item() == 0
  assert targets(rows, cols, near_km=1.9)[1].item() == 1
  assert targets(rows, rows, near_km=0)[0].item() == 1


@pytest.mark.parametrize('one, other', [
    ([12.5, 180], [12.5, -180]), ([90, 17], [90, -120]), ([-90, 0], [-90, 1])])
def test_two_names_of_one_place_are_one_place(one, other):
  y, weight = targets(xyz(one), xyz(other))
  assert (y.item(), weight.item()) == (1, 1)
  assert targets(xyz(one), xyz(other), kind='soft')[0].item() == 1


@pytest.mark.parametrize('km, tau_km, y', [
    (300, 300., math.exp(-1)), (600, 300., math.exp(-2)),
    (300, 100., math.exp(-3)), (1, 300., math.exp(-1 / 300)),
    (math.pi * distance.EARTH_RADIUS_KM, 6371.0088, math.exp(-math.pi))])
def test_soft_targets_fall_with_distance(km, tau_km, y):
  result = targets(xyz([0, 0]), xyz([0, km * KM_DEG]), kind='soft',
                   tau_km=tau_km)
  np.testing.assert_allclose(result[0].item(), y, rtol=1e-4)
  assert result[1].item() == 1


def test_soft_targets_leave_no_near_pair_out():
  _, weight = targets(xyz([3, 4]), xyz([3 + .1 * KM_DEG, 4]), kind='soft')
  assert weight.item() == 1


@pytest.mark.parametrize('kind', pairs.KINDS)
def test_an_empty_column_never_counts(kind):
  cols = jnp.concatenate([xyz([3, 4]), jnp.zeros((2, 3))])
  _, weight = targets(xyz([3, 4], [50, 60]), cols, kind=kind)
  np.testing.assert_array_equal(weight, [[1, 0, 0], [1, 0, 0]])


def test_metres_are_told_apart_where_a_dot_product_is_blind():
  rows, cols = xyz([48.2, 16.4]), xyz([48.2 + .05 * KM_DEG, 16.4])
  assert 1 - (rows @ cols.T).item() == pytest.approx(0, abs=1.2e-7)
  chord_km = distance.EARTH_RADIUS_KM * math.sqrt(
      pairs.chords_squared(rows, cols).item())
  assert chord_km == pytest.approx(0.05, rel=.02)


@pytest.mark.parametrize('settings, words', [
    (dict(kind='fuzzy'), r"'fuzzy': choices are \('hard', 'soft'\)"),
    (dict(near_km=-1), 'near_km=-1'), (dict(tau_km=0), 'tau_km=0')])
def test_nonsense_is_refused(settings, words):
  with pytest.raises(ValueError, match=words):
    pairs.Targets(**settings)
