"""Chance and the best single place, from places of other photos."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.evals import baselines

# Three of four photos were taken in Paris.
PLACES = np.asarray([[48.9, 2.3], [48.9, 2.3], [48.9, 2.3], [-33.9, 151.2]])


def queries(*places):
  ids = np.asarray([f'q{i}' for i in range(len(places))])
  empty = np.full(len(places), '')
  return types.Photos(ids, np.asarray(places), empty, empty, 'photo')


def test_the_constant_place_is_that_of_most_photos():
  both = list(baselines.baselines(
      queries((48.9, 2.3), (-33.9, 151.2)), PLACES, ('constant',),
      ('haversine', 'geodesic'), 0))
  assert [(some.decode, some.distance) for some in both] == [
      ('argmax', 'haversine'), ('argmax', 'geodesic'),
      ('expected_score', 'haversine'), ('expected_score', 'geodesic')]
  for some in both:
    assert some.latlng_deg.tolist() == [48.9, 2.3]
    near, far = some.errors.dist_km
    assert near == 0 and 16_900 < far < 17_100


def test_chance_answers_as_often_as_there_are_photos():
  some, = baselines.baselines(
      queries(*[(48.9, 2.3)] * 50), PLACES, ('chance',), ('haversine',), 0)
  assert some.latlng_deg is None and len(some.errors.dist_km) == 20 * 50
  assert .7 < (some.errors.dist_km < 1).mean() < .8


def test_of_millions_of_rows_an_even_sample_is_read(monkeypatch):
  monkeypatch.setattr(baselines, '_MOST_ROWS', 4)
  many = np.repeat(PLACES, 500, axis=0)
  assert baselines.best_places(many)['argmax'].tolist() == [48.9, 2.3]
