"""Cells of equally many places: a balanced k-d tree of unit vectors.

  all places ─▶ two halves, across the axis on which they vary most ─▶ … ─▶
  2^levels cells, numbered from left to right

A place on a border belongs to the left, so all rows at one place share a cell.
Where more of them are at one place than a cell holds, others stay empty.
"""

from collections.abc import Sequence
import dataclasses

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.geo import coords


@dataclasses.dataclass(frozen=True)
class Cells:
  """Borders of all cells, of the whole globe first, then of its halves.

  Attributes:
    axes: which of x, y, z parts a node: 0, 1 or 2, float32 [num - 1].
    borders: what is above goes to the right, float32 [num - 1].
  """

  axes: Float[np.ndarray, 'n']
  borders: Float[np.ndarray, 'n']

  def __len__(self) -> int:
    return len(self.axes) + 1


def split(latlng_deg: Float[np.ndarray, 'n 2'], weights: Float[np.ndarray, 'n'],
          num_cells: int) -> Cells:
  """Cells of about the same weight, above 0 of each place."""
  levels = check_num_cells(num_cells)
  axes = np.zeros(num_cells - 1, np.float32)
  borders = np.zeros(num_cells - 1, np.float32)
  xyz = _xyz(latlng_deg)
  parts: Sequence[Int[np.ndarray, 'm']] = [np.arange(len(xyz))]
  for level in range(levels):
    halves = []
    for node, rows in enumerate(parts, 2**level - 1):
      if len(rows):
        axes[node], borders[node] = _border(xyz[rows], weights[rows])
      right = xyz[rows, int(axes[node])] > borders[node]
      halves += [rows[~right], rows[right]]
    parts = halves
  return Cells(axes, borders)


def find(cells: Cells, latlng_deg: types.LatLng) -> Int[np.ndarray, '...']:
  """The cell of each place, int32."""
  xyz = _xyz(latlng_deg)
  node = np.zeros(xyz.shape[:-1], np.int64)
  for _ in range(check_num_cells(len(cells))):
    axis = cells.axes[node].astype(np.int64)
    along = np.take_along_axis(xyz, axis[..., None], axis=-1)[..., 0]
    node = 2 * node + 1 + (along > cells.borders[node])
  return (node - (len(cells) - 1)).astype(np.int32)


def check_num_cells(num_cells: int) -> int:
  """How often the globe is halved; refuses what is no power of two."""
  levels = int(num_cells).bit_length() - 1
  if num_cells < 2 or num_cells != 2**levels:
    raise ValueError(f'cells={num_cells}: must be a power of two, as 1024')
  return levels


def _xyz(latlng_deg: types.LatLng) -> Float[np.ndarray, '... 3']:
  # As borders are stored: a row must find the cell that it was counted in.
  return coords.to_xyz(latlng_deg).astype(np.float32)


def _border(xyz: Float[np.ndarray, 'n 3'],
            weights: Float[np.ndarray, 'n']) -> tuple[int, np.float32]:
  """Across which axis, and the coordinate after which half the weight lies."""
  share = weights / weights.sum()
  mean = share @ xyz.astype(np.float64)
  axis = int((share @ (xyz - mean[None])**2).argmax())
  order = np.argsort(xyz[:, axis], kind='stable')
  along, below = xyz[order, axis], np.cumsum(share[order])
  # Never between two rows at the same coordinate.
  ends = np.flatnonzero(np.diff(along) > 0)
  if not len(ends):
    return axis, along[-1]
  return axis, along[ends[np.abs(below[ends] - .5).argmin()]]
