"""Each feature by hand, all of them against a loop, and what may not matter."""

import math

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.geo import coords
from pinpoint_jax.rerank import light_features
import pytest

EARTH_KM = 6371.0088


def hand():
  """Two candidates 25 km apart on a meridian, a third far away, a padded one.

  The location channel proposed the third alone; there is no raw channel.
  """
  north = math.degrees(25 / EARTH_KM)
  shortlist = types.Shortlist(
      np.array([[4, 9, 2, -1]]),
      np.array([[[0, -1, -1], [1, -1, -1], [-1, 0, -1], [-1, -1, -1]]]),
      np.array([[[.8, .1, 0], [.6, .1, 0], [.1, .4, 0], [-np.inf] * 3]]))
  latlng_deg = np.array([[[0, 0], [north, 0], [0, 180], [np.nan, np.nan]]])
  counts = np.arange(16).reshape(1, 4, 2, 2)
  return shortlist, latlng_deg, counts


def named(found, candidate):
  return dict(zip(light_features.FEATURES, found[0, candidate]))


def test_by_hand():
  found = light_features.features(*hand())
  assert found.dtype == np.float32
  first = named(found, 0)
  votes = {name: first.pop(name) for name in light_features.FEATURES
           if 'vote' in name}
  far = math.log1p(math.pi * EARTH_KM)
  assert first == pytest.approx({
      'inverse_rank_image': 1, 'inverse_rank_location': 0,
      'inverse_rank_raw': 0, 'relative_similarity_image': 0,
      'relative_similarity_location': -.3, 'relative_similarity_raw': 0,
      'log_photo_1km': 0, 'log_street_1km': math.log(2),
      'log_photo_25km': math.log(3), 'log_street_25km': math.log(4),
      'log_km_to_first_image': 0, 'log_km_to_first_location': far,
      'log_km_to_first_raw': 0}, rel=1e-5, abs=1e-7)
  # Inverse ranks 1, 1/2 and 1: the second's share is 0.2, 25 km away. The
  # third is 12 742 km away through the Earth.
  assert votes['rank_vote_25km'] == pytest.approx(.2 / math.e, rel=1e-5)
  assert votes['rank_vote_200km'] == pytest.approx(.2 * math.exp(-1 / 8))
  assert votes['rank_vote_1600km'] == pytest.approx(
      .2 * math.exp(-25 / 1600) + .4 * math.exp(-2 * EARTH_KM / 1600))
  assert named(found, 1)['log_km_to_first_image'] == pytest.approx(
      math.log(26), rel=1e-5)
  np.testing.assert_array_equal(found[0, 3], 0)


def test_similarity_weights_by_hand():
  # Deviations of ±1 in the first channel and ∓1 in the second, which cancel;
  # the third channel is constant. Then the first channel alone.
  sims = np.array([[[.9, .1, 0], [.7, .5, 0], [9, 9, 9]],
                   [[.9, .1, 0], [.7, .1, 0], [9, 9, 9]]])
  valid = np.array([[True, True, False]] * 2)
  found = light_features.similarity_weights(sims, valid)
  share = math.e / (math.e + 1 / math.e)
  np.testing.assert_allclose(found, [[.5, .5, 0], [share, 1 - share, 0]])


def random_case(batch, k, seed=0):
  """Lists in which some candidates share a place and some are padding."""
  rng = np.random.default_rng(seed)
  latlng_deg = np.stack([rng.uniform(-80, 80, (batch, k)),
                         rng.uniform(-180, 180, (batch, k))], axis=-1)
  latlng_deg[:, 1::3] = latlng_deg[:, ::3][:, :len(range(1, k, 3))] + [.1, 0]
  ranks = np.stack([np.stack([rng.permutation(k) for _ in range(3)], axis=-1)
                    for _ in range(batch)])
  ranks[rng.uniform(size=ranks.shape) < .3] = -1
  rows = np.arange(batch * k).reshape(batch, k)
  padded = np.arange(k) >= rng.integers(1, k + 1, batch)[:, None]
  rows[padded], ranks[padded] = -1, -1
  sims = rng.uniform(-1, 1, (batch, k, 3))
  sims[padded] = -np.inf
  counts = rng.integers(0, 100, (batch, k, 2, 2))
  return types.Shortlist(rows, ranks, sims), latlng_deg, counts


def looped_votes(shortlist, latlng_deg, query):
  """Votes of one query in float64, candidate by candidate."""
  real = np.flatnonzero(shortlist.rows[query] >= 0)
  xyz = coords.to_xyz(latlng_deg[query])
  ranks, sims = shortlist.ranks[query], shortlist.similarities[query, real]
  by_rank = {i: sum(1 / (r + 1) for r in ranks[i] if r >= 0) for i in real}
  score = ((sims - sims.mean(axis=0)) / np.maximum(
      sims.std(axis=0), 1e-12)).sum(axis=1)
  by_sim = dict(zip(real, np.exp(score)))
  found = {}
  for i in real:
    found[i] = [sum(w[j] * math.exp(-EARTH_KM * np.linalg.norm(
        xyz[i] - xyz[j]) / km) for j in real if j != i) / (
            sum(w.values()) or 1)
                for w in (by_rank, by_sim) for km in light_features.VOTE_KM]
  return found


# One block holds 256 queries of 10 candidates: the second is filled up.
# Lists of 600 are cut where their padding begins.
@pytest.mark.parametrize('batch, k', [(259, 10), (3, 30), (2, 600)])
def test_votes_agree_with_a_loop(batch, k):
  case = random_case(batch, k)
  found = light_features.features(*case)
  for query in [0, 1, batch - 1]:
    for i, votes in looped_votes(*case[:2], query).items():
      np.testing.assert_allclose(found[query, i, -6:], votes, atol=2e-6)


def test_a_query_does_not_depend_on_its_batch_nor_order_nor_padding():
  shortlist, latlng_deg, counts = random_case(6, 10)
  whole = light_features.features(shortlist, latlng_deg, counts)
  order = np.random.default_rng(1).permutation(10)
  for cut in (np.s_[2:3], np.s_[2:3, order]):
    part = types.Shortlist(shortlist.rows[cut], shortlist.ranks[cut],
                           shortlist.similarities[cut])
    found = light_features.features(part, latlng_deg[cut], counts[cut])
    np.testing.assert_allclose(found, whole[cut], atol=1e-6)
  wide = lambda x, value: np.concatenate(
      [x, np.full_like(x[:, :4], value)], axis=1)
  more = types.Shortlist(wide(shortlist.rows, -1), wide(shortlist.ranks, -1),
                         wide(shortlist.similarities, -np.inf))
  found = light_features.features(
      more, wide(latlng_deg, np.nan), wide(counts, 0))
  np.testing.assert_allclose(found[:, :10], whole, atol=1e-6)
  assert not found[:, 10:].any()


def test_an_empty_list_is_zeros_and_nan_is_refused():
  shortlist, latlng_deg, counts = hand()
  empty = types.Shortlist(*(np.full_like(x, v) for x, v in (
      (shortlist.rows, -1), (shortlist.ranks, -1),
      (shortlist.similarities, -np.inf))))
  assert not light_features.features(empty, latlng_deg, counts).any()
  latlng_deg[0, 1] = np.nan
  with pytest.raises(ValueError, match='candidate . of query 0: .* is nan'):
    light_features.features(shortlist, latlng_deg, counts)
