"""Fingerprints: equal pixels hash alike, borders come off, sizes are fixed."""

import numpy as np
from PIL import Image as PilImage
from pinpoint_jax.images import fingerprint
import pytest


def picture(pixels):
  return PilImage.fromarray(np.asarray(pixels, np.uint8))


def noise(height=40, width=60, seed=0):
  return np.random.default_rng(seed).integers(0, 256, (height, width, 3),
                                              np.uint8)


def printed(*pixels):
  return np.stack([fingerprint.fingerprint(picture(one)) for one in pixels])


def test_only_equal_pixels_of_one_size_hash_alike():
  changed = noise()
  changed[5, 7, 1] ^= 1
  turned = noise().reshape(60, 40, 3)  # The same bytes, another size.
  hashes = fingerprint.pixel_hashes(printed(noise(), noise(), changed, turned))
  assert hashes[0] == hashes[1]
  assert len(np.unique(hashes)) == 3


def test_a_border_of_one_colour_does_not_show():
  inner = noise(48, 64)
  framed = np.full((60, 80, 3), 37, np.uint8)
  framed[6:54, 8:72] = inner
  plain, bordered = printed(inner, framed)
  np.testing.assert_array_equal(plain[16:], bordered[16:])
  assert (plain[:16] != bordered[:16]).any()


def test_a_picture_that_is_all_border_is_kept_in_part():
  black = printed(np.zeros((50, 50, 3)))
  assert (fingerprint.lumas(black) == 0).all()
  assert (fingerprint.chromas(black) == 0).all()


@pytest.mark.parametrize('size', [(1, 1), (1, 1000), (7, 3)])
def test_any_size_gives_as_many_bytes(size):
  assert printed(noise(*size)).shape == (1, fingerprint.NUM_BYTES) == (1, 1168)


def test_luma_and_chroma_are_where_they_are_said_to_be():
  red = np.zeros((32, 32, 3), np.uint8)
  red[:, 16:, 0] = 255  # The right half is red: luma 76, Cb 84, Cr 255.
  red[:, :16] = np.arange(16)[None, :, None]  # Else it would be a border.
  one = printed(red)
  assert fingerprint.lumas(one)[0, 10, 30] == 76
  np.testing.assert_array_equal(
      fingerprint.chromas(one)[0, :, 4, 7], [84 - 128, 255 - 128])
