"""Regions from GeoJSON (RFC 7946) and to it: the maps that are exchanged.

Edges are straight in the (lng, lat) plane and shapes are cut at the
antimeridian. When read, an edge more than half the globe wide is refused: it is
either a shape that was not cut, or one that needs a corner to say which way it
runs.
"""

from collections.abc import Mapping
import dataclasses
import json
import pathlib
from typing import Any

from jaxtyping import Bool, Float
import numpy as np
from pinpoint_jax.geo import coords, regions
import shapely

_KINDS = ('Polygon', 'MultiPolygon', 'GeometryCollection', 'Feature',
          'FeatureCollection')
# Seven decimals are a centimetre.
_DECIMALS = 7
# An edge along a whole parallel would have no length on a globe.
_LONGEST_EDGE_DEG = 45.


@dataclasses.dataclass(frozen=True)
class AnyOf(regions.Region):
  """Places inside at least one of several regions."""

  parts: tuple[regions.Region, ...]

  def contains(
      self, latlng_deg: Float[np.ndarray, 'n 2']) -> Bool[np.ndarray, 'n']:
    """Which of the places [n, 2] lie inside any part, bool [n]."""
    inside = np.zeros(len(latlng_deg), bool)
    for part in self.parts:
      inside |= part.contains(latlng_deg)
    return inside

  def shape(self) -> shapely.Geometry:
    """The parts laid together."""
    return shapely.union_all([part.shape() for part in self.parts])


def load(path: str | pathlib.Path) -> regions.Region:
  """The area that a GeoJSON file describes."""
  path = pathlib.Path(path)
  try:
    document = json.loads(path.read_text(encoding='utf-8'))
  except OSError as error:
    raise ValueError(f'{path} cannot be read: {error.strerror}') from error
  except (ValueError, RecursionError) as error:
    raise ValueError(f'{path} is no JSON: {error}') from error
  return read(document, str(path))


def read(document: Any, where: str = 'GeoJSON') -> regions.Region:
  """The area of a geometry, a Feature or a FeatureCollection."""
  parts = _parts(document, where)
  if not parts:
    raise ValueError(f'{where}: holds no polygon')
  return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))


def geometry(region: regions.Region) -> dict[str, Any]:
  """The region as a Polygon or MultiPolygon, outer rings counterclockwise.

  Cut at the antimeridian; a pole inside is reached along the map's edge. A
  region too small for seven decimals is a MultiPolygon without parts.
  """
  shape = shapely.segmentize(region.shape(), _LONGEST_EDGE_DEG)
  shape = shapely.set_precision(shape, 10. ** -_DECIMALS)
  polygons = [[_corners(ring) for ring in (part.exterior, *part.interiors)]
              for part in shapely.get_parts(shapely.orient_polygons(shape))
              if part.geom_type == 'Polygon' and not part.is_empty]
  if len(polygons) == 1:
    return {'type': 'Polygon', 'coordinates': polygons[0]}
  return {'type': 'MultiPolygon', 'coordinates': polygons}


def _corners(ring: shapely.LinearRing) -> list[list[float]]:
  # + 0. makes -0. a plain 0.
  return (np.round(shapely.get_coordinates(ring), _DECIMALS) + 0.).tolist()


def _parts(document: Any, where: str) -> list[regions.Region]:
  kind = document.get('type') if isinstance(document, Mapping) else None
  if kind not in _KINDS:
    raise ValueError(f'{where}: type is {kind!r}; an area is one of {_KINDS}')
  if kind == 'Feature':
    return _parts(document.get('geometry'), where)
  if kind == 'Polygon':
    return [_polygon(document.get('coordinates'), where)]
  name = {'MultiPolygon': 'coordinates', 'FeatureCollection': 'features',
          'GeometryCollection': 'geometries'}[kind]
  members = document.get(name)
  if not isinstance(members, list):
    raise ValueError(f'{where}: a {kind} needs a list of {name}')
  places = [f'{where}, {name}[{i}]' for i in range(len(members))]
  if kind == 'MultiPolygon':
    return [_polygon(m, place) for m, place in zip(members, places)]
  return [part for m, place in zip(members, places)
          for part in _parts(m, place)]


def _polygon(rings: Any, where: str) -> regions.Polygon:
  if not isinstance(rings, list) or not rings:
    raise ValueError(f'{where}: coordinates of a polygon are a list of rings')
  corners = [_ring(ring, f'{where}, ring {i}') for i, ring in enumerate(rings)]
  try:
    return regions.Polygon(tuple(corners))
  except ValueError as error:
    raise ValueError(f'{where}: {error}') from error


def _ring(ring: Any, where: str) -> Float[np.ndarray, 'v 2']:
  try:
    lnglat = np.asarray([position[:2] for position in ring], np.float64)
  except (TypeError, ValueError) as error:
    raise ValueError(f'{where}: corners must be [lng, lat] numbers') from error
  if lnglat.ndim != 2 or lnglat.shape[1] != 2 or len(lnglat) < 4:
    raise ValueError(f'{where}: needs at least 4 corners [lng, lat], the last '
                     'equal to the first')
  if np.any(lnglat[0] != lnglat[-1]):
    raise ValueError(f'{where}: is not closed: the last corner must equal the '
                     'first')
  if np.any(np.abs(lnglat[:, 0]) > 360):
    raise ValueError(f'{where}: longitude {np.abs(lnglat[:, 0]).max():g} lies '
                     'beyond a whole turn')
  latlng = _along_the_map(lnglat, where)[:, ::-1]
  outside = np.abs(latlng[:, 1]) > 180
  wrapped = np.where(outside, coords.wrap_lng_deg(latlng[:, 1]), latlng[:, 1])
  return np.stack([latlng[:, 0], wrapped], axis=1)


def _along_the_map(lnglat: np.ndarray, where: str) -> np.ndarray:
  """Edges from one rim of the map to the other get corners on their way."""
  steps = np.abs(np.diff(lnglat[:, 0]))
  wide = (steps > 180) & (steps != 360)
  if wide.any():
    edge = int(np.argmax(wide))
    raise ValueError(
        f'{where}: the edge from {lnglat[edge].tolist()} to '
        f'{lnglat[edge + 1].tolist()} is {steps[edge]:g} degrees wide: cut the '
        'shape at the antimeridian (RFC 7946, 3.1.9) or add a corner between')
  pieces = [np.linspace(a, b, 4, endpoint=False) if step == 360 else a[None]
            for a, b, step in zip(lnglat, lnglat[1:], steps)]
  return np.concatenate([*pieces, lnglat[:1]])
