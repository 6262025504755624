"""Weights and photos from their names alone, the same on both sides.

Needs numpy only: neither venv has the other's libraries, and nothing large
is committed.
"""

import zlib

import numpy as np


def tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
  """A weight, float32, lively enough that every part of a model matters."""
  rng = np.random.default_rng(zlib.crc32(name.encode()))
  values = rng.standard_normal(shape, np.float32)
  if len(shape) == 1:
    gain = name.endswith(('weight', 'scale', 'lambda1'))
    return np.float32(gain) + np.float32(0.2) * values
  if len(shape) == 0:
    return values
  fan_in = np.prod(shape[1:]) if name.endswith('weight') else shape[-1]
  return values / np.sqrt(np.float32(fan_in))


def pixels(name: str, shape: tuple[int, ...]) -> np.ndarray:
  """Normalised images [b, h, w, 3], float32 in -1..1."""
  rng = np.random.default_rng(zlib.crc32(name.encode()))
  return rng.uniform(-1, 1, shape).astype(np.float32)


def photo(height: int, width: int) -> np.ndarray:
  """A photo with smooth ramps, a hard edge and noise, uint8 [h, w, 3]."""
  rng = np.random.default_rng((height, width))
  y, x = np.mgrid[:height, :width]
  planes = [x * 255 / width, y * 255 / height,
            255 * (np.hypot(x - width / 2, y - height / 3) < height / 4)]
  noise = rng.normal(0, 12, (height, width, 3))
  return np.clip(np.stack(planes, -1) + noise, 0, 255).astype(np.uint8)
