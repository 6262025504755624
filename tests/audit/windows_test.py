"""Agreement of thumbnails, on pictures whose parts are known exactly."""

import numpy as np
from pinpoint_jax.audit import windows
from pinpoint_jax.images import fingerprint
import pytest

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


def agreement(one, other):
  """Of two pictures."""
  return windows.agreement(one, other, np.zeros((1, 2), int))[0]


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
  assert agreement(one, one) > .999
  assert agreement(one, part) > .92
  assert agreement(part, one) > .92


def test_other_pictures_do_not_agree():
  many = [thumbnails(seed) for seed in range(6)]
  some = windows.Thumbnails(np.concatenate([one.luma for one in many]),
                            np.concatenate([one.chroma for one in many]))
  found = windows.agreement(some, some, np.stack(
      [one.ravel() for one in np.indices((6, 6))], axis=1)).reshape(6, 6)
  assert (found.diagonal() > .999).all()
  assert (found - np.eye(6)).max() < .8


def test_the_same_edges_in_other_colours_do_not_agree():
  one, other = thumbnails(0), thumbnails(1)
  mixed = windows.Thumbnails(one.luma, other.chroma)
  assert agreement(one, mixed) < .75
  # Where there is no colour, none can differ.
  grey = [windows.Thumbnails(one.luma, 0 * one.chroma + shade)
          for shade in (0, 1)]
  assert agreement(*grey) > .97


def test_the_same_edges_in_other_light_do_not_agree():
  # Darker to the left by as much as the picture varies at all: a shadow.
  one = thumbnails(0)
  shade = np.linspace(-1, 1, SIDE, dtype=np.float32) * 2 * one.luma.std()
  lit = windows.Thumbnails(one.luma + shade, one.chroma)
  assert agreement(one, lit) < .9
  # Brighter on the whole is the same picture, taken otherwise.
  assert agreement(one, windows.Thumbnails(one.luma + 30, one.chroma)) > .999


def test_half_of_the_agreement_is_the_light_s_and_half_the_colours():
  # Twice the contrast, so that half of it differs: of power p it is p, the mean
  # power of both is (1 + 4) p / 2, and noise counts 8². Parts are 2 × 2 pixels.
  one = thumbnails(0)
  middle = one.luma.mean()
  parts = one.luma.reshape(16, 2, 16, 2).mean(axis=(1, 3))
  power = float(((parts - middle)**2).mean())
  harder = windows.Thumbnails(2 * one.luma - middle, one.chroma)
  expected = (1 - power / (2.5 * power + 64) + 1) / 2
  assert agreement(one, harder) == pytest.approx(expected, abs=1e-3)


def test_pictures_that_show_nothing_agree_with_nothing():
  flat = windows.Thumbnails(np.full((1, SIDE, SIDE), 9, np.float32),
                            np.zeros((1, 2, 8, 8), np.float32))
  assert agreement(flat, flat) == -1
  assert agreement(flat, thumbnails(0)) == -1


def test_mirrored_thumbnails_are_those_of_the_mirrored_picture():
  prints = np.random.default_rng(0).integers(0, 256, (2, 1168), np.uint8)
  plain = windows.Thumbnails.of(prints)
  both = plain.with_mirrored()
  np.testing.assert_array_equal(both.luma[1], plain.luma[1])
  np.testing.assert_array_equal(both.luma[3], plain.luma[1, :, ::-1])
  np.testing.assert_array_equal(both.chroma[3], plain.chroma[1, ..., ::-1])
