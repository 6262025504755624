"""What is fitted on other folds: by lists small enough to check."""

import dataclasses

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.crossval import fused, light
from pinpoint_jax.crossval import lists as lists_lib
from pinpoint_jax.disk import parts
from pinpoint_jax.geo import distance
from pinpoint_jax.rerank import fusion
import pytest

NUM, K = 150, 6
GALLERY = np.stack([np.linspace(-60, 60, 40), np.linspace(-170, 170, 40)], 1)


def lists(seed, sims=None, near=None, num=NUM, channels=types.CHANNELS):
  """Queries at the place of one candidate; similarities say nothing else."""
  rng = np.random.default_rng(seed)
  rows = np.stack([rng.permutation(len(GALLERY))[:K] for _ in range(num)])
  true = rng.integers(K, size=num)
  photos = types.Photos(
      np.array([f'{seed}_{i}' for i in range(num)]),
      GALLERY[rows[np.arange(num), true]], np.full(num, ''), np.full(num, ''),
      'street')
  hit = np.arange(K) == true[:, None]
  similarities = rng.normal(scale=.1, size=(num, K, 3))
  if sims is not None:
    similarities += hit[..., None] * np.asarray(sims)
  counts = np.zeros((num, K, 2, 2), np.int32)
  counts[:, :, 1, 1] = np.where(hit, near or 0, 0)
  columns = {'rows': rows.astype(np.int32), 'counts': counts,
             'ranks': np.tile(np.arange(K, dtype=np.int16)[:, None],
                              (num, 1, 3)),
             'similarities': similarities.astype(np.float32)}
  return lists_lib.Lists(
      photos, parts.Table([columns], 'made'), GALLERY, 7., channels, K)


def test_a_fold_has_weights_from_the_others_alone():
  """Only fold 0's own lists say the opposite of the truth."""
  good, bad = (0, .3, 0), (0, -.3, 0)
  folds = [lists(0, bad), lists(1, good), lists(2, good)]
  first, second, _ = (fold['argmax'].fitted for fold in
                      fused.answer(folds, types.CHANNELS))
  assert first['location'] > 10 > second['location']
  again = next(fused.answer([lists(9), *folds[1:]], types.CHANNELS))
  assert again['argmax'].fitted == first


def test_a_trained_temperature_is_kept_and_others_are_fitted():
  folds = [lists(i, (0, 0, .1)) for i in range(2)]
  location = next(fused.answer(folds, ('location',)))
  assert location['argmax'].fitted == {'image': 0., 'location': 7., 'raw': 0.}
  raw = next(fused.answer(folds, ('raw',)))['argmax'].fitted
  assert raw['image'] == raw['location'] == 0 and 4 < raw['raw'] < 20


def test_answers_are_measured_from_the_truth():
  fold = lists(0, (1., 1., 1.))
  answered = next(fused.answer([fold, lists(1, (1., 1., 1.))], ('image',)))
  for decode in ('argmax', 'expected_score'):
    assert answered[decode].errors.dist_km.max() < 1e-6
  taken = fold.take(np.array([3]))
  np.testing.assert_allclose(taken.dist_km[0], distance.haversine_km(
      GALLERY[taken.shortlist.rows[0]], fold.photos.latlng_deg[3]))


def test_one_channel_answers_from_its_own_list():
  sims = np.array([[[.1, .9, 0], [.2, .1, 0], [-np.inf] * 3]], np.float32)
  ranks = np.array([[[0, -1, -1], [-1, 0, -1], [-1, -1, -1]]])
  listed = types.Shortlist(np.array([[5, 6, -1]]), ranks, sims)
  assert fused.proposed(listed, ('image',)).rows.tolist() == [
      [5, -1, -1]]
  assert fused.proposed(listed, types.CHANNELS).rows.tolist() == [
      [5, 6, -1]]


def test_queries_of_folds_are_joined_evenly():
  short = lists(1, num=50)
  narrow = {name: column[:, :4] for name, column in
            short.table.parts[0].items()}
  short = lists_lib.Lists(short.photos, parts.Table([narrow], ''),
                          GALLERY, 7., types.CHANNELS, 4)
  both = lists_lib.several([lists(0), short], 40)
  assert both.dist_km.shape == (40, K)
  assert (both.shortlist.rows[:30] >= 0).all()
  assert (both.shortlist.rows[30:, 4:] == -1).all()
  assert np.isinf(both.dist_km[30:, 4:]).all()
  assert np.isneginf(both.shortlist.similarities[30:, 4:]).all()


def test_the_oracle_is_the_nearest_candidate():
  for answered in fused.oracle([lists(seed) for seed in range(2)]):
    assert set(answered) == {'argmax'}
    np.testing.assert_allclose(answered['argmax'].errors.dist_km, 0, atol=1e-6)


def test_without_any_signal_all_channels_weigh_alike_and_a_note_says_so():
  """Each similarity is higher the farther a candidate is from the truth."""
  folds = [lists(seed, (-.5, -.5, -.5)) for seed in range(2)]
  answered = next(fused.answer(folds, ('image', 'location')))['argmax']
  assert answered.fitted == {'image': 10., 'location': 10., 'raw': 0.}
  assert 'equal weights' in answered.note
  assert not next(fused.answer(
      [lists(i, (.5, .5, .5)) for i in range(2)], ('raw',)))['argmax'].note


@pytest.mark.parametrize('fitted', [0., 1e-300, 1e-9])
def test_weights_of_nothing_are_no_signal(fitted, monkeypatch):
  monkeypatch.setattr(fusion, '_minimise', lambda *_: np.full(3, fitted))
  answered = next(fused.answer([lists(0), lists(1)], types.CHANNELS))
  assert answered['argmax'].fitted == {name: 10. for name in types.CHANNELS}
  assert 'equal weights' in answered['argmax'].note


def test_a_temperature_that_vanished_is_replaced_and_a_note_says_so():
  folds = [dataclasses.replace(lists(i), temperature=0.) for i in range(2)]
  answered = next(fused.answer(folds, ('location',)))['argmax']
  assert answered.fitted == {'image': 0., 'location': 10., 'raw': 0.}
  assert 'temperature of 0' in answered.note


@pytest.mark.slow
def test_light_learns_what_no_similarity_says():
  """Only the right candidate has many rows around it."""
  folds = [lists(seed, near=30) for seed in range(2)]
  answered = next(light.answer(folds, light.Settings(), 0))
  assert (answered['argmax'].errors.dist_km < 1).mean() > .9
