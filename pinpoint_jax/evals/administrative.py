"""OSV-5M's administrative accuracy: the right country, region, …, city.

The answer is reverse-geocoded offline and its names are compared, as strings,
with the truth's columns. Names are those of reverse_geocoder, quirks included
(nearest city in the plane of degrees): published figures were computed so.
A truth equal to 'nan' or '' leaves its level's count.
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


def unique_names(latlng_deg: types.LatLng) -> dict[str, types.Strings]:
  """OSV-5M's name of each place [n, 2] at each level, {level: [n]}."""
  found = places.lookup(latlng_deg, 'degree_plane')
  parts = (found.name, found.admin2, found.admin1, found.country)
  def join(first: int) -> types.Strings:
    return np.asarray(['_'.join(row[first:]) for row in zip(*parts)], np.str_)
  return {'country': join(3), 'region': join(2), 'sub-region': join(1),
          'city': join(0)}


def accuracy(
    latlng_deg: types.LatLng,
    truth: Mapping[str, types.Strings]) -> dict[str, float]:
  """Share of right names per level of `truth`, with the number counted."""
  names = unique_names(latlng_deg)
  figures = {}
  for level, wanted in truth.items():
    counted = ~np.isin(wanted, ['nan', ''])
    if counted.any():
      hits = names[level][counted] == wanted[counted]
      figures[f'acc@{level}'] = float(hits.mean())
    figures[f'num@{level}'] = int(counted.sum())
  return figures
