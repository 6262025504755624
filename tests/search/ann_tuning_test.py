"""The cheapest effort that finds enough."""

import numpy as np
from pinpoint_jax.search import ann, ann_scann, ann_tuning
from pinpoint_jax.search import vectors as vectors_lib
import pytest


def unit(num_rows: int, dim: int, seed: int = 0) -> np.ndarray:
  rows = np.random.default_rng(seed).normal(size=(num_rows, dim))
  return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope='module')
def built():
  settings = ann.Settings(30, leaves_to_search=1, reorder=10)
  return ann_scann.ScannIndex.build(
      vectors_lib.Vectors(unit(3000, 16)), settings, 'f')


def test_a_row_as_good_counts_as_found():
  # Rows 0 to 3 show one place, row 4 is worse, row 5 the worst.
  rows = np.array([[1, 0]] * 4 + [[.8, .6], [0, 1]], np.float32)
  asked = ann_tuning.ask(rows[:1], rows, 3)
  np.testing.assert_array_equal(asked.right.rows, [[0, 1, 2]])
  assert asked.as_good(np.array([[3, 1, 2]])) == 1
  assert asked.as_good(np.array([[3, 4, 2]])) == 2 / 3
  assert asked.as_good(np.array([[5, 4, -1]])) == 0
  whole = ann_tuning.ask(rows[:1], rows, 5)
  assert whole.as_good(np.array([[0, 1, 2, 3, 4]])) == 1
  assert whole.as_good(np.array([[0, 1, 2, 3, 5]])) == 4 / 5


def test_without_right_answers_nothing_can_be_found():
  asked = ann_tuning.ask(np.ones((1, 2), np.float32),
                         np.zeros((0, 2), np.float32), 3)
  with pytest.raises(ValueError, match='no exact answers'):
    asked.as_good(np.full((1, 3), -1))


def test_tune_takes_the_fastest_that_is_good_enough(built):
  vectors = vectors_lib.Vectors(unit(3000, 16))
  queries = ann_tuning.perturbed(vectors, 100, noise=0.5, seed=1)
  tuned = ann_tuning.tune(built, ann_tuning.ask(queries, vectors, 10), 0.95)
  good = [one for one in tuned.trials if one.recall >= 0.95]
  assert tuned.chosen == max(good, key=lambda one: one.queries_per_s)
  assert tuned.settings == built.settings.with_effort(
      tuned.chosen.leaves_to_search, tuned.chosen.reorder)
  searched = {one.leaves_to_search for one in tuned.trials}
  assert searched == {1, 2, 4, 8, 16, 30}


def test_a_target_out_of_reach_is_refused_with_the_best(built):
  vectors = vectors_lib.Vectors(unit(3000, 16))
  queries = unit(50, 16, seed=2)
  with pytest.raises(ValueError,
                     match='0.999 is not reached: the best '
                     'of 1 efforts'):
    ann_tuning.tune(built, ann_tuning.ask(queries, vectors, 10), 0.999,
                    leaves=[1], reorders=[10])


def test_perturbed_rows_repeat_and_stay_unit():
  vectors = vectors_lib.Vectors(unit(100, 16))
  one, again = (ann_tuning.perturbed(vectors, 10, 0.3,
                                     seed=4) for _ in range(2))
  np.testing.assert_array_equal(one, again)
  np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1, rtol=1e-5)
