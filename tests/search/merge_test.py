"""Lists of disjoint rows merge into what one search would have said."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.search import exact, merge
import pytest

INF = np.inf


def candidates(rows, scores):
  return types.Candidates(np.asarray(rows, np.int64),
                          np.asarray(scores, np.float32))


def test_by_hand():
  result = merge.merge([candidates([[4, 2, -1]], [[.9, .5, -INF]]),
                        candidates([[7, 1, 9]], [[.7, .5, .1]])], 5)
  assert result.rows.tolist() == [[4, 7, 1, 2, 9]]
  np.testing.assert_allclose(result.scores, [[.9, .7, .5, .5, .1]])


def test_fewer_than_k_pads():
  result = merge.merge([candidates([[4, -1]], [[.9, -INF]]),
                        candidates([[-1, -1]], [[-INF, -INF]])], 6)
  assert result.rows.tolist() == [[4, -1, -1, -1, -1, -1]]
  assert np.isneginf(result.scores[0, 1:]).all()


def test_ties_by_id_look_up_tied_rows_only():
  asked = []
  ids = np.asarray(['e', 'd', 'c', 'b', 'a'])
  def key(rows):
    asked.extend(rows.tolist())
    return ids[rows]
  result = merge.merge([candidates([[0, 1], [0, 1]], [[.9, .5], [.3, .2]]),
                        candidates([[3, 4], [2, 4]], [[.5, .1], [.3, .2]])],
                       4, key)
  assert result.rows.tolist() == [[0, 3, 1, 4], [2, 0, 4, 1]]
  assert sorted(asked) == [0, 1, 2, 3, 4]
  asked.clear()
  merge.merge([candidates([[0, 1]], [[.9, .5]]),
               candidates([[3, -1]], [[.5, -INF]])], 3, key)
  assert sorted(asked) == [1, 3]


@pytest.mark.parametrize('cuts', [(100,), (1, 50, 333), (0, 400)])
def test_parts_equal_the_whole(cuts):
  rng = np.random.default_rng(0)
  gallery = rng.integers(-2, 3, (400, 3)).astype(np.float32)  # Many ties.
  queries = rng.normal(size=(20, 3)).astype(np.float32)
  parts = []
  for start, stop in zip((0, *cuts), (*cuts, 400)):
    part = exact.search(queries, gallery[start:stop], 12)
    parts.append(types.Candidates(
        np.where(part.rows < 0, -1, part.rows + start), part.scores))
  whole = exact.search(queries, gallery, 12)
  for order in (parts, parts[::-1]):
    result = merge.merge(order, 12)
    np.testing.assert_array_equal(result.rows, whole.rows)
    np.testing.assert_array_equal(result.scores, whole.scores)


def test_nothing_to_merge_is_refused():
  with pytest.raises(ValueError, match='no list to merge'):
    merge.merge([], 3)
