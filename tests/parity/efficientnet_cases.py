"""Tiles for EfficientNet-Lite0, the same on both sides."""

import pathlib

import numpy as np

from tests.parity import seeded

FILE = pathlib.Path(__file__).parent / 'references' / 'efficientnet_lite0.npz'
SIDE = 224
_NUM_TILES = 4


def tiles(num: int = _NUM_TILES, seed: int = 0) -> np.ndarray:
  """A smooth photo, noise, one of both, then more of these; uint8."""
  rng = np.random.default_rng(seed)
  photo = seeded.photo(SIDE, SIDE)
  noise = rng.integers(0, 256, (num, SIDE, SIDE, 3), np.uint8)
  share = np.linspace(0, 1, num).reshape(-1, 1, 1, 1)
  mixed = share * noise + (1 - share) * np.roll(photo, 31 * seed, axis=1)
  return mixed.astype(np.uint8)


def normalised(pixels: np.ndarray) -> np.ndarray:
  """As the network was trained, float32."""
  return (pixels.astype(np.float32) - 127) / 128
