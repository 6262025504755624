"""An exact score does not depend on its neighbours, threads or order."""

from concurrent import futures
import math

import numpy as np
from pinpoint_jax.search import exact_scores, vectors


def test_a_pair_scores_the_same_alone_and_among_others():
  rng = np.random.default_rng(0)
  for dim in (1, 7, 129, 512):
    queries = rng.normal(size=(5, dim)).astype(np.float32)
    held = vectors.quantise(rng.normal(size=(300, dim)).astype(np.float32))
    query, row = rng.integers(5, size=900), rng.integers(300, size=900)
    with futures.ThreadPoolExecutor(3) as pool:
      result = exact_scores.scores(queries, held, query, row, pool)
    alone = [exact_scores.scores(queries, held, query[i:i + 1], row[i:i + 1])[0]
             for i in range(0, 900, 9)]
    np.testing.assert_array_equal(result[::9], alone)
    products = queries[query].astype(np.float64) * held.take(row)
    np.testing.assert_array_equal(
        result, np.asarray([math.fsum(p) for p in products], np.float32))


def test_best_by_hand():
  result = exact_scores.best(
      np.asarray([2, 0, 0, 0, 2]), np.asarray([3, 9, 1, 5, 4]),
      np.asarray([.5, .7, .7, .9, .6], np.float32), 3, 2)
  assert result.rows.tolist() == [[5, 1], [-1, -1], [4, 3]]
  np.testing.assert_allclose(
      result.scores, [[.9, .7], [-np.inf, -np.inf], [.6, .5]])


def test_best_is_a_sort_by_query_score_and_row():
  rng = np.random.default_rng(1)
  for scores in ([-np.inf, -2., -0., 0., 1e-45, .5], rng.normal(size=4000)):
    score = rng.choice(np.asarray(scores, np.float32), 2000)
    query, row = rng.integers(9, size=2000), rng.permutation(2000)
    result = exact_scores.best(query, row, score, 9, 500)
    for i in range(9):
      pairs = sorted((-s, r) for s, r in zip(
          score[query == i].tolist(), row[query == i].tolist()))
      assert result.rows[i, :len(pairs)].tolist() == [r for _, r in pairs]
      assert (result.rows[i, len(pairs):] == -1).all()
