"""What holds wherever on the globe: turning it must change nothing."""

import numpy as np
from pinpoint_jax.geo import coords, distance, neighbors, regions
import pytest


def _places(n: int, seed: int = 0) -> np.ndarray:
  rng = np.random.default_rng(seed)
  return np.stack([np.rad2deg(np.arcsin(rng.uniform(-1, 1, n))),
                   rng.uniform(-180, 180, n)], axis=1)


def _turned(latlng_deg: np.ndarray, by_deg: float) -> np.ndarray:
  lng_deg = coords.wrap_lng_deg(latlng_deg[:, 1] + by_deg)
  return np.stack([latlng_deg[:, 0], lng_deg], 1)


def _rotation(seed: int) -> np.ndarray:
  """A rotation about no axis in particular, [3, 3]."""
  q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
  return q * np.sign(np.linalg.det(q))


def _rotated(latlng_deg: np.ndarray, rotation: np.ndarray) -> np.ndarray:
  return coords.to_latlng_deg(coords.to_xyz(latlng_deg) @ rotation.T)


@pytest.mark.parametrize('name', distance.DISTANCES)
@pytest.mark.parametrize('by_deg', [0.001, 90.0, 179.9])
def test_every_distance_is_the_same_at_another_longitude(name, by_deg):
  a, b = _places(300, 1), _places(300, 2)
  dist_fn = distance.distance_fn(name)
  np.testing.assert_allclose(
      dist_fn(_turned(a, by_deg), _turned(b, by_deg)), dist_fn(a, b),
      rtol=1e-9)


@pytest.mark.parametrize('name', distance.DISTANCES)
def test_every_distance_is_the_same_in_the_mirror_and_backwards(name):
  a, b = _places(300, 1), _places(300, 2)
  dist_fn = distance.distance_fn(name)
  for mirror in ([-1, 1], [1, -1], [-1, -1]):
    np.testing.assert_allclose(
        dist_fn(b * mirror, a * mirror), dist_fn(a, b), rtol=1e-9)


@pytest.mark.parametrize('name', distance.DISTANCES)
def test_no_detour_is_shorter(name):
  a, b, c = _places(400, 1), _places(400, 2), _places(400, 3)
  dist_fn = distance.distance_fn(name)
  assert (dist_fn(a, c) <= dist_fn(a, b) + dist_fn(b, c) + 1e-6).all()


def test_the_ellipsoid_is_within_a_half_percent_of_the_sphere():
  a, b = _places(500, 1), _places(500, 2)
  ratio = distance.geodesic_km(a, b) / distance.haversine_km(a, b)
  # Meridians are 0.56 % longer or shorter at most, parallels 0.33 %.
  assert 0.994 < ratio.min() < 0.999 and 1.001 < ratio.max() < 1.006


@pytest.mark.parametrize('seed', range(3))
def test_haversine_is_the_same_on_a_tilted_globe(seed):
  a, b, turn = _places(400, 1), _places(400, 2), _rotation(seed)
  np.testing.assert_allclose(
      distance.haversine_km(_rotated(a, turn), _rotated(b, turn)),
      distance.haversine_km(a, b), rtol=1e-9)


@pytest.mark.parametrize('seed', range(3))
def test_the_mean_turns_with_the_places(seed):
  places, turn = _places(7, seed), _rotation(seed)
  weights = np.arange(1.0, 8.0)
  mean = coords.spherical_mean(places, weights)
  np.testing.assert_allclose(
      coords.to_xyz(coords.spherical_mean(_rotated(places, turn), weights)),
      turn @ coords.to_xyz(mean), atol=1e-12)


def test_the_mean_is_the_same_in_any_order_and_for_any_unit_of_weight():
  places, weights = _places(9), np.arange(1.0, 10.0)
  mean = coords.spherical_mean(places, weights)
  np.testing.assert_allclose(
      coords.spherical_mean(places[::-1].copy(), weights[::-1] * 1e6), mean,
      atol=1e-10)


def test_a_weight_of_two_is_the_place_twice():
  places = _places(4)
  twice = np.concatenate([places, places[2:3]])
  np.testing.assert_allclose(
      coords.spherical_mean(places, np.asarray([1.0, 1, 2, 1])),
      coords.spherical_mean(twice), atol=1e-12)


@pytest.mark.parametrize('seed', range(3))
def test_neighbours_are_the_same_on_a_tilted_globe(seed):
  index, asked, turn = _places(500, 1), _places(40, 2), _rotation(seed)
  plain = neighbors.SphereIndex(index).nearest(asked, 8)
  tilted = neighbors.SphereIndex(_rotated(index, turn)).nearest(
      _rotated(asked, turn), 8)
  np.testing.assert_array_equal(tilted.rows, plain.rows)


def test_neighbours_are_the_same_in_a_shuffled_index():
  index, asked = _places(500, 1), _places(40, 2)
  order = np.random.default_rng(3).permutation(500)
  plain = neighbors.SphereIndex(index).within_km(asked, 2000)
  shuffled = neighbors.SphereIndex(index[order]).within_km(asked, 2000)
  np.testing.assert_array_equal(order[shuffled.rows], plain.rows)
  np.testing.assert_array_equal(shuffled.offsets, plain.offsets)


def test_the_two_searches_agree():
  index, asked = _places(500, 1), _places(40, 2)
  tree = neighbors.SphereIndex(index)
  result = tree.nearest(asked, 10)
  for query in range(40):
    # As far as the tenth: ten rows, the same ones in the same order.
    ball = tree.within_km(asked[query:query + 1], result.dist_km[query, -1])
    np.testing.assert_array_equal(ball.of(0), result.rows[query])


def test_neighbourhood_is_mutual():
  a, b = _places(200, 1), _places(150, 2)
  there = neighbors.SphereIndex(b).within_km(a, 1500)
  back = neighbors.SphereIndex(a).within_km(b, 1500)
  assert {(i, int(j)) for i in range(200) for j in there.of(i)} == {
      (int(i), j) for j in range(150) for i in back.of(j)}


@pytest.mark.parametrize('by_deg', [37.0, 165.0])
def test_regions_turn_with_the_globe(by_deg):
  places = _places(3000)
  ring = np.asarray([[10.0, 0.0], [10.0, 40.0], [50.0, 20.0]])
  def east(lng: float) -> float:
    return float(coords.wrap_lng_deg(lng + by_deg))
  for plain, turned in (
      (regions.Box(-10, -20, 30, 50), regions.Box(-10, east(-20), 30,
                                                  east(50))),
      (regions.Circle((60.0, 5.0), 3000.0),
       regions.Circle((60.0, east(5.0)), 3000.0)),
      (regions.Polygon((ring,)), regions.Polygon((_turned(ring, by_deg),)))):
    inside = plain.contains(places)
    assert 0.01 < inside.mean() < 0.3
    np.testing.assert_array_equal(
        turned.contains(_turned(places, by_deg)), inside)


def test_boxes_side_by_side_hold_every_place_once():
  # No place drawn at random lies on an edge.
  places = _places(5000)
  counts = sum(
      regions.Box(south, west, south + 45, west + 60).contains(places)
      .astype(int) for south in range(-90, 90, 45)
      for west in range(-180, 180, 60))
  assert (counts == 1).all()


def test_a_circle_s_share_of_the_sphere_is_its_cap_s():
  # A cap of half angle 60° has (1 - cos 60°) / 2 = 1/4 of the sphere.
  radius_km = np.pi / 3 * distance.EARTH_RADIUS_KM
  for center in ((0.0, 0.0), (90.0, 0.0), (-45.0, 180.0)):
    share = regions.Circle(center, radius_km).contains(_places(20_000)).mean()
    assert share == pytest.approx(0.25, abs=0.01)
