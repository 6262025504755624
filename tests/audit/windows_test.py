"""Agreement of thumbnails, on pictures whose parts are known exactly."""

import numpy as np
from pinpoint_jax.audit import windows
from pinpoint_jax.images import fingerprint

SIDE = fingerprint.LUMA_SIDE


def thumbnails(seed, chroma=40.):
  """Smooth luma, and colours of that strength."""
  rng = np.random.default_rng(seed)
  waves = rng.normal(size=(3, 6, 6))
  place = np.cos(np.pi * np.arange(6)[:, None] * (np.arange(SIDE) + .5) / SIDE)
  luma = 128 + 20 * (place.T @ waves[0] @ place)
  colour = np.stack([place[:, ::4].T @ one @ place[:, ::4]
                     for one in waves[1:]])
  return windows.Thumbnails(
      luma[None].astype(np.float32),
      (chroma / 4 * colour)[None].astype(np.float32))


def resampled(one, low, high):
  """The part from low to high of both sides, as a whole picture."""
  ends = np.asarray(low), np.asarray(high)
  luma, chroma = (windows.weights(*ends, side, side) for side in (SIDE, 8))
  return windows.Thumbnails(luma @ one.luma @ luma.T,
                            chroma @ one.chroma @ chroma.T)


def test_a_line_is_cut_into_equal_parts():
  # Two parts of the pixels 1 to 4 of six: (1, 2) and (3, 4).
  found = windows.weights(np.asarray(1 / 6), np.asarray(5 / 6), 2, 6)
  np.testing.assert_allclose(
      found, [[0, .5, .5, 0, 0, 0], [0, 0, 0, .5, .5, 0]], atol=1e-6)
  # A part that ends inside a pixel takes that share of it.
  np.testing.assert_allclose(
      windows.weights(np.asarray(0.), np.asarray(.75), 1, 2),
      [[2 / 3, 1 / 3]], atol=1e-6)


def test_a_picture_agrees_with_itself_and_with_its_parts_both_ways():
  one = thumbnails(0)
  part = resampled(one, .07, .93)
  assert windows.agreement(one, one)[0] > .999
  assert windows.agreement(one, part)[0] > .92
  assert windows.agreement(part, one)[0] > .92


def test_other_pictures_do_not_agree():
  many = [thumbnails(seed) for seed in range(12)]
  left, right = (windows.Thumbnails(
      np.concatenate([one.luma for one in some]),
      np.concatenate([one.chroma for one in some]))
                 for some in (many[:6], many[6:]))
  assert windows.agreement(left, right).max() < .8


def test_the_same_edges_in_other_colours_do_not_agree():
  one, other = thumbnails(0), thumbnails(1)
  mixed = windows.Thumbnails(one.luma, other.chroma)
  assert windows.agreement(one, mixed)[0] < .6
  # Where there is no colour, none can differ.
  grey = [windows.Thumbnails(one.luma, 0 * one.chroma + shade)
          for shade in (0, 1)]
  assert windows.agreement(*grey)[0] > .97


def test_pictures_that_show_nothing_agree_with_nothing():
  flat = windows.Thumbnails(np.full((1, SIDE, SIDE), 9, np.float32),
                            np.zeros((1, 2, 8, 8), np.float32))
  assert windows.agreement(flat, flat)[0] == -1
  assert windows.agreement(flat, thumbnails(0))[0] == -1


def test_mirrored_thumbnails_are_those_of_the_mirrored_picture():
  prints = np.random.default_rng(0).integers(0, 256, (2, 1168), np.uint8)
  plain = windows.Thumbnails.of(prints)
  turned = windows.Thumbnails.of(prints, np.asarray([False, True]))
  np.testing.assert_array_equal(turned.luma[0], plain.luma[0])
  np.testing.assert_array_equal(turned.luma[1], plain.luma[1, :, ::-1])
  np.testing.assert_array_equal(turned.chroma[1], plain.chroma[1, ..., ::-1])
