"""The interface of everything that turns pictures into features.

The thumbnail feature is the floor to beat: colour layout and edge directions,
nothing in it is learned.
"""

from collections.abc import Callable
import dataclasses
from typing import Any

from jaxtyping import Float
import numpy as np
from pinpoint_jax import types


@dataclasses.dataclass(frozen=True)
class Batch:
  """How many photos at once on each device, and why so many."""

  size: int
  why: str


# Of devices whose memory is not known: a CPU.
USUAL = Batch(64, 'the usual one where the memory of a device is not known')


@dataclasses.dataclass(frozen=True)
class Backbone:
  """A frozen model of pictures.

  Attributes:
    name: of the model.
    weight_hash: of its weights, 'none' where it has none.
    preprocess: ops from the decoded photo to `apply`'s input (uint8 pixels
      all of one size) and, after a float op, what `apply` itself does.
    dim: of a feature.
    apply: uint8 [b, h, w, 3] → [b, d], un-normalised; may return before the
      device is done.
    num_devices: among which `apply` divides a batch.
    batch_fn: the batch that a device has memory for; may take a compilation.
  """

  name: str
  weight_hash: str
  preprocess: str
  dim: int
  apply: Callable[[np.ndarray], Any]
  num_devices: int = 1
  batch_fn: Callable[[], Batch] = lambda: USUAL


def thumbnails(size: int = 64) -> Backbone:
  """The feature that is not learned: the floor to beat."""
  def apply(pixels: np.ndarray) -> np.ndarray:
    return np.stack([thumbnail(image) for image in pixels])
  return Backbone('thumbnail', 'none', f'resize({size})', DIM, apply)


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
