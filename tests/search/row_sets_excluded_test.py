"""Sets of rows that may not answer, by hand."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.search import row_sets
import pytest


def sets(*of_queries):
  rows = np.asarray([row for some in of_queries for row in some], np.int64)
  return types.RowSets(rows, np.cumsum([0, *map(len, of_queries)]))


def lists(found):
  return [found.of(query).tolist() for query in range(len(found))]


def test_pairs_in_order_of_the_row():
  found = row_sets.excluded_pairs(sets([9], [2, 5], [0, 5, 8]), 1, 3)
  assert found.rows.tolist() == [0, 2, 5, 5, 8]
  assert found.queries.tolist() == [1, 0, 0, 1, 1]
  part = found.between(2, 8)
  assert part.rows.tolist() == [0, 3, 3]
  assert part.queries.tolist() == [0, 0, 1]


def test_pairs_among_allowed_rows():
  found = row_sets.pairs_among(
      row_sets.excluded_pairs(sets([1, 4], [4, 9]), 0, 2), np.asarray([0, 4,
                                                                       7]))
  assert found.rows.tolist() == [1, 1]
  assert found.queries.tolist() == [0, 1]


@pytest.mark.parametrize('bad, message', [
    (sets([1]), 'given for 1 queries, and 2 are asked'),
    (sets([1], [5]), 'excluded rows 1 to 5'), (sets([-1], []), 'rows -1 to -1'),
])
def test_sets_that_do_not_fit_are_refused(bad, message):
  with pytest.raises(ValueError, match=message):
    row_sets.check_excluded(bad, 2, 5)
