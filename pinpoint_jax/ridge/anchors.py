"""A few places that stand for many: each row's nearest is its anchor."""

import dataclasses

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax.geo import coords

# Edges of cells, in Earth radii: from 12 m on, each half as large again.
_FINEST, _GROWTH = 2e-6, 1.5


@dataclasses.dataclass(frozen=True)
class Anchors:
  """Places and who belongs to them.

  Attributes:
    latlng_deg: the anchors, float64 [k, 2].
    of_row: anchor of each row, [n].
  """

  latlng_deg: Float[np.ndarray, 'k 2']
  of_row: Int[np.ndarray, 'n']

  def __len__(self) -> int:
    return len(self.latlng_deg)


def make(latlng_deg: Float[np.ndarray, 'n 2'], most: int) -> Anchors:
  """Every distinct place; where these are over `most`, means of grid cells.

  The order of rows does not matter; the finest grid that fits is taken.
  """
  if most < 1:
    raise ValueError(f'{most} anchors: at least 1 is needed')
  distinct, of_row = np.unique(latlng_deg, axis=0, return_inverse=True)
  if len(distinct) <= most:
    return Anchors(distinct, of_row)
  xyz, edge = coords.to_xyz(distinct), _FINEST
  cell = _cells(xyz, edge)
  while cell.max() >= most:
    edge *= _GROWTH
    cell = _cells(xyz, edge)
  sums = np.stack([np.bincount(cell, axis) for axis in xyz.T], axis=1)
  return Anchors(coords.to_latlng_deg(sums), cell[of_row])


def _cells(xyz: Float[np.ndarray, 'n 3'],
           edge: float) -> Int[np.ndarray, 'n']:
  """Cell of each row in a grid of cubes, numbered without gaps."""
  steps = np.floor((xyz + 1) / edge).astype(np.int64)
  # 2e-6 makes a million steps an axis: three of them fit into 63 bits.
  code = (steps[:, 0] << 42) | (steps[:, 1] << 21) | steps[:, 2]
  return np.unique(code, return_inverse=True)[1]
