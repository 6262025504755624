"""The trivial feature sees colour and direction, and nothing else."""

import numpy as np
from pinpoint_jax.features import backbone


def stripes(axis):
  lines = (np.arange(64) // 4 % 2 * 255).astype(np.uint8)
  grey = np.broadcast_to(lines[:, None] if axis == 0 else lines, (64, 64))
  return np.repeat(grey[..., None], 3, -1)


def test_unit_length_and_dtype():
  ramp = np.linspace(0, 255, 64 * 64 * 3).reshape(64, 64, 3)
  feature = backbone.thumbnail(ramp.astype(np.uint8))
  assert feature.shape == (backbone.DIM,)
  assert feature.dtype == np.float32
  assert abs(np.linalg.norm(feature) - 1) < 1e-6


def test_flat_grey_has_colour_part_only_and_no_nan():
  feature = backbone.thumbnail(np.full((64, 64, 3), 200, np.uint8))
  assert np.isfinite(feature).all()
  assert (feature[192:] == 0).all()


def test_direction_of_stripes_is_told_apart():
  level, upright = (backbone.thumbnail(stripes(a))[192:] for a in (0, 1))
  assert level @ upright < 0.05
  np.testing.assert_allclose(level @ level, 0.5, atol=1e-6)
