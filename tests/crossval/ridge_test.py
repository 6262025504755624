"""The kernel ridge on one fold: what it keeps, and what it can choose."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.crossval import ridge
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.features import store_writer
import pytest

NUM = 40


@pytest.fixture
def rows(tmp_path):
  """Two places; the sign of the first number says which."""
  rng = np.random.default_rng(0)
  side = np.arange(NUM) % 2
  features = rng.normal(size=(NUM, 3))
  features[:, 0] = np.where(side, 5., -5.)
  photos = types.Photos(
      np.array([f'p{i}' for i in range(NUM)]),
      np.where(side[:, None], [50., 10.], [-30., 140.]),
      np.array([f'a{i // 20}' for i in range(NUM)]), np.full(NUM, ''), 'photo')
  store_writer.write(tmp_path / 's', photos, [features], 3,
                     store_writer.FeatureOrigin('b', 'abc', 'none'))
  return rows_lib.open_rows([str(tmp_path / 's')])


def some(rows, at):
  return rows_lib.StoreRows(rows.stores, rows.chosen[at])


def test_with_one_author_the_fixed_settings_answer_and_a_note_says_so(
    rows, tmp_path):
  first, second = some(rows, slice(0, 20)), some(rows, slice(20, None))
  answers = dict(ridge.answer(tmp_path / 'r', first, second))
  assert set(answers) == {(variant, decode) for variant in ('linear', 'chosen')
                          for decode in ('argmax', 'expected_score')}
  assert 'one author' in answers['chosen', 'argmax'].note
  assert not answers['linear', 'argmax'].note
  assert answers['chosen', 'argmax'].fitted == (
      answers['linear', 'argmax'].fitted)
  for answered in answers.values():
    assert answered.errors.dist_km.max() < 1


def test_what_is_kept_is_what_was_answered(rows, tmp_path):
  parts = some(rows, slice(0, 30)), some(rows, slice(30, None))
  first, again = (dict(ridge.answer(tmp_path / 'r', *parts)) for _ in range(2))
  for key, answered in first.items():
    np.testing.assert_array_equal(answered.errors.dist_km,
                                  again[key].errors.dist_km)
    assert answered.fitted == again[key].fitted and answered.seconds > 0
    assert not answered.note
