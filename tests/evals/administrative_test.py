"""Administrative accuracy with names that can be looked up."""

import numpy as np
from pinpoint_jax.evals import administrative

PARIS, SYDNEY = [48.8566, 2.3522], [-33.87, 151.21]


def test_names_are_joined_as_osv5m_joins_them():
  names = administrative.unique_names(np.asarray([PARIS]))
  assert names['country'].tolist() == ['FR']
  assert names['region'].tolist() == ['Ile-de-France_FR']
  assert names['sub-region'][0].endswith('_Ile-de-France_FR')
  assert names['city'][0].startswith('Paris_')


def test_levels_are_counted_apart_and_nan_leaves_the_count():
  truth = {'country': np.asarray(['FR', 'FR', 'nan', 'AU']),
           'city': np.asarray(['nan', '', 'nan', 'nan'])}
  figures = administrative.accuracy(
      np.asarray([PARIS, SYDNEY, SYDNEY, SYDNEY]), truth)
  assert figures == {
      'acc@country': 2 / 3, 'num@country': 3, 'num@city': 0}


def test_a_right_region_s_name_in_another_country_is_wrong():
  # Names carry what encloses them: two cities of one name differ.
  names = administrative.unique_names(np.asarray([PARIS, [33.6609, -95.5555]]))
  city = [name.split('_')[0] for name in names['city']]
  assert city == ['Paris', 'Paris'] and names['city'][0] != names['city'][1]
  figures = administrative.accuracy(
      np.asarray([[33.6609, -95.5555]]), {'city': names['city'][:1]})
  assert figures == {'acc@city': 0.0, 'num@city': 1}
