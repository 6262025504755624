import dataclasses

from input_pipeline.feature_earth import world as worlds
import numpy as np
from pinpoint_jax.geo import distance
import pytest


@pytest.fixture(scope='module')
def world():
  return worlds.World('default', 0, 'demo')


@pytest.fixture(scope='module')
def gallery(world):
  """A block of the gallery before some tags went wrong."""
  return world._gallery_photos(0)


def first_of_visits(photos):
  return photos.take(np.unique(photos.visits, return_index=True)[1])


def test_half_the_visits_are_to_sights_and_few_sights_have_most(gallery):
  sights = first_of_visits(gallery).sights
  assert abs((sights >= 0).mean() - 0.5) < 0.05
  _, counts = np.unique(sights[sights >= 0], return_counts=True)
  assert np.sort(counts)[-20:].sum() > 0.15 * counts.sum()


def test_authors_make_1_to_6_visits_of_1_to_4_photos(gallery):
  visits = first_of_visits(gallery)
  _, photos = np.unique(gallery.visits, return_counts=True)
  _, of_author = np.unique(visits.authors, return_counts=True)
  assert set(photos) == {1, 2, 3, 4} and set(of_author) == {1, 2, 3, 4, 5, 6}


def test_geotags_of_two_authors_differ_as_on_real_near_duplicates(gallery):
  # Real: median 198 m, three quarters within 722 m, nine tenths in 1.3 km.
  visits = first_of_visits(gallery)
  visits = visits.take(np.argsort(visits.sights, kind='stable'))
  same = (visits.sights[1:] == visits.sights[:-1]) & (visits.sights[1:] >= 0)
  dist_km = distance.haversine_km(
      visits.latlng_deg[1:][same], visits.latlng_deg[:-1][same])
  np.testing.assert_allclose(np.percentile(dist_km, [50, 75, 90]),
                             [0.198, 0.722, 1.3], rtol=0.25)


def test_photos_of_a_visit_share_the_error_of_its_geotag(gallery):
  same = gallery.visits[1:] == gallery.visits[:-1]
  for places in (gallery.spot_deg, gallery.latlng_deg):
    steps_km = distance.haversine_km(places[1:][same], places[:-1][same])
    assert 0 < np.median(steps_km) < 0.1 and steps_km.max() < 0.3


def test_a_few_gallery_photos_are_tagged_in_another_town(world, gallery):
  tagged = world.taken('gallery_photo', 0)
  moved = (tagged.latlng_deg != gallery.latlng_deg).any(1)
  assert 0.03 < moved.mean() < 0.05
  np.testing.assert_array_equal(tagged.spot_deg, gallery.spot_deg)
  town = world.geography.nearest_town(tagged.latlng_deg[moved])
  np.testing.assert_array_equal(
      world.geography.town_deg[town], tagged.latlng_deg[moved])


def test_known_queries_are_of_gallery_visits_or_others_by_their_authors(
    world, gallery):
  known = world.taken('query_photo_known', 0)
  same = np.isin(known.visits, gallery.visits)
  assert abs(same.mean() - 0.62) < 0.03
  assert np.isin(known.authors, gallery.authors).all()
  row_of = dict(zip(gallery.visits, range(len(gallery))))
  rows = [row_of[visit] for visit in known.visits[same]]
  np.testing.assert_array_equal(known.sights[same], gallery.sights[rows])
  np.testing.assert_array_equal(known.authors[same], gallery.authors[rows])
  assert distance.haversine_km(
      known.latlng_deg[same], gallery.latlng_deg[rows]).max() < 0.5


def test_more_known_queries_than_photos_keep_their_visits_apart():
  size = dataclasses.replace(worlds.World('default', 0, 'tiny').size,
                             num_photos=50, num_queries=5000)
  world = worlds.World('default', 0, size)
  first, second = (world.taken('query_photo_known', block) for block in (0, 1))
  gallery = world.taken('gallery_photo', 0)
  shared = np.intersect1d(first.visits, second.visits)
  assert np.isin(shared, gallery.visits).all()
