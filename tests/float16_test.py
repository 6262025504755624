"""float16 widened as numpy does it, to the bit."""

import numpy as np
from pinpoint_jax import float16
import pytest

ALL = np.arange(2**16, dtype=np.uint16).view(np.float16)


def assert_same_bits(rows: np.ndarray) -> None:
  widened = float16.widened(rows)
  assert widened.dtype == np.float32 and widened.shape == rows.shape
  np.testing.assert_array_equal(
      widened.view(np.uint32), rows.astype(np.float32).view(np.uint32))


def test_every_number_there_is():
  assert_same_bits(ALL)


@pytest.mark.parametrize('size', [0, 1, 2**16 - 1, 2**16, 2**16 + 1, 200_000])
def test_any_number_of_them(size):
  assert_same_bits(np.resize(ALL, size))


def test_any_layout():
  rows = ALL.reshape(64, 8, 128)
  for some in (rows[::3], rows[:, :, ::2], rows.T, rows[[5, 5, 0]],
               ALL.astype('>f2'), ALL[:1].reshape(())):
    assert_same_bits(some)


def test_what_is_not_float16_is_what_asarray_makes_of_it():
  rows = np.arange(6, dtype=np.float32).reshape(2, 3)
  assert float16.widened(rows) is rows
  np.testing.assert_array_equal(
      float16.widened(np.int8([-128, 127])), np.float32([-128, 127]))


def test_a_processor_that_drops_small_numbers_is_not_asked(monkeypatch):
  monkeypatch.setattr(float16, '_SMALLEST', np.zeros(1, np.float32))
  monkeypatch.setattr(float16, '_SCALE', np.float32(0))  # Would give zeros.
  assert not float16._keeps_small_numbers()
  assert_same_bits(ALL)
