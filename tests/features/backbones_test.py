"""Backbones by name: what is refused, and what devices do not change."""

import jax
import numpy as np
from pinpoint_jax.features import backbones
from pinpoint_jax.images import preprocess
import pytest

DEMO = backbones.load('demo', devices=jax.local_devices()[:1])


@pytest.mark.parametrize('words, error', [
    (dict(name='siglip3'), "'siglip3': no such folder.*'thumbnail', 'demo'"),
    (dict(name='demo', dtype='int8'), "'int8': choices are .'bfloat16', 'floa"),
    (dict(name='thumbnail', ops='resize(32)'), r"resize\(32\).*has its own"),
    (dict(name='demo', ops='resize(32'), r"cannot read 'resize\(32'"),
])
def test_what_cannot_be_had_is_refused(words, error):
  with pytest.raises(ValueError, match=error):
    backbones.load(**words)


@pytest.mark.parametrize('num_devices', [2, 4])
def test_devices_change_no_bit_when_each_has_the_same_batch(num_devices):
  size, each = preprocess.output_size(DEMO.preprocess), 8
  pixels = np.random.default_rng(0).integers(
      0, 256, (each * num_devices, *size, 3), np.uint8)
  many = backbones.load('demo', devices=jax.local_devices()[:num_devices])
  assert many.num_devices == num_devices and DEMO.num_devices == 1
  one_by_one = np.concatenate([DEMO.apply(part) for part in
                               np.split(pixels, num_devices)])
  np.testing.assert_array_equal(many.apply(pixels), one_by_one)
  assert one_by_one.shape == (each * num_devices, DEMO.dim)


def test_neighbours_in_a_batch_change_no_bit():
  size = preprocess.output_size(DEMO.preprocess)
  pixels = np.random.default_rng(0).integers(0, 256, (8, *size, 3), np.uint8)
  alone = np.zeros_like(pixels)
  alone[5] = pixels[5]
  np.testing.assert_array_equal(DEMO.apply(alone)[5], DEMO.apply(pixels)[5])


def test_a_batch_that_does_not_divide_is_refused():
  whole = backbones.load('demo')
  size = preprocess.output_size(whole.preprocess)
  with pytest.raises(ValueError, match='9 images do not divide among 8'):
    whole.apply(np.zeros((9, *size, 3), np.uint8))
