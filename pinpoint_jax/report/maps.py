"""Maps as SVG: land of Natural Earth, places on it, and ways between them.

Land stands in a page once (`land`) and every map refers to it. Longitudes
count from the middle of a map, so that no map has an edge at 180° but its own.
"""

from collections.abc import Sequence
import dataclasses
import functools
import html
import json
import pathlib

from jaxtyping import Float
import numpy as np
from pinpoint_jax.answer import density as densities
from pinpoint_jax.geo import coords
from pinpoint_jax.report import svg

# world-atlas 2.0.2: Natural Earth's land at 1:110 million, as TopoJSON.
_LAND = pathlib.Path(__file__).parent / 'world_atlas' / 'land-110m.json'
# Land is written in tenths of degrees: whole numbers are short.
_TENTHS = 10
WORLD_SIZE, ROUTE_SIZE = (720, 290), (320, 214)
# Shares of the probability that the shades of a map of heat hold together, the
# pixels of its squares, and the mass of kernels that are not worth drawing.
HEAT_SHARES = (.5, .8, .95)
_SQUARE, _LEAST_HEAT, _DEGREE_KM = 5, 1e-4, 111.195
# A map of one answer is at least so wide, of a place nobody knows.
_MIN_DEG = 34.0
_WAY_POINTS = 33
# Land that crosses 180° is drawn whole and reaches so far beyond it.
_OVER = 15


@dataclasses.dataclass(frozen=True)
class Window:
  """A part of the Earth and the pixels that show it.

  Attributes:
    lat_deg, lng_deg: its middle.
    scale: pixels of a degree of latitude.
    squeeze: pixels of a degree of longitude, as a share of `scale`.
    size: width and height in pixels.
  """

  lat_deg: float
  lng_deg: float
  scale: float
  squeeze: float
  size: tuple[int, int]

  def pixels(self, latlng_deg: Float[np.ndarray, 'n 2']) -> tuple[
      Float[np.ndarray, 'n'], Float[np.ndarray, 'n']]:
    """From the left and from the top."""
    lng = coords.wrap_lng_deg(latlng_deg[:, 1] - self.lng_deg)
    return (self.size[0] / 2 + lng * self.scale * self.squeeze,
            self.size[1] / 2 - (latlng_deg[:, 0] - self.lat_deg) * self.scale)


WORLD = Window(10., 0., WORLD_SIZE[0] / 360, 1., WORLD_SIZE)


def around(latlng_deg: Float[np.ndarray, 'n 2']) -> Window:
  """A window that holds all places of a way, across 180° where that goes."""
  width, height = ROUTE_SIZE
  lats, lngs = latlng_deg[:, 0], latlng_deg[:, 1]
  offset = coords.wrap_lng_deg(lngs - lngs[0])
  low, high = min(offset.min(), 0.), max(offset.max(), 0.)
  lat = float(lats.min() + lats.max()) / 2
  lng = float(coords.wrap_lng_deg(np.asarray(lngs[0] + (low + high) / 2)))
  across, down = float(high - low), float(lats.max() - lats.min())
  squeeze = max(float(np.cos(np.deg2rad(lat))), .4) if across < 60 else 1.
  scale = min(width / max(_MIN_DEG, 1.3 * across * squeeze),
              height / max(_MIN_DEG * height / width, 1.3 * down))
  # No wider than the world, no higher than from pole to pole.
  scale = max(scale, width / (360. * squeeze), height / 180.)
  reach = 90 - height / scale / 2
  return Window(min(max(lat, -reach), reach), lng, scale, squeeze, ROUTE_SIZE)


def land() -> str:
  """What stands in a page once, before its maps; it shows nothing itself."""
  return (f'<svg class="land-shape" width="0" height="0" aria-hidden="true">'
          f'<defs><path id="land" d="{_land_path()}"/></defs></svg>')


def scatter(title: str, layers: Sequence[tuple[
    Float[np.ndarray, '_ 2'], str]]) -> str:
  """The world with dots, layer over layer: places and their look."""
  marks = [svg.dots(*WORLD.pixels(places), look) for places, look in layers]
  return _map(title, WORLD, marks)


def heat(title: str, density: densities.Density, answer: tuple[float, float],
         truth: tuple[float, float]) -> str:
  """The world with the smallest areas that hold each of HEAT_SHARES of the
  probability, an answer (a dot) and the truth (a ring)."""
  marks = [f'<path class="heat h-{i}" d="{path}"/>'
           for i, path in enumerate(_heat_paths(density))]
  (answer_x, truth_x), (answer_y, truth_y) = WORLD.pixels(
      np.asarray([answer, truth]))
  return _map(title, WORLD, [
      *marks, f'<circle class="truth" cx="{truth_x:.1f}" cy="{truth_y:.1f}" '
      f'r="9"/>', f'<circle class="answer" cx="{answer_x:.1f}" '
      f'cy="{answer_y:.1f}" r="5"/>'])


def _heat_paths(density: densities.Density) -> list[str]:
  """A path for each of HEAT_SHARES, of runs of squares in rows."""
  mass = square_masses(density)
  order = np.argsort(-mass, axis=None, kind='stable')
  below = np.cumsum(mass.ravel()[order]) - mass.ravel()[order]
  # The squares that are needed to reach each share.
  level = np.empty(mass.size, int)
  level[order] = np.searchsorted(HEAT_SHARES, below / mass.sum(), 'right')
  level = level.reshape(mass.shape)
  paths = []
  for i in range(len(HEAT_SHARES)):
    parts = []
    for row, line in enumerate(level == i):
      ends = np.flatnonzero(np.diff(np.concatenate([[0], line, [0]])))
      parts += [f'M{_SQUARE * a} {_SQUARE * row}h{_SQUARE * (b - a)}v{_SQUARE}'
                f'h{-_SQUARE * (b - a)}z'
                for a, b in ends.reshape(-1, 2).tolist()]
    paths.append(''.join(parts))
  return paths


def square_masses(density: densities.Density) -> Float[np.ndarray, 'h w']:
  """Probability of each square of the world map, kernels and everywhere.

  A kernel that is narrower than a square is all in the square of its middle.
  """
  shape = WORLD_SIZE[1] // _SQUARE, WORLD_SIZE[0] // _SQUARE
  down, across = (np.arange(size) * _SQUARE + _SQUARE / 2 for size in shape)
  lat = WORLD.lat_deg + (WORLD_SIZE[1] / 2 - down) / WORLD.scale
  lng = (across - WORLD_SIZE[0] / 2) / WORLD.scale
  middles = np.stack(np.meshgrid(lat, lng, indexing='ij'), axis=-1)
  side_km = _SQUARE / WORLD.scale * _DEGREE_KM
  area = side_km**2 * coords.cos_lat(middles[..., 0])
  wide = (density.width_km > side_km / 2) & (density.mass > _LEAST_HEAT)
  spread = densities.Density(
      density.latlng_deg[wide], density.width_km[wide], density.mass[wide],
      density.everywhere)
  mass = np.exp(spread.log_per_km2(middles.reshape(-1, 2))).reshape(
      shape) * area
  narrow = ~wide
  x, y = WORLD.pixels(density.latlng_deg[narrow])
  at = (np.clip(y // _SQUARE, 0, shape[0] - 1).astype(int),
        np.clip(x // _SQUARE, 0, shape[1] - 1).astype(int))
  np.add.at(mass, at, density.mass[narrow])
  return mass


def route(title: str, answer: tuple[float, float], truth: tuple[float, float],
          others: Float[np.ndarray, 'n 2']) -> str:
  """An answer (a dot), the truth (a ring around its place), the way between
  them, and smaller dots for the other candidates."""
  ends = np.asarray([answer, truth])
  way = great_circle(answer, truth)
  window = around(way)
  path = _way(window, way)
  (answer_x, truth_x), (answer_y, truth_y) = window.pixels(ends)
  marks = [svg.dots(*window.pixels(others), 'other'),
           f'<path class="way" d="{path}"/>',
           f'<circle class="truth" cx="{truth_x:.1f}" cy="{truth_y:.1f}" '
           f'r="8"/>',
           f'<circle class="answer" cx="{answer_x:.1f}" cy="{answer_y:.1f}" '
           f'r="4"/>']
  return _map(title, window, marks)


def great_circle(a: tuple[float, float], b: tuple[float, float],
                 num: int = _WAY_POINTS) -> Float[np.ndarray, 'num 2']:
  """Places on the shortest way, evenly spread, both ends among them."""
  ends = coords.to_xyz(np.asarray([a, b], np.float64))
  angle = np.arccos(np.clip(ends[0] @ ends[1], -1., 1.))
  share = np.linspace(0., 1., num)[:, None]
  if np.sin(angle) < 1e-9:  # One place, or its antipode: any way will do.
    return np.where(share < .5, np.asarray([a]), np.asarray([b]))
  xyz = (np.sin((1 - share) * angle) * ends[0]
         + np.sin(share * angle) * ends[1]) / np.sin(angle)
  return coords.to_latlng_deg(xyz)


def _way(window: Window, places: Float[np.ndarray, 'n 2']) -> str:
  """A path; it begins anew where it leaves the map over one of its sides."""
  across, down = window.pixels(places)
  half = 180 * window.scale * window.squeeze
  parts = []
  for i, (x, y) in enumerate(zip(across.tolist(), down.tolist())):
    jumps = i > 0 and abs(x - across[i - 1]) > half
    parts.append(f'{"M" if i == 0 or jumps else "L"}{x:.1f} {y:.1f}')
  return ''.join(parts)


def _map(title: str, window: Window, marks: Sequence[str]) -> str:
  width, height = window.size
  scale = window.scale / _TENTHS
  middle_x = width / 2 - window.lng_deg * window.scale * window.squeeze
  middle_y = height / 2 + window.lat_deg * window.scale
  half = width / 2 / window.scale / window.squeeze
  # The world again on either side, where the window reaches over 180°.
  copies = [turn for turn in (-360, 0, 360)
            if abs(turn - window.lng_deg) < 180 + half + _OVER]
  uses = ''.join(f'<use href="#land" x="{turn * _TENTHS}"/>'
                 for turn in copies)
  return (f'<svg viewBox="0 0 {width} {height}" class="map" role="img" '
          f'aria-label="{html.escape(title)}">'
          f'<g transform="translate({middle_x:.2f} {middle_y:.2f}) '
          f'scale({scale * window.squeeze:.4f} {scale:.4f})" class="land">'
          f'{uses}</g>{"".join(marks)}</svg>')


@functools.cache
def _land_path() -> str:
  """All land as one path, x to the east and y to the south."""
  topology = json.loads(_LAND.read_text(encoding='utf-8'))
  scale, shift = (np.asarray(topology['transform'][name])
                  for name in ('scale', 'translate'))
  arcs = [np.cumsum(arc, axis=0) * scale + shift for arc in topology['arcs']]
  def ring(numbers: Sequence[int]) -> np.ndarray:
    # ~i is arc i from its end to its beginning.
    return np.concatenate([arcs[i] if i >= 0 else arcs[~i][::-1]
                           for i in numbers])
  return ''.join(
      _ring_path(ring(numbers))
      for geometry in topology['objects']['land']['geometries']
      for polygon in geometry['arcs'] for numbers in polygon)


def _ring_path(lnglat_deg: Float[np.ndarray, 'n 2']) -> str:
  lng = np.unwrap(lnglat_deg[:, 0], period=360)
  lng -= 360 * np.rint(lng.mean() / 360)
  lat = lnglat_deg[:, 1]
  if abs(lng[-1] - lng[0]) > 180:  # Antarctica: round the pole, then to it.
    lng = np.concatenate([lng, [lng[-1], lng[0]]])
    lat = np.concatenate([lat, [-90., -90.]])
  lnglat_deg = np.stack([lng, lat], axis=1)
  grid = np.rint(lnglat_deg * [_TENTHS, -_TENTHS]).astype(int)
  kept = np.append(True, (np.diff(grid, axis=0) != 0).any(axis=1))
  grid = grid[kept]
  steps = ''.join(f'l{x} {y}' if y >= 0 else f'l{x}{y}'
                  for x, y in np.diff(grid, axis=0).tolist())
  return f'M{grid[0, 0]} {grid[0, 1]}{steps}z'
