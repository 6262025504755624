"""One mask, three engines: exact on a masked matrix says what is right."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.search import masks, row_sets
import pytest

NUM, ROWS = 30, 80


def _mask(seed: int, region: bool) -> masks.Mask:
  rng = np.random.default_rng(seed)
  excluded = row_sets.union(
      row_sets.own_rows(rng.integers(-1, ROWS, NUM)),
      row_sets.same_code(rng.integers(-1, 5, NUM), rng.integers(-1, 5, ROWS)))
  removed = np.flatnonzero(rng.random(ROWS) < .1)
  allowed = np.flatnonzero(rng.random(ROWS) < .3) if region else None
  return masks.Mask(excluded, removed, allowed)


def _table(mask: masks.Mask) -> np.ndarray:
  """What is hidden, the plain way, bool [b, g]."""
  hidden = np.zeros((len(mask), ROWS), bool)
  for query in range(len(mask)):
    hidden[query, mask.excluded.of(query)] = True
  hidden[:, mask.removed] = True
  if mask.allowed is not None:
    hidden |= ~np.isin(np.arange(ROWS), mask.allowed)
  return hidden


def _search(scores: np.ndarray, k: int) -> types.Candidates:
  order = np.lexsort((np.broadcast_to(np.arange(ROWS), scores.shape), -scores),
                     axis=1)[:, :k]
  result = np.take_along_axis(scores, order, axis=1)
  return types.Candidates(np.where(np.isneginf(result), -1, order), result)


@pytest.mark.parametrize('region', [False, True])
def test_hides_is_the_table(region):
  mask = _mask(0, region)
  rows = np.tile(np.arange(ROWS), (NUM, 1))
  np.testing.assert_array_equal(mask.hides(rows), _table(mask))
  assert mask.hides(np.full((NUM, 1), -1)).all()
  np.testing.assert_array_equal(
      mask.take(slice(4, 9)).hides(rows[4:9]), _table(mask)[4:9])


@pytest.mark.parametrize('region', [False, True])
@pytest.mark.parametrize('k', [1, 10, ROWS])
def test_filtering_deep_lists_is_searching_a_masked_matrix(region, k):
  mask = _mask(1, region)
  # Few distinct scores: ties everywhere.
  scores = np.random.default_rng(2).integers(0, 9, (NUM, ROWS)).astype(float)
  want = _search(np.where(_table(mask), -np.inf, scores), k)
  result = mask.filter(_search(scores, ROWS), k)
  np.testing.assert_array_equal(result.candidates.rows, want.rows)
  np.testing.assert_array_equal(result.candidates.scores, want.scores)
  np.testing.assert_array_equal(result.short, want.rows[:, -1] < 0)


def test_short_lists_are_named_and_padded():
  mask = masks.Mask(row_sets.own_rows(np.array([4, -1])), np.array([2]))
  candidates = types.Candidates(
      np.array([[4, 2, 7], [4, 2, 7]]), np.array([[.9, .8, .7]] * 2))
  result = mask.filter(candidates, 2)
  assert result.candidates.rows.tolist() == [[7, -1], [4, 7]]
  assert result.candidates.scores.tolist() == [[.7, -np.inf], [.9, .7]]
  assert result.short.tolist() == [True, False]
  assert mask.filter(candidates, 5).candidates.rows.shape == (2, 5)


@pytest.mark.parametrize('region', [False, True])
def test_shared_rows_are_those_open_to_a_query_without_exclusions(region):
  mask = _mask(3, region)
  shared = masks.Mask(row_sets.none(1), mask.removed, mask.allowed)
  np.testing.assert_array_equal(
      mask.shared_rows(ROWS), np.flatnonzero(~_table(shared)[0]))


def test_the_open_mask_hides_nothing():
  assert not masks.open_mask(3).hides(np.ones((3, 5), int)).any()
  np.testing.assert_array_equal(
      masks.open_mask(3).shared_rows(4), np.arange(4))


def test_an_empty_region_leaves_nothing():
  mask = masks.Mask(row_sets.none(1), np.zeros(0, int), np.zeros(0, int))
  candidates = types.Candidates(np.array([[3, 1]]), np.array([[.5, .4]]))
  assert mask.filter(candidates, 2).candidates.rows.tolist() == [[-1, -1]]


def test_rows_out_of_order_are_refused():
  with pytest.raises(ValueError, match='allowed rows must ascend'):
    masks.Mask(row_sets.none(1), np.zeros(0, int), np.array([3, 3]))


def test_a_mask_of_other_queries_is_refused():
  with pytest.raises(ValueError, match='2 queries asked about 3'):
    masks.open_mask(2).hides(np.ones((3, 1), int))
