"""Position embeddings on another grid, by bicubic interpolation.

With antialiasing (a = -0.5, the kernel widened when shrinking, weights that
fall outside dropped) as DINOv2 with registers does it; without (a = -0.75,
the edge repeated) as SigLIP and CLIP do it in transformers.
"""

from jaxtyping import Float
import numpy as np


def resample(
    position: Float[np.ndarray, 'n d'], old: tuple[int, int],
    new: tuple[int, int], antialias: bool,
) -> Float[np.ndarray, 'm d']:
  """Positions of the grid `old` (down, across) on the grid `new`."""
  if old == new:
    return position
  if len(position) != old[0] * old[1]:
    raise ValueError(f'{len(position)} positions are not a grid of {old}')
  weights = _antialiased if antialias else _plain
  down, across = (weights(a, b) for a, b in zip(old, new))
  grid = position.reshape(*old, -1).astype(np.float64)
  moved = np.einsum('yi,xj,ijd->yxd', down, across, grid, optimize=True)
  return moved.reshape(new[0] * new[1], -1).astype(position.dtype)


def _plain(old: int, new: int) -> Float[np.ndarray, 'new old']:
  centres = (np.arange(new) + 0.5) * old / new - 0.5
  first = np.floor(centres).astype(int) - 1
  weights = np.zeros((new, old))
  for tap in range(4):
    index = first + tap
    np.add.at(weights, (np.arange(new), index.clip(0, old - 1)),
              _cubic(centres - index, -0.75))
  return weights


def _antialiased(old: int, new: int) -> Float[np.ndarray, 'new old']:
  scale = max(old / new, 1.0)
  centres = (np.arange(new) + 0.5) * old / new
  offsets = np.arange(old)[None] + 0.5 - centres[:, None]
  weights = _cubic(offsets / scale, -0.5)
  return weights / weights.sum(1, keepdims=True)


def _cubic(x: Float[np.ndarray, '*s'], a: float) -> Float[np.ndarray, '*s']:
  """Keys' cubic kernel."""
  x = np.abs(x)
  near = ((a + 2) * x - (a + 3)) * x * x + 1
  far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
  return np.where(x < 1, near, np.where(x < 2, far, 0.0))
