"""The kernel ridge on one fold: what it keeps, and what it can choose."""

import numpy as np
from pinpoint_jax import crossval, types
from pinpoint_jax.crossval import ridge
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.features import store_writer
import pytest

NUM = 120


def store(folder, source, num_authors, signal=5.):
  """Two places; the sign of the first number says which."""
  rng = np.random.default_rng(len(source))
  side = np.arange(NUM) % 2
  features = rng.normal(size=(NUM, 3))
  features[:, 0] += np.where(side, signal, -signal)
  photos = types.Photos(
      np.array([f'{source}{i}' for i in range(NUM)]),
      np.where(side[:, None], [50., 10.], [-30., 140.]),
      np.array([f'{source}_{i * num_authors // NUM}' for i in range(NUM)]),
      np.full(NUM, ''), source)
  store_writer.write(folder / source, photos, [features], 3,
                     store_writer.FeatureOrigin('b', 'abc', 'none'))
  return rows_lib.open_rows([str(folder / source)])


def answer(path, rows):
  return dict(ridge.answer(path, crossval.split(rows, 2)[0]))


def test_with_one_author_the_usual_settings_answer_and_a_note_says_so(tmp_path):
  answers = answer(tmp_path / 'r', {'photo': store(tmp_path, 'photo', 2)})
  assert set(answers) == {('photo', variant, decode)
                          for variant in ('linear', 'chosen')
                          for decode in ('argmax', 'expected_score')}
  assert 'no two inner folds' in answers['photo', 'chosen', 'argmax'].note
  assert not answers['photo', 'linear', 'argmax'].note
  assert answers['photo', 'chosen', 'argmax'].fitted['penalty'] == 0.4
  for answered in answers.values():
    assert answered.errors.dist_km.max() < 1


def test_what_is_kept_is_what_was_answered(tmp_path):
  rows = {'photo': store(tmp_path, 'photo', 20)}
  first, again = (answer(tmp_path / 'r', rows) for _ in range(2))
  for key, answered in first.items():
    np.testing.assert_array_equal(answered.errors.dist_km,
                                  again[key].errors.dist_km)
    assert answered.fitted == again[key].fitted and answered.seconds > 0
    assert not answered.note


def test_features_that_say_nothing_give_the_constant_place_and_a_note(tmp_path):
  answers = answer(tmp_path / 'r', {'photo': store(tmp_path, 'photo', 20, 0.)})
  answered = answers['photo', 'chosen', 'expected_score']
  assert 'constant place answers' in answered.note
  assert len(np.unique(answered.errors.dist_km.round(3))) == 2


@pytest.mark.parametrize('signal', [0., 5.])
def test_a_source_of_noise_costs_nothing(tmp_path, signal):
  rows = {'photo': store(tmp_path, 'photo', 20),
          'street': store(tmp_path, 'street', 20, signal)}
  both = answer(tmp_path / 'both', rows)
  assert {key[1] for key in both} == set(ridge.VARIANTS)
  alone = answer(tmp_path / 'alone', {'photo': rows['photo']})
  for decode in ('argmax', 'expected_score'):
    expected = alone['photo', 'chosen', decode].errors.dist_km
    for variant in ('chosen', 'two_sources'):
      np.testing.assert_array_equal(
          both['photo', variant, decode].errors.dist_km, expected)
