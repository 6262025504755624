"""Equal rows are one content; its lowest open rows answer."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.search import repeats, row_sets, vectors

# The drawing of repeats.py: a b a c b a.
LETTERS = np.asarray([[1, 2], [3, 4], [1, 2], [5, 6], [3, 4], [1, 2]])


def found(rows=LETTERS, dtype=np.float16, scale=None):
  return repeats.find(vectors.Vectors(rows.astype(dtype), scale))


def pairs(*sets):
  return row_sets.excluded_pairs(types.RowSets(
      np.asarray(sum(sets, []), np.int64),
      np.cumsum([0, *map(len, sets)])), 0, len(sets))


def test_contents_in_the_order_of_their_lowest_rows():
  for dtype in (np.int8, np.float16, np.float32):
    contents = found(dtype=dtype)
    assert contents.first.tolist() == [0, 1, 3]
    assert contents.of_row.tolist() == [0, 1, 0, 2, 1, 0]


def test_scales_and_signs_tell_rows_apart():
  scale = np.asarray([1, 1, 2, 1, 1, 1], np.float32)
  assert found(dtype=np.int8, scale=scale).first.tolist() == [0, 1, 2, 3]
  # Two signs in two words of eight bytes.
  rows = np.ones((3, 8), np.float16)
  rows[1, [3, 7]] = -1
  assert found(rows).first.tolist() == [0, 1]
  keys = repeats._keys(vectors.Vectors(rows))
  assert keys[0] == keys[2] != keys[1]


def test_contents_of_one_key_stay_apart(monkeypatch):
  monkeypatch.setattr(repeats, '_keys',
                      lambda held: np.zeros(len(held), np.uint64))
  contents = found()
  # Rows equal to the lowest of the key are joined, the others stand alone.
  assert contents.first.tolist() == [0, 1, 3, 4]
  assert contents.of_row.tolist() == [0, 1, 0, 2, 3, 0]


def test_a_content_is_hidden_when_all_its_rows_are():
  # Query 0 may not see rows 1 and 4, all of b; query 1 not rows 0 and 4.
  hidden = found().hidden(pairs([1, 4], [0, 4], [3]))
  assert hidden.rows.tolist() == [1, 2]
  assert hidden.queries.tolist() == [0, 2]


def test_the_lowest_open_rows_answer():
  query, content = np.asarray([0, 0, 1, 1]), np.asarray([0, 1, 0, 1])
  score = np.asarray([.5, .9, .5, .5], np.float32)
  best = found().best(query, content, score, 3, 3, pairs([4, 5], [0], []))
  # Query 0: b is better, of which row 1 is open. Query 1: rows 1 2 4 5 tie.
  assert best.rows.tolist() == [[1, 0, 2], [1, 2, 4], [-1] * 3]
  assert best.scores[0].tolist() == [np.float32(.9), .5, .5]


def test_contents_behind_k_rows_are_not_unfolded():
  score = np.asarray([.9, .9, .8, .7], np.float32)
  better = repeats._num_better(
      np.asarray([0, 0, 0, 1]), score, np.asarray([5, 7, 9, 2]))
  assert better.tolist() == [0, 0, 12, 0]


def test_rows_that_are_not_allowed_answer_nothing():
  # Of a 0 2 5, b 1 4 and c 3.
  contents = found().among(np.asarray([2, 4, 5]))
  assert contents.sizes.tolist() == [2, 1, 0]
  assert contents.first.tolist() == [0, 1, 3]  # Content is content.
  # Rows 0 and 1 may not answer anyway: b is hidden with row 4 alone.
  hidden = contents.hidden(pairs([0, 1], [1, 4]))
  assert (hidden.rows.tolist(), hidden.queries.tolist()) == ([1], [1])
  best = contents.best(np.asarray([0, 0]), np.asarray([0, 1]),
                       np.float32([.5, .5]), 1, 3, pairs([2]))
  assert best.rows.tolist() == [[4, 5, -1]]
