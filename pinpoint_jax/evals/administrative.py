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

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.geo import places

# Level of the table -> column of OSV-5M's test.csv.
COLUMNS = {
    'country': 'unique_country',
    'region': 'unique_region',
    'sub-region': 'unique_sub-region',
    'city': 'unique_city',
}
_MISSING = ('', 'nan', 'NaN')
_PANDAS_MISSING = (
    *_MISSING, 'NA', 'N/A', 'n/a', '#N/A', '#N/A N/A', '#NA', '<NA>', '-nan',
    '-NaN', 'NULL', 'null', 'None', '1.#IND', '-1.#IND', '1.#QNAN', '-1.#QNAN')


def unique_names(latlng_deg: types.LatLng) -> dict[str, types.Strings]:
  """OSV-5M's name of each place [n, 2] at each level, {level: [n]}."""
  cities = places.load_cities().take(
      places.nearest(latlng_deg, 'degree_plane'))
  parts = (cities.names, cities.admin2, cities.admin1, cities.countries)
  def join(first: int) -> types.Strings:
    return np.asarray(['_'.join(row[first:]) for row in zip(*parts)], np.str_)
  return {'country': join(3), 'region': join(2), 'sub-region': join(1),
          'city': join(0)}


def accuracy(
    latlng_deg: types.LatLng,
    truth: Mapping[str, types.Strings]) -> dict[str, float]:
  """Both accuracies of each level of `truth`, each with its denominator."""
  names = unique_names(latlng_deg)
  figures = {}
  for level, expected in truth.items():
    right = names[level] == expected
    named = ~np.isin(expected, _MISSING)
    if named.any():
      figures[f'acc@{level}'] = float(right[named].mean())
    figures[f'num@{level}'] = int(named.sum())
    official = right & ~np.isin(expected, _PANDAS_MISSING)
    if official.size:
      figures[f'acc@{level}_official'] = float(official.mean())
    figures[f'num@{level}_official'] = official.size
  return figures
