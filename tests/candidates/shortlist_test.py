"""The union of three lists, checked by hand and against a plain loop."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import shortlist
import pytest


def lists(image, location, raw):
  return {name: types.Candidates(np.asarray(rows, np.int64),
                                 np.zeros(np.shape(rows), np.float32))
          for name, rows in zip(types.CHANNELS, (image, location, raw))}


def test_each_row_once_in_the_order_of_first_proposal():
  rows, ranks = shortlist.union(lists([[7, 3, 9]], [[3, 5]], [[9, 8]]))
  assert rows.tolist() == [[7, 3, 9, 5, 8, -1, -1]]
  assert ranks[0].tolist() == [
      [0, -1, -1], [1, 0, -1], [2, -1, 0], [-1, 1, -1], [-1, -1, 1],
      [-1, -1, -1], [-1, -1, -1]]


def test_pads_of_a_list_leave_no_slot():
  rows, ranks = shortlist.union(lists([[4, -1, -1]], [[-1, -1]], [[6, 4]]))
  assert rows.tolist() == [[4, 6, -1, -1, -1, -1, -1]]
  assert ranks[0, 0].tolist() == [0, -1, 1]
  empty, _ = shortlist.union(lists([[-1]], [[-1]], [[-1]]))
  assert empty.tolist() == [[-1, -1, -1]]


def test_equals_a_plain_loop():
  rng = np.random.default_rng(0)
  drawn = [np.stack([rng.permutation(12)[:n] for _ in range(40)])
           for n in (5, 3, 4)]
  rows, ranks = shortlist.union(lists(*drawn))
  for query in range(40):
    expected = {}
    for channel, found in enumerate(drawn):
      for place, row in enumerate(found[query].tolist()):
        expected.setdefault(row, [-1, -1, -1])[channel] = place
    num = len(expected)
    assert rows[query, :num].tolist() == list(expected)
    assert ranks[query, :num].tolist() == list(expected.values())
    assert (rows[query, num:] == -1).all()


def test_similarities_come_block_by_block(monkeypatch):
  monkeypatch.setattr(shortlist, '_PAIRS', 5)
  queries = shortlist.Queries(np.eye(3, dtype=np.float32))
  rows = np.array([[0, 1], [2, -1], [-1, -1]])
  def score(name, some, at):
    assert name != 'raw'
    return (some.sum(axis=1)[:, None] * 10 + at).astype(np.float32)
  found = shortlist.similarities(queries, rows, score, ('image', 'location'))
  inf = np.inf
  assert found[..., 0].tolist() == [[10, 11], [12, -inf], [-inf, -inf]]
  assert found[..., 2].tolist() == [[0, 0], [0, -inf], [-inf, -inf]]


def test_sizes_are_config_fields():
  assert shortlist.Sizes().total == 12
  with pytest.raises(ValueError, match='at least 0, and not all 0'):
    shortlist.Sizes(0, 0, 0)
  with pytest.raises(ValueError, match='no raw features'):
    shortlist.Queries(np.zeros((1, 2), np.float32)).of('raw')
