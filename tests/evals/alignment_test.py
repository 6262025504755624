"""Row order is free; missing, extra and duplicate ids are refused."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.evals import alignment
import pytest


def predictions(*ids):
  places = np.asarray([[float(ord(i[0]) - 96), 0.0] for i in ids])
  return types.Predictions(np.asarray(ids), places)


def test_another_order_is_brought_into_the_truths():
  found = alignment.align(predictions('c', 'a', 'b'), np.asarray(list('abc')))
  assert found.ids.tolist() == ['a', 'b', 'c']
  assert found.latlng_deg[:, 0].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize('ids, truth, complaint', [
    ('ab', 'abcdef', r"4 ids of the truth without a prediction "
                     r"\('c', 'd', 'e', …\)"),
    ('abx', 'ab', r"1 predicted ids that the truth lacks \('x'\)"),
    ('aab', 'ab', r"1 duplicate ids in the predictions \('a'\)"),
    ('ab', 'abb', r"1 duplicate ids in the truth \('b'\)"),
])
def test_mismatches_are_counted_with_examples(ids, truth, complaint):
  with pytest.raises(alignment.BadPredictions, match=complaint):
    alignment.align(predictions(*ids), np.asarray(list(truth)))
