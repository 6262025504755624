"""Gallery rows of a region: by name, by shape, or everything else.

  Countries, Admin   rows by code
  Circle             one dot product a row; only those at the edge in full
  Polygon            cells of a quarter degree: inside, outside, or cut
  Box                every row of its latitudes
  Complement, Not    what is left
"""

import dataclasses
from typing import TypeAlias

from jaxtyping import Bool, Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.gallery.columns import Coded
from pinpoint_jax.geo import coords, distance, geojson, regions
from pinpoint_jax.search import row_sets
import shapely

# A power of two: the edges of a cell are then exact.
_CELL_DEG = .25
_CELLS_ROUND = int(360 / _CELL_DEG) + 1
# Bounds the rounding of a dot product of unit vectors.
_SLACK = 1e-14


@dataclasses.dataclass(frozen=True)
class Countries:
  """Rows in any of some countries, ISO 3166 two-letter codes."""

  codes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Admin:
  """Rows in a first-level administrative area: 'US/California'."""

  name: str


@dataclasses.dataclass(frozen=True)
class Not:
  """Every row that `area` does not hold."""

  area: 'Area'


Area: TypeAlias = regions.Region | Countries | Admin | Not


def admin_names(countries: types.Strings,
                admin1: types.Strings) -> types.Strings:
  """'US/California' for each row, '' where the area has no name."""
  full = np.char.add(np.char.add(countries, '/'), admin1)
  return np.where(admin1 == '', '', full)


class RegionIndex:
  """Rows of a gallery by region, as asking every row would give them."""

  def __init__(self, latlng_deg: Float[np.ndarray, 'g 2'], countries: Coded,
               admins: Coded):
    """Sorts the rows once; admin names carry their country: 'US/Texas'."""
    coords.check_latlng_deg(latlng_deg, 'gallery', allow_null_island=True)
    self._latlng_deg = np.asarray(latlng_deg, np.float64)
    self._xyz = coords.to_xyz(self._latlng_deg)
    self._names = {'country': countries, 'admin': admins}
    self._by_name = {kind: row_sets.CodeIndex(coded.codes)
                     for kind, coded in self._names.items()}
    self._cells = _Cells(self._latlng_deg)

  def __len__(self) -> int:
    return len(self._latlng_deg)

  def rows(self, area: Area) -> Int[np.ndarray, 'n']:
    """Rows in the area, ascending, int64; none is no error."""
    return np.flatnonzero(self._inside(area))

  def _inside(self, area: Area) -> Bool[np.ndarray, 'g']:
    if isinstance(area, Countries):
      return self._with_names('country', area.codes)
    if isinstance(area, Admin):
      return self._with_names('admin', (area.name,))
    if isinstance(area, Not):
      return ~self._inside(area.area)
    if isinstance(area, regions.Complement):
      return ~self._inside(area.region)
    if isinstance(area, geojson.AnyOf):
      return np.any([self._inside(part) for part in area.parts], axis=0)
    if isinstance(area, regions.Circle):
      return self._in_circle(area)
    if isinstance(area, regions.Polygon):
      return self._cells.inside(area, self._latlng_deg)
    if isinstance(area, regions.Box):
      return self._in_box(area)
    return area.contains(self._latlng_deg)

  def _with_names(self, kind: str, names: tuple[str, ...]) -> np.ndarray:
    # Countries the gallery has no row of have no code either.
    codes = self._names[kind].find(np.asarray(names, np.str_))
    inside = np.zeros(len(self), bool)
    inside[self._by_name[kind].rows(codes).rows] = True
    return inside

  def _in_box(self, box: regions.Box) -> np.ndarray:
    lat = self._latlng_deg[:, 0]
    inside = (lat >= box.south) & (lat <= box.north)
    inside[inside] = box.contains(self._latlng_deg[inside])
    return inside

  def _in_circle(self, circle: regions.Circle) -> np.ndarray:
    center = coords.to_xyz(np.asarray(circle.center, np.float64))
    cosines = self._xyz @ center
    edge = np.cos(min(circle.radius_km / distance.EARTH_RADIUS_KM, np.pi))
    inside = cosines > edge
    unsure = np.flatnonzero(np.abs(cosines - edge) <= _SLACK)
    inside[unsure] = circle.contains(self._latlng_deg[unsure])
    return inside


class _Cells:
  """Rows by the cell of a quarter degree they lie in."""

  def __init__(self, latlng_deg: np.ndarray):
    south_west = np.floor(latlng_deg / _CELL_DEG).astype(np.int64)
    codes = south_west[:, 0] * _CELLS_ROUND + south_west[:, 1]
    self._order = np.argsort(codes, kind='stable')
    _, first, counts = np.unique(
        codes[self._order], return_index=True, return_counts=True)
    corner = south_west[self._order[first]] * _CELL_DEG
    self._first, self._counts = first, counts
    self._south, self._west = corner.T
    # +180 and -180 are one meridian: no single cell holds such a row.
    self._on_rim = np.flatnonzero(np.abs(latlng_deg[:, 1]) == 180)

  def inside(self, polygon: regions.Polygon,
             latlng_deg: np.ndarray) -> Bool[np.ndarray, 'g']:
    """As `polygon.contains` of all rows."""
    shape = polygon.shape()
    west, south, east, north = shape.bounds
    near = np.flatnonzero(
        (self._south <= north) & (self._south + _CELL_DEG >= south)
        & (self._west <= east) & (self._west + _CELL_DEG >= west))
    boxes = shapely.box(self._west[near], self._south[near],
                        self._west[near] + _CELL_DEG,
                        self._south[near] + _CELL_DEG)
    touched = shapely.intersects(shape, boxes)
    near, boxes = near[touched], boxes[touched]
    whole = shapely.covers(shape, boxes)
    inside = np.zeros(len(latlng_deg), bool)
    inside[self._rows(near[whole])] = True
    cut = np.concatenate([self._rows(near[~whole]), self._on_rim])
    inside[cut] = polygon.contains(latlng_deg[cut])
    return inside

  def _rows(self, cells: np.ndarray) -> np.ndarray:
    return self._order[row_sets.ranges(
        self._first[cells], self._counts[cells])]
