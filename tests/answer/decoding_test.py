"""From scores to one place: the likeliest, or the best in expectation."""

import math

import numpy as np
from pinpoint_jax.answer import decoding
from pinpoint_jax.geo import distance
import pytest

KM_DEG = 180 / math.pi / distance.EARTH_RADIUS_KM


def on_equator(*km):
  return np.asarray([[0., k * KM_DEG] for k in km])


def log(*chances):
  return np.log(np.asarray([chances], np.float64))


def worths(places):
  """What each answer is worth if each other is the truth, in float64."""
  km = distance.haversine_km(places[:, None], places[None])
  return np.exp(-km / 1492.7)


def expected_score(scores, places):
  """As decoding, with the same candidates for all queries."""
  return decoding.expected_score(
      scores, np.broadcast_to(places, (len(scores), *places.shape)))


def test_the_middle_of_two_clusters_by_hand():
  # Chances 0.4, 0.25, 0.35 at 0, 500 and 1000 km. With w = exp(-500 / 1492.7)
  # = 0.7154: 0.758 in the west, 0.786 in the middle, 0.734 in the east.
  places, scores = on_equator(0, 500, 1000), log(.4, .25, .35)
  assert decoding.argmax(scores).tolist() == [0]
  assert expected_score(scores, places).tolist() == [1]
  w = math.exp(-500 / 1492.7)
  expected = [.4 + .25 * w + .35 * w**2, .4 * w + .25 + .35 * w,
              .4 * w**2 + .25 * w + .35]
  np.testing.assert_allclose(
      decoding.softmax(scores) @ worths(places), [expected], rtol=1e-6)
  np.testing.assert_allclose(expected, [.758, .7865, .7336], atol=6e-4)


def test_a_cluster_outweighs_a_lone_likelier_place():
  # 0.4 alone, against two of 0.3 that are 10 km apart, on the other side.
  places, scores = on_equator(0, 9000, 9010), log(.4, .3, .3)
  assert decoding.argmax(scores).item() == 0
  assert expected_score(scores, places).item() in (1, 2)


def test_a_sure_answer_stays():
  places, scores = on_equator(0, 500, 1000), log(.98, .01, .01)
  assert expected_score(scores, places).item() == 0


def test_what_is_no_candidate_is_never_chosen():
  # A centre and four places 500 km from it: 0.715 against about 0.69, but the
  # centre is not among the candidates.
  arm = 500 * KM_DEG
  places = np.asarray([[0, 0], [0, arm], [0, -arm], [arm, 0], [-arm, 0]])
  scores = np.log([[1e-9, .25, .25, .26, .24]])
  assert expected_score(scores, places).item() == 0
  scores[0, 0] = -math.inf
  assert expected_score(scores, places).item() == 3
  np.testing.assert_allclose(
      decoding.softmax(scores), [[0, .25, .25, .26, .24]])
  assert decoding.argmax(scores).item() == 3


@pytest.mark.parametrize('bad', [-math.inf, math.nan, math.inf])
def test_a_query_without_candidates_is_refused(bad):
  scores = np.asarray([[0., 1.], [bad, bad]])
  with pytest.raises(ValueError, match='no candidate with a finite score'):
    expected_score(scores, on_equator(0, 1))


def test_uniform_scores_choose_the_most_central():
  places = on_equator(0, 100, 200, 300, 400)
  scores = np.full((3, 5), 7.)
  assert expected_score(scores, places).tolist() == [2, 2, 2]
  assert decoding.argmax(scores).tolist() == [0, 0, 0]


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
def test_a_query_does_not_depend_on_the_others(dtype):
  rng = np.random.default_rng(0)
  places = np.stack([rng.uniform(-80, 80, 50), rng.uniform(-180, 180, 50)], 1)
  # Both sides of the block of 256.
  scores = (rng.normal(size=(600, 50))).astype(dtype)
  scores[rng.random(scores.shape) < .3] = -math.inf
  whole = expected_score(scores, places)
  single = [expected_score(scores[i:i + 1], places).item()
            for i in range(600)]
  assert whole.tolist() == single
  for size in (1, 255, 256, 257, 512):
    np.testing.assert_array_equal(
        expected_score(scores[:size], places), whole[:size])
  assert np.isfinite(scores[np.arange(600), whole]).all()
  assert (whole != decoding.argmax(scores)).mean() > .1


def test_a_shift_of_all_scores_changes_nothing():
  places, scores = on_equator(0, 500, 1000), log(.4, .25, .35)
  for shift in (-1e4, 1e4):
    assert expected_score(scores + shift, places).item() == 1


def test_no_queries():
  result = expected_score(np.zeros((0, 3)), on_equator(0, 1, 2))
  assert result.shape == (0,)


def earth(queries, k, seed=0):
  """Candidates all over the Earth, some of each query a street apart."""
  rng = np.random.default_rng(seed)
  places = np.stack([rng.uniform(-80, 80, (queries, k)),
                     rng.uniform(-180, 180, (queries, k))], axis=-1)
  near = slice(0, k // 3)
  places[:, near] = places[:, :1] + rng.normal(size=(queries, k // 3, 2)) * .01
  scores = (3 * rng.normal(size=(queries, k))).astype(np.float32)
  scores[:, -3:] = -np.inf
  return scores, places


def test_each_is_the_best_by_float64_to_a_millionth():
  scores, places = earth(40, 96)
  chosen = decoding.expected_score(scores, places)
  for one, near, result in zip(scores, places, chosen):
    expected = decoding.softmax(one[None])[0] @ worths(near)
    expected[np.isneginf(one)] = -1
    assert expected[result] >= expected.max() * (1 - 3e-6)


def test_each_chooses_between_places_a_street_apart():
  # 300 m from east to west: cosines in float32 are blind to them.
  places = on_equator(0, .1, .2, .3)[None]
  scores = log(.1, .1, .7, .1)
  assert decoding.expected_score(scores, places).tolist() == [2]
  assert decoding.expected_score(
      log(.3, .3, .2, .2), places).tolist() == [1]


@pytest.mark.parametrize('size', [1, 7, 64])
def test_each_does_not_depend_on_the_batch(size):
  scores, places = earth(64, 50, seed=1)
  whole = decoding.expected_score(scores, places)
  parts = [decoding.expected_score(scores[i:i + size], places[i:i + size])
           for i in range(0, 64, size)]
  np.testing.assert_array_equal(np.concatenate(parts), whole)
  moved = decoding.interpolated(scores, places, whole)
  np.testing.assert_array_equal(moved[:size], decoding.interpolated(
      scores[:size], places[:size], whole[:size]))


def test_each_without_a_candidate_is_refused():
  with pytest.raises(ValueError, match='no candidate with a finite score'):
    decoding.expected_score(np.full((1, 3), -np.inf), earth(1, 3)[1])
  assert decoding.expected_score(
      np.zeros((0, 3)), np.zeros((0, 3, 2))).shape == (0,)


def test_interpolation_by_hand():
  # 0.6 and 0.2 within 25 km: three quarters and one quarter of 20 km; what is
  # 30 km away does not pull, whatever its chance.
  places = on_equator(0, 20, 30)[None]
  result = decoding.interpolated(log(.6, .2, .2), places, np.asarray([0]))
  np.testing.assert_allclose(result, on_equator(5), atol=1e-6)
  # From the middle one all are within reach: 0 · .6 + 20 · .2 + 30 · .2 = 10.
  result = decoding.interpolated(log(.6, .2, .2), places, np.asarray([1]))
  np.testing.assert_allclose(result, on_equator(10), atol=1e-6)


def test_interpolation_crosses_the_antimeridian_and_leaves_the_lonely():
  places = np.asarray([[[0., 179.99], [0., -179.99], [0., 100.]]])
  result = decoding.interpolated(log(.4, .4, .2), places, np.asarray([0]))
  np.testing.assert_allclose(np.abs(result), [[0., 180.]], atol=1e-9)
  result = decoding.interpolated(log(.4, .4, .2), places, np.asarray([2]))
  np.testing.assert_allclose(result, [[0., 100.]], atol=1e-9)


def test_interpolation_with_a_weight_that_rounds_to_nothing():
  places = on_equator(0, 500)[None]
  result = decoding.interpolated(
      np.asarray([[0., -2000.]]), places, np.asarray([1]))
  np.testing.assert_array_equal(result, places[:, 1])
