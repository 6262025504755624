"""The union of three lists, checked by hand and against a plain loop."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import shortlist
import pytest


def lists(image, location, raw):
  """Lists whose scores are the negative places."""
  return {name: types.Candidates(
      np.asarray(rows, np.int64),
      -np.broadcast_to(np.arange(np.shape(rows)[1], dtype=np.float32),
                       np.shape(rows)))
          for name, rows in zip(types.CHANNELS, (image, location, raw))}


def union(*rows):
  """Their shortlist; scores that no list has are 100 + row."""
  count = len(rows[0])
  queries = shortlist.Queries(np.zeros((count, 1), np.float32),
                              np.zeros((count, 1), np.float32))
  return shortlist.build(lists(*rows), queries,
                         lambda name, some, query, row: 100. + row,
                         types.CHANNELS)


def test_each_row_once_in_the_order_of_first_proposal():
  result = union([[7, 3, 9]], [[3, 5]], [[9, 8]])
  assert result.rows.tolist() == [[7, 3, 9, 5, 8, -1, -1]]
  assert result.ranks[0].tolist() == [
      [0, -1, -1], [1, 0, -1], [2, -1, 0], [-1, 1, -1], [-1, -1, 1],
      [-1, -1, -1], [-1, -1, -1]]


def test_scores_of_the_lists_stay_and_only_the_others_are_computed():
  sims = union([[7, 3, 9]], [[3, 5]], [[9, 8]]).similarities[0]
  assert sims[:5].tolist() == [[0, 107, 107], [-1, 0, 103], [-2, 109, 0],
                               [105, -1, 105], [108, 108, -1]]
  assert np.isneginf(sims[5:]).all()


def test_pads_of_a_list_leave_no_slot():
  result = union([[4, -1, -1]], [[-1, -1]], [[6, 4]])
  assert result.rows.tolist() == [[4, 6, -1, -1, -1, -1, -1]]
  assert result.ranks[0, 0].tolist() == [0, -1, 1]
  assert union([[-1]], [[-1]], [[-1]]).rows.tolist() == [[-1, -1, -1]]


def test_equals_a_plain_loop():
  rng = np.random.default_rng(0)
  drawn = [np.stack([rng.permutation(12)[:n] for _ in range(40)])
           for n in (5, 3, 4)]
  result = union(*drawn)
  for query in range(40):
    expected = {}
    for channel, rows in enumerate(drawn):
      for place, row in enumerate(rows[query].tolist()):
        expected.setdefault(row, [-1, -1, -1])[channel] = place
    num = len(expected)
    assert result.rows[query, :num].tolist() == list(expected)
    assert result.ranks[query, :num].tolist() == list(expected.values())
    assert (result.rows[query, num:] == -1).all()


def test_a_list_is_cut_to_its_size():
  result = shortlist.cut(lists([[7, 3, 9]], [[3, 5]], [[9, 8]]),
                         shortlist.Sizes(2, 1, 0))
  assert {name: some.rows.tolist() for name, some in result.items()} == {
      'image': [[7, 3]], 'location': [[3]]}


def test_channels_that_the_gallery_lacks_have_no_similarity():
  queries = shortlist.Queries(np.eye(3, dtype=np.float32))
  rows = np.array([[0, 1], [2, -1], [-1, -1]])
  def score(name, some, query, row):
    assert name != 'raw'
    return some[query].sum(axis=1) * 10 + row
  result = shortlist.similarities(queries, rows, score, ('image', 'location'))
  inf = np.inf
  assert result[..., 0].tolist() == [[10, 11], [12, -inf], [-inf, -inf]]
  assert result[..., 2].tolist() == [[0, 0], [0, -inf], [-inf, -inf]]


def test_sizes_are_config_fields():
  assert shortlist.Sizes().total == 12
  with pytest.raises(ValueError, match='at least 0, and not all 0'):
    shortlist.Sizes(0, 0, 0)
  with pytest.raises(ValueError, match='no raw features'):
    shortlist.Queries(np.zeros((1, 2), np.float32)).of('raw')
