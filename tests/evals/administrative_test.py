"""Administrative accuracy with names that can be looked up."""

import numpy as np
from pinpoint_jax.evals import administrative, metrics

PARIS, SYDNEY = [48.8566, 2.3522], [-33.87, 151.21]
WINDHOEK = [-22.5594, 17.0832]


def accuracy(latlng_deg, names):
  return metrics.share_figures(
      administrative.shares(latlng_deg, administrative.truth(names)))


def test_names_are_joined_as_osv5m_joins_them():
  names = administrative.unique_names(np.asarray([PARIS]))
  assert names['country'].tolist() == ['FR']
  assert names['region'].tolist() == ['Ile-de-France_FR']
  assert names['sub-region'][0].endswith('_Ile-de-France_FR')
  assert names['city'][0].startswith('Paris_')


def test_a_truth_without_a_name_is_left_out_or_officially_a_miss():
  truth = {'country': np.asarray(['FR', 'FR', 'nan', 'AU']),
           'city': np.asarray(['nan', '', 'nan', 'nan'])}
  figures = accuracy(
      np.asarray([PARIS, SYDNEY, SYDNEY, SYDNEY]), truth)
  assert figures == {
      'acc@country': 2 / 3, 'num@country': 3,
      'acc@country_official': 2 / 4, 'num@country_official': 4,
      'num@city': 0, 'acc@city_official': 0.0, 'num@city_official': 4}


def test_namibia_is_a_country_but_officially_always_a_miss():
  # pandas reads the country code NA as a missing value.
  truth = {'country': np.asarray(['NA', 'FR']),
           'region': np.asarray(['Khomas_NA', 'Ile-de-France_FR'])}
  figures = accuracy(np.asarray([WINDHOEK, PARIS]), truth)
  assert figures['acc@country'] == 1.0 and figures['num@country'] == 2
  assert figures['acc@country_official'] == 0.5
  assert figures['num@country_official'] == 2
  assert figures['acc@region'] == figures['acc@region_official'] == 1.0


def test_a_right_region_s_name_in_another_country_is_wrong():
  # Names carry what encloses them: two cities of one name differ.
  names = administrative.unique_names(np.asarray([PARIS, [33.6609, -95.5555]]))
  city = [name.split('_')[0] for name in names['city']]
  assert city == ['Paris', 'Paris'] and names['city'][0] != names['city'][1]
  figures = accuracy(
      np.asarray([[33.6609, -95.5555]]), {'city': names['city'][:1]})
  assert figures['acc@city'] == 0.0 and figures['num@city'] == 1


def test_poles_and_both_names_of_the_antimeridian_have_names():
  # In the plane of degrees 180 and -180 are far apart, as officially.
  places = np.asarray([[90., 0.], [-90., 0.], [-16.8, 180.], [-16.8, -180.]])
  names = administrative.unique_names(places)
  assert names['country'].tolist()[2] == 'FJ'
  assert all(len(name) == 2 for name in names['country'])
