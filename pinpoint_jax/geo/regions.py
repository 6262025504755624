"""Parts of the globe: who is inside, and their outlines.

Shapes live in the longitude/latitude plane. A ring is unrolled first, every
edge the shorter way round, and may then leave [-180, 180] or never close:

      no pole inside             a pole inside: the ring comes back one turn
                                 later, so it is closed over the pole's edge
       170   180   190            -180 ────────────────── 180   90
        ┌─────┊─────┐               │ inside                │
        └─────┊─────┘               └─╮  ╭──────╮  ╭────────┘
      folded: two parts               ╰──╯      ╰──╯
"""

import abc
import dataclasses
import math

from jaxtyping import Bool, Float
import numpy as np
from pinpoint_jax.geo import coords, distance
import shapely

_WORLD = shapely.box(-180, -90, 180, 90)
# Vertices of a circle's outline, before it is refined near a pole.
_CIRCLE_VERTICES = 180
_MAX_STEP_DEG = 4.
_MAX_REFINEMENTS = 16


class Region(abc.ABC):
  """A part of the globe."""

  @abc.abstractmethod
  def contains(
      self, latlng_deg: Float[np.ndarray, 'n 2']) -> Bool[np.ndarray, 'n']:
    """Which of the places [n, 2] lie inside, bool [n]."""

  @abc.abstractmethod
  def shape(self) -> shapely.Geometry:
    """The region in the (lng, lat) plane, cut at the antimeridian."""


@dataclasses.dataclass(frozen=True)
class Box(Region):
  """Between two parallels and two meridians, edges included.

  West above east means across the antimeridian. A box that reaches a pole
  contains it under every longitude.
  """

  south: float | int
  west: float | int
  north: float | int
  east: float | int

  def __post_init__(self):
    if not -90 <= self.south < self.north <= 90:
      raise ValueError(f'{self}: needs -90 <= south < north <= 90')
    if not (abs(self.west) <= 180 and abs(self.east) <= 180):
      raise ValueError(f'{self}: west and east must lie in [-180, 180]')
    if self.west == self.east or (self.west, self.east) == (180, -180):
      raise ValueError(f'{self}: has no width; all the way round is '
                       'west=-180, east=180')

  def contains(
      self, latlng_deg: Float[np.ndarray, 'n 2']) -> Bool[np.ndarray, 'n']:
    """Which of the places [n, 2] lie inside, edges included, bool [n]."""
    coords.check_latlng_deg(latlng_deg, 'places', allow_null_island=True)
    lat, lng = latlng_deg[:, 0], latlng_deg[:, 1]
    turned = np.where(np.abs(lng) == 180, -lng, lng)
    between = self._between(lng) | self._between(turned) | (np.abs(lat) == 90)
    return (lat >= self.south) & (lat <= self.north) & between

  def _between(self, lng: np.ndarray) -> np.ndarray:
    if self.west <= self.east:
      return (lng >= self.west) & (lng <= self.east)
    return (lng >= self.west) | (lng <= self.east)

  def shape(self) -> shapely.Geometry:
    """One rectangle, or two where the box crosses the antimeridian."""
    if self.west <= self.east:
      return shapely.box(self.west, self.south, self.east, self.north)
    return shapely.MultiPolygon(_polygons(shapely.GeometryCollection([
        shapely.box(self.west, self.south, 180, self.north),
        shapely.box(-180, self.south, self.east, self.north)])))


@dataclasses.dataclass(frozen=True, eq=False)
class Circle(Region):
  """Places at most radius_km (great circle) from center = (lat, lng)."""

  center: Float[np.ndarray, '2'] | tuple[float | int, float | int]
  radius_km: float | int

  def __post_init__(self):
    coords.check_latlng_deg(
        np.asarray(self.center, np.float64)[None], 'circle center',
        allow_null_island=True)
    if not 0 < self.radius_km < math.inf:
      raise ValueError(f'circle radius_km is {self.radius_km}; it must be '
                       'above 0 and finite')

  def contains(
      self, latlng_deg: Float[np.ndarray, 'n 2']) -> Bool[np.ndarray, 'n']:
    """Which of the places [n, 2] lie inside, edge included, bool [n]."""
    coords.check_latlng_deg(latlng_deg, 'places', allow_null_island=True)
    return distance.haversine_km(
        latlng_deg, np.asarray(self.center, np.float64)) <= self.radius_km

  def shape(self) -> shapely.Geometry:
    """A polygon inscribed in the circle, with at least 180 vertices."""
    if self.radius_km >= np.pi * distance.EARTH_RADIUS_KM:
      return _WORLD
    ring, winding = _unroll(self._outline())
    if winding:
      return _fold_polar(ring, winding, bool(self.center[0] >= 0))
    inside = _fold(_checked(ring))
    # With both poles inside, the outline runs around what is left out.
    holds_center = shapely.intersects_xy(inside, *self.center[::-1])
    return inside if holds_center else _WORLD - inside

  def _outline(self) -> np.ndarray:
    """Vertices [v, 2], closer together where longitude runs fast."""
    turns = np.arange(_CIRCLE_VERTICES) / _CIRCLE_VERTICES
    for _ in range(_MAX_REFINEMENTS):
      outline = self._at(turns)
      step_deg = np.abs(coords.wrap_lng_deg(
          np.roll(outline[:, 1], -1) - outline[:, 1]))
      wide = step_deg > _MAX_STEP_DEG
      if not wide.any():
        return outline
      middle = (turns + np.append(turns[1:], 1.)) / 2
      turns = np.sort(np.concatenate([turns, middle[wide]]))
    return self._at(turns)

  def _at(self, turns: np.ndarray) -> np.ndarray:
    lat, lng = np.deg2rad(np.asarray(self.center, np.float64))
    up = coords.to_xyz(np.asarray(self.center, np.float64))
    east = np.array([-np.sin(lng), np.cos(lng), 0.])
    north = np.array([-np.sin(lat) * np.cos(lng), -np.sin(lat) * np.sin(lng),
                      np.cos(lat)])
    bearing = 2 * np.pi * turns[:, None]
    angle_rad = self.radius_km / distance.EARTH_RADIUS_KM
    aside = np.cos(bearing) * north + np.sin(bearing) * east
    return coords.to_latlng_deg(
        np.cos(angle_rad) * up + np.sin(angle_rad) * aside)


@dataclasses.dataclass(frozen=True, eq=False)
class Polygon(Region):
  """An outer ring and holes, edges straight in the (lat, lng) plane.

  Each ring is [v, 2], closed or not, in either direction. An edge runs the
  shorter way round, so one wider than 180 degrees needs a vertex in between.
  A ring that goes once around the globe encloses the pole on the side of its
  mean latitude. Edges are inside, those of holes included.
  """

  rings: tuple[Float[np.ndarray, '_ 2'], ...]
  _shape: shapely.Geometry = dataclasses.field(init=False, repr=False)

  def __post_init__(self):
    if not self.rings:
      raise ValueError('polygon has no rings; the first one is its outside')
    outer, *holes = [_ring_shape(ring, i) for i, ring in enumerate(self.rings)]
    for hole in holes:
      outer = outer - hole
    shapely.prepare(outer)
    object.__setattr__(self, '_shape', outer)

  def contains(
      self, latlng_deg: Float[np.ndarray, 'n 2']) -> Bool[np.ndarray, 'n']:
    """Which of the places [n, 2] lie inside, edges included, bool [n]."""
    coords.check_latlng_deg(latlng_deg, 'places', allow_null_island=True)
    lat, lng = latlng_deg[:, 0], latlng_deg[:, 1]
    turned = np.where(np.abs(lng) == 180, -lng, lng)
    return (shapely.intersects_xy(self._shape, lng, lat)
            | shapely.intersects_xy(self._shape, turned, lat))

  def shape(self) -> shapely.Geometry:
    """The rings folded into [-180, 180], holes cut out."""
    return self._shape


@dataclasses.dataclass(frozen=True)
class Complement(Region):
  """Everywhere that `region` is not; the edge belongs to `region`."""

  region: Region

  def contains(
      self, latlng_deg: Float[np.ndarray, 'n 2']) -> Bool[np.ndarray, 'n']:
    """Which of the places [n, 2] lie outside `region`, bool [n]."""
    return ~self.region.contains(latlng_deg)

  def shape(self) -> shapely.Geometry:
    """The world with `region` cut out."""
    return _WORLD - self.region.shape()


def _ring_shape(latlng_deg: np.ndarray, number: int) -> shapely.Geometry:
  where = f'polygon ring {number}'
  coords.check_latlng_deg(latlng_deg, where, allow_null_island=True)
  if len(latlng_deg) and np.array_equal(latlng_deg[0], latlng_deg[-1]):
    latlng_deg = latlng_deg[:-1]
  if len(latlng_deg) < 3:
    raise ValueError(f'{where}: has {len(latlng_deg)} distinct corners, '
                     'needs 3')
  steps = np.abs(np.roll(latlng_deg[:, 1], -1) - latlng_deg[:, 1])
  if np.any(steps == 180):
    raise ValueError(
        f'{where}: the edge from corner {np.argmax(steps == 180)} spans '
        'exactly 180 degrees of longitude: add a corner to say which way')
  ring, winding = _unroll(latlng_deg)
  if not winding:
    return _fold(_checked(ring, where))
  widths = np.diff(ring[:, 0], append=ring[0, 0] + 360. * winding)
  heights = (ring[:, 1] + np.roll(ring[:, 1], -1)) / 2
  mean_lat = winding * np.sum(widths * heights) / 360
  if abs(mean_lat) < 1e-9:
    raise ValueError(f'{where}: goes around the equator, so neither pole is '
                     'its inside; use Box')
  return _fold_polar(ring, winding, bool(mean_lat > 0), where)


def _unroll(latlng_deg: np.ndarray) -> tuple[np.ndarray, int]:
  """Ring [v, 2] of (lng, lat) without jumps, and its turns around the axis."""
  lng_deg = latlng_deg[:, 1]
  steps = coords.wrap_lng_deg(np.roll(lng_deg, -1) - lng_deg)
  turns = np.round((np.cumsum(steps) - (np.roll(lng_deg, -1) - lng_deg[0]))
                   / 360)
  unrolled = lng_deg + 360. * np.concatenate([[0.], turns[:-1]])
  return np.stack([unrolled, latlng_deg[:, 0]], axis=1), int(turns[-1])


def _fold(unrolled: shapely.Geometry) -> shapely.Geometry:
  west, _, east, _ = unrolled.bounds
  turns = range(math.floor((west + 180) / 360), math.ceil((east + 180) / 360))
  return _union([
      shapely.transform(unrolled, lambda xy, t=t: xy - [360. * t, 0.]) & _WORLD
      for t in turns])


def _fold_polar(
    ring: np.ndarray, winding: int, north: bool, where: str = 'circle',
) -> shapely.Geometry:
  if abs(winding) > 1:
    raise ValueError(f'{where}: goes around the globe {abs(winding)} times')
  # Turns enough to cover the world wherever the ring starts: no seam. Cut at
  # the extremes, where the way to the pole crosses nothing.
  line = np.concatenate(
      [ring + [360. * winding * turn, 0.] for turn in (-2, -1, 0, 1, 2)])
  first, last = sorted((np.argmin(line[:, 0]), np.argmax(line[:, 0])))
  line = line[first:last + 1]
  pole = 90. if north else -90.
  ends = [[line[-1, 0], pole], [line[0, 0], pole]]
  return _union([_checked(np.concatenate([line, ends]), where) & _WORLD])


def _checked(ring: np.ndarray, where: str = 'circle') -> shapely.Geometry:
  shape = shapely.Polygon(ring)
  # A ring may touch itself, as outlines of Antarctica do along the map's edge:
  # cleaning that keeps the area, cleaning a crossing does not.
  clean = shapely.make_valid(shape)
  if shape.area > 0 and math.isclose(shape.area, clean.area, rel_tol=1e-9):
    return clean
  why = 'no area' if shape.is_valid else shapely.is_valid_reason(shape)
  raise ValueError(
      f'{where}: is no simple ring in the (lng, lat) plane ({why}); edges must '
      'not cross, and one wider than 180 degrees needs a corner more')


def _polygons(shape: shapely.Geometry) -> list[shapely.Polygon]:
  """The parts that have an area; cutting leaves lines and points behind."""
  return [p for p in shapely.get_parts(shape)
          if p.geom_type == 'Polygon' and p.area > 0]


def _union(shapes: list[shapely.Geometry]) -> shapely.Geometry:
  return shapely.union_all([p for s in shapes for p in _polygons(s)])
