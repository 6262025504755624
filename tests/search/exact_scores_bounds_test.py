"""The bound holds for every order of the sum; lengths are right at extremes."""

import numpy as np
from pinpoint_jax.search import exact_scores


def test_fast_scores_lie_within_the_margin():
  rng = np.random.default_rng(0)
  for dim in (1, 3, 64, 700):
    rows = rng.normal(size=(200, dim)).astype(np.float32)
    # Large numbers that cancel: where float32 errs most.
    rows[:100] *= rng.choice([1, 1e4], (100, dim)).astype(np.float32)
    queries = rng.normal(size=(7, dim)).astype(np.float32)
    exact = rows.astype(np.float64) @ queries.T.astype(np.float64)
    worst = exact_scores.error_margin(dim, exact_scores.norms(queries),
                                      exact_scores.norms(rows).max())
    one_by_one = np.zeros((200, 7), np.float32)
    for column in range(dim):
      one_by_one += rows[:, column, None] * queries[None, :, column]
    for fast in (rows @ queries.T, one_by_one):
      assert (np.abs(fast - exact) <= worst).all()


def test_lengths_by_hand():
  rows = np.asarray([[3, 4], [3e25, 4e25], [3e-25, 4e-25], [0, 0],
                     [np.inf, 0], [np.nan, 0]], np.float32)
  np.testing.assert_allclose(
      exact_scores.norms(rows), [5, 5e25, 5e-25, 0, np.inf, np.nan], rtol=1e-6)


def test_nothing_is_finite():
  exact_scores.check_finite(np.zeros(0), np.ones(2), 0, range(2))
  exact_scores.check_finite(np.ones(2), np.zeros(0), 0, range(0))
