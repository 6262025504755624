"""Answers that say a country or a region and no more.

For photos whose place would endanger somebody: the position given is the
middle of the cities of that country or region, whatever the photo shows.
"""

import dataclasses

import numpy as np
from pinpoint_jax.answer import records
from pinpoint_jax.geo import coords, places

LEVELS = ('', 'country', 'region')


def check(level: str) -> None:
  """Refuses a level that there is not; '' is the place itself."""
  if level not in LEVELS:
    raise ValueError(f'--coarse={level}: choices are {", ".join(LEVELS[1:])}')


def coarse(answer: records.Answer, level: str) -> records.Answer:
  """The answer without all that is finer than `level`; '' leaves it."""
  check(level)
  if not level or answer.latlng_deg is None:
    return answer
  country = answer.places.country
  region = answer.places.region if level == 'region' else ''
  return dataclasses.replace(
      answer, latlng_deg=_middle(country, region), confidence={}, reach=None,
      candidates=(), evidence=(), exif_latlng_deg=None, density=None, areas=(),
      places=records.Place('', region, country, 0.),
      warnings=(*answer.warnings, f'coarse: the middle of the {level}, not '
                                  f'where the photo was taken'))


def _middle(country: str, region: str) -> tuple[float, float]:
  cities = places.load_cities()
  inside = cities.countries == country
  if region:
    inside &= cities.admin1 == region
  middle = coords.spherical_mean(cities.latlng_deg[inside],
                                 np.ones(int(inside.sum())))
  return float(middle[0]), float(middle[1])
