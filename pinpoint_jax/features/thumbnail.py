"""A trivial frozen feature: colour layout and edge directions of a thumbnail.

It stands where the backbone will stand and is the floor to beat: nothing in
it is learned.
"""

from jaxtyping import Float
import numpy as np
from pinpoint_jax import types

_COLOUR_GRID = 8
_EDGE_GRID = 4
_NUM_DIRECTIONS = 8
DIM = _COLOUR_GRID**2 * 3 + _EDGE_GRID**2 * _NUM_DIRECTIONS


def thumbnail(image: types.Image) -> Float[np.ndarray, 'd']:
  """Feature of a square image whose side is a multiple of 8, float32 [320].

  Two halves of length 1/√2 (0 where nothing is seen): mean colours of an 8x8
  grid, centred on grey, and gradient-direction histograms of a 4x4 grid.
  """
  pixels = image.astype(np.float32) / 255
  colour = _pool(pixels, _COLOUR_GRID).ravel() - 0.5
  edges = np.sqrt(_pool(_directions(pixels.mean(-1)), _EDGE_GRID)).ravel()
  return np.concatenate([_unit(colour), _unit(edges)]) / np.sqrt(np.float32(2))


def _directions(grey: Float[np.ndarray, 'h w']) -> Float[np.ndarray, 'h w 8']:
  """Gradient strength of each pixel, in the bin of its direction."""
  down, right = np.gradient(grey)
  angle_rad = np.arctan2(down, right)
  bins = np.floor(angle_rad / (2 * np.pi) * _NUM_DIRECTIONS).astype(int)
  one_hot = np.eye(_NUM_DIRECTIONS, dtype=np.float32)[bins % _NUM_DIRECTIONS]
  return one_hot * np.hypot(down, right)[..., None]


def _pool(values: Float[np.ndarray, 'h w c'],
          grid: int) -> Float[np.ndarray, 'y x c']:
  height, width, channels = values.shape
  cells = values.reshape(
      grid, height // grid, grid, width // grid, channels)
  return cells.mean((1, 3))


def _unit(vector: Float[np.ndarray, 'd']) -> Float[np.ndarray, 'd']:
  return vector / max(float(np.linalg.norm(vector)), 1e-8)
