"""Row order is free; missing, extra and duplicate ids are refused."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.evals import alignment
import pytest


def predictions(*ids):
  places = np.asarray([[float(ord(i[0]) - 96), 0.0] for i in ids])
  return types.Predictions(np.asarray(ids), places)


def test_another_order_is_brought_into_the_truths():
  result = alignment.align(predictions('c', 'a', 'b'), np.asarray(list('abc')))
  assert result.ids.tolist() == ['a', 'b', 'c']
  assert result.latlng_deg[:, 0].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize('ids, truth, complaint', [
    ('ab', 'abcdef', r"4 ids of the truth without a prediction "
     r"\('c', 'd', 'e', …\)"),
    ('abx', 'ab', r"1 predicted ids that the truth lacks \('x'\)"),
    ('aab', 'ab', r"1 duplicate ids in the predictions \('a'\)"),
    ('ab', 'abb', r"1 duplicate ids in the truth \('b'\)"),
])
def test_mismatches_are_counted_with_examples(ids, truth, complaint):
  with pytest.raises(ValueError, match=complaint):
    alignment.align(predictions(*ids), np.asarray(list(truth)))


def test_any_order_is_undone():
  ids = np.asarray([f'{i:x}' for i in range(500)])
  places = np.stack([np.arange(500) / 10, np.arange(500) / 5], 1)
  order = np.random.default_rng(0).permutation(500)
  result = alignment.align(
      types.Predictions(ids[order], places[order]), ids)
  np.testing.assert_array_equal(result.ids, ids)
  np.testing.assert_array_equal(result.latlng_deg, places)


def test_every_kind_of_mismatch_is_told_at_once():
  with pytest.raises(ValueError) as error:
    alignment.align(predictions('a', 'a', 'x'), np.asarray(['a', 'b']))
  for part in ('1 duplicate ids in the predictions', "'b'", "'x'"):
    assert part in str(error.value)


def test_ids_are_compared_as_written():
  # '01' and '1' are two photos, and so are 'A' and 'a'.
  for asked in ('01', 'A'):
    with pytest.raises(ValueError, match='without a prediction'):
      alignment.align(predictions('1' if asked == '01' else 'a'),
                      np.asarray([asked]))
