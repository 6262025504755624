"""A pile that stays low and never drops what belongs to the answer."""

import numpy as np
from pinpoint_jax.search import candidate_pool, exact_scores, vectors
import pytest


def fill(kept, queries, gallery, block):
  highest = 0
  for start in range(0, len(gallery), block):
    part = gallery[start:start + block]
    scores = part @ queries.T
    longest = float(exact_scores.norms(part).max())
    place, query = np.nonzero(scores >= kept.cut(longest))
    kept.add(query, place + start, scores[place, query])
    highest = max(highest, kept.height)
  return highest


@pytest.mark.parametrize('equal', [False, True])
@pytest.mark.parametrize('block', [64, 3000])
def test_floods_are_pruned_or_settled(block, equal, monkeypatch):
  monkeypatch.setattr(candidate_pool, '_SPARE', 50)
  rng = np.random.default_rng(0)
  queries = rng.normal(size=(4, 8)).astype(np.float32)
  gallery = rng.normal(size=(9000, 8)).astype(np.float32)
  if equal:
    gallery[:] = gallery[0]
  held = vectors.Vectors(gallery)
  kept = candidate_pool.CandidatePool(
      queries, exact_scores.norms(queries), held, 5)
  assert fill(kept, queries, gallery, block) <= 2 * 5 * 4 + 50
  result = kept.finish()
  query, row = (x.ravel() for x in np.indices((4, 9000)))
  expected = exact_scores.best(
      query, row, exact_scores.scores(queries, held, query, row), 4, 5)
  np.testing.assert_array_equal(result.rows, expected.rows)
  np.testing.assert_array_equal(result.scores, expected.scores)
