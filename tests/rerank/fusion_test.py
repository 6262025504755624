"""Weights of the channels: by hand, and fitted to worlds with one answer."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.rerank import fusion
import pytest


def made(sims, rows=None):
  sims = np.asarray(sims, np.float32)
  rows = np.tile(np.arange(sims.shape[1]), (len(sims), 1)) if rows is None \
      else np.asarray(rows)
  return types.Shortlist(rows, np.zeros(sims.shape, np.int32), sims)


def test_a_logit_is_the_weighted_sum():
  shortlist = made([[[.5, .25, 1.], [0, 1., 0], [-np.inf] * 3]], [[4, 9, -1]])
  result = fusion.Fusion(2., 4., 1.).logits(shortlist)
  assert result.tolist() == [[3., 4., -np.inf]]


def test_finds_the_channel_that_knows():
  """Only `location` is near the truth; the others are noise."""
  rng = np.random.default_rng(0)
  dist_km = rng.uniform(1, 5000, (300, 10))
  sims = rng.normal(scale=.1, size=(300, 10, 3))
  sims[..., 1] = .3 - dist_km / 10000
  result = fusion.fit(made(sims), dist_km)
  assert result.location > 20 * max(result.image, result.raw)


def test_two_noisy_channels_weigh_alike_and_together_beat_each():
  rng = np.random.default_rng(1)
  dist_km = rng.uniform(1, 5000, (800, 10))
  near = -dist_km / 5000
  sims = np.stack([near + rng.normal(scale=.4, size=near.shape),
                   near + rng.normal(scale=.4, size=near.shape),
                   rng.normal(scale=.4, size=near.shape)], axis=-1)
  result = fusion.fit(made(sims), dist_km)
  assert 0.8 < result.image / result.location < 1.25
  def reward(weights):
    best = fusion.Fusion(*weights).logits(made(sims)).argmax(axis=1)
    return np.exp(-dist_km[np.arange(800), best] / 1492.7).mean()
  fused = reward((result.image, result.location, result.raw))
  assert fused > max(reward(np.eye(3)[i]) for i in range(3)) + .02


def test_columns_beside_the_similarities_take_what_they_know():
  rng = np.random.default_rng(3)
  dist_km = rng.uniform(1, 5000, (300, 10))
  sims = rng.normal(scale=.1, size=(300, 10, 3))
  knows = -50 * dist_km[..., None]  # On a scale of its own.
  columns = np.concatenate([knows, rng.normal(size=(300, 10, 1))], axis=-1)
  weights = fusion.fit_with_features(made(sims), dist_km, columns)
  assert weights.shape == (5,) and (weights[:3] >= 0).all()
  scores = np.concatenate([sims, columns], axis=-1) @ weights
  assert (scores.argmax(axis=1) == dist_km.argmin(axis=1)).mean() > .99


def test_columns_that_say_nothing_leave_the_fusion_as_it_was():
  rng = np.random.default_rng(4)
  dist_km = rng.uniform(1, 5000, (300, 10))
  sims = rng.normal(scale=.1, size=(300, 10, 3)) - dist_km[..., None] / 5000
  result = fusion.fit_with_features(made(sims), dist_km, np.zeros((300, 10, 2)))
  alone = np.array(list(fusion.fit(made(sims), dist_km).as_dict().values()))
  # Near certainty the reward hardly says how sure to be.
  np.testing.assert_allclose(result[:3] / result[:3].sum(), alone / alone.sum(),
                             rtol=.03)
  assert result[3:].tolist() == [0, 0]


def test_padding_and_the_order_of_queries_change_nothing():
  rng = np.random.default_rng(2)
  sims, dist_km = rng.normal(size=(50, 6, 3)), rng.uniform(1, 5000, (50, 6))
  whole = fusion.fit(made(sims), dist_km)
  padded = np.concatenate([sims, np.full((50, 2, 3), -np.inf)], axis=1)
  rows = np.tile([0, 1, 2, 3, 4, 5, -1, -1], (50, 1))
  other = fusion.fit(
      made(padded[::-1], rows), np.pad(dist_km, [(0, 0), (0, 2)])[::-1])
  np.testing.assert_allclose(list(whole.as_dict().values()),
                             list(other.as_dict().values()), rtol=.02,
                             atol=.02)


def test_refuses_what_says_nothing():
  with pytest.raises(ValueError, match='no query has a candidate'):
    fusion.fit(made(np.zeros((2, 1, 3)), [[-1], [-1]]), np.zeros((2, 1)))
  for weights in ((0., 0., 0.), (-1., 1., 1.), (np.nan, 1., 1.)):
    with pytest.raises(ValueError, match='weights are finite'):
      fusion.Fusion(*weights)


def test_one_channel_alone_finds_its_temperature():
  """Truth drawn from softmax(20 · similarity) at places far apart."""
  rng = np.random.default_rng(3)
  sims = rng.normal(scale=.1, size=(4000, 8, 3))
  noise = rng.gumbel(size=sims.shape[:2])
  true = (20 * sims[..., 2] + noise).argmax(axis=1)
  dist_km = np.where(np.arange(8) == true[:, None], 10., 15000.)
  result = fusion.fit(made(sims), dist_km, ('raw',))
  assert result.image == result.location == 0
  assert 18 < result.raw < 22


def test_refuses_channels_that_are_none():
  for channels in (('sound',), ()):
    with pytest.raises(ValueError, match='choices are'):
      fusion.fit(made(np.ones((2, 2, 3))), np.ones((2, 2)), channels)
