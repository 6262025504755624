"""Preprocessing strings mean one thing and refuse the rest."""

import numpy as np
from pinpoint_jax.images import preprocess
import pytest


def test_ops_apply_left_to_right():
  image = np.full((30, 50, 3), 255, np.uint8)
  small = preprocess.parse('resize(8)|unit_range')(image)
  assert small.shape == (8, 8, 3)
  assert small.dtype == np.float32
  assert (small == 1).all()


def test_resize_is_antialiased():
  # A one-pixel chequerboard must become grey, not a sample of its pixels.
  board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
  small = preprocess.parse('resize(8)')(np.repeat(board[..., None], 3, -1))
  assert np.abs(small.astype(int) - 127).max() <= 4


@pytest.mark.parametrize('ops, complaint', [
    ('rezise(64)', "no op 'rezise'.*resize"),
    ('resize(__import__("os"))', 'arguments are literals'),
    ('resize', 'missing'),
    ('', 'cannot read'),
])
def test_bad_strings_are_refused(ops, complaint):
  with pytest.raises(ValueError, match=complaint):
    preprocess.parse(ops)
