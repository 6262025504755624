"""Every country of the city table lies on one continent."""

import numpy as np
from pinpoint_jax.geo import continents, places


def test_every_country_with_a_city_has_a_continent():
  countries = np.unique(places.load_cities().countries).tolist()
  missing = [name for name in countries if continents.of(name) == (
      continents.UNKNOWN)]
  assert not missing, missing


def test_examples_by_hand():
  assert [continents.of(name) for name in ('FR', 'JP', 'BR', 'EG', 'NZ', '?')
          ] == ['Europe', 'Asia', 'South America', 'Africa', 'Oceania',
                'unknown']


def test_no_country_is_on_two_continents():
  listed = ' '.join(continents._COUNTRIES.values()).split()
  assert len(listed) == len(set(listed))
