"""Rows that would abort native code are found and named."""

import numpy as np
from pinpoint_jax.search import vectors
from pinpoint_jax.search import vectors as vector_checks
import pytest


def rows_with(bad: dict[int, float], dtype=np.float32) -> vectors.Vectors:
  rows = np.ones((20_000, 4), dtype)
  for row, value in bad.items():
    rows[row, 2] = value
  return vectors.Vectors(rows)


@pytest.mark.parametrize('dtype', [np.float16, np.float32])
def test_good_rows_come_back_as_float32(dtype):
  result = vector_checks.checked_float32(rows_with({5: 0.25}, dtype))
  assert result.dtype == np.float32
  np.testing.assert_array_equal(result[5], [1, 1, 0.25, 1])


def test_bad_rows_are_named_across_blocks():
  bad = rows_with({7: np.nan, 16_390: np.inf, 19_999: -np.inf})
  with pytest.raises(ValueError,
                     match='3 of 20000 rows .* 7, 16390, 19999'):
    vector_checks.checked_float32(bad)


def test_a_row_may_be_zero():
  rows = np.ones((4, 3), np.float32)
  rows[2] = 0
  np.testing.assert_array_equal(
      vector_checks.checked_float32(vectors.Vectors(rows)), rows)


def test_queries_of_another_model_or_not_finite():
  with pytest.raises(ValueError, match='5 numbers.* 4'):
    vector_checks.check_queries(np.ones((2, 5), np.float32), 4)
  with pytest.raises(ValueError, match='1 of 2 .* first 1'):
    vector_checks.check_queries(
        np.array([[1, 1], [1, np.nan]], np.float32), 2)
