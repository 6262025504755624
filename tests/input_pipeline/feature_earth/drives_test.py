from input_pipeline.feature_earth import settings
from input_pipeline.feature_earth import world as worlds
import numpy as np
from pinpoint_jax.geo import distance
import pytest

# Two blocks of street views, and towns that a block does not go round evenly.
SIZE = settings.Size(300, 40, 50, 5000, 20, 20, dim=4)


@pytest.fixture(scope='module')
def world():
  return worlds.World('default', 0, SIZE)


def test_every_town_is_visited_as_often_as_any_other(world):
  starts = np.concatenate([world.taken('gallery_street', block).latlng_deg[::8]
                           for block in (0, 1)])
  # 625 drives: two rounds of 300 towns, and 25 more. Drives start within 12 km.
  towns = world.geography.town_deg
  near = distance.haversine_km(towns[:, None], starts[None]) < 12
  alone = (distance.haversine_km(towns[:, None], towns[None]) < 24).sum(1) == 1
  assert alone.sum() > 200
  assert set(near[alone].sum(1)) == {2, 3}


def test_frames_of_a_drive_are_100_m_to_1_km_apart(world):
  taken = world.taken('gallery_street', 1)
  same = taken.authors[1:] == taken.authors[:-1]
  step_km = distance.haversine_km(
      taken.latlng_deg[1:], taken.latlng_deg[:-1])[same]
  assert 0.09 < step_km.min() and step_km.max() < 1.01
  assert (np.unique(taken.authors, return_counts=True)[1] == 8).all()


def test_a_street_view_may_show_a_sight_within_500_m(world):
  taken = world.taken('gallery_street', 0)
  sights = world.geography.sight_deg
  dist_km = distance.haversine_km(taken.latlng_deg[:, None], sights[None])
  np.testing.assert_array_equal(taken.sights >= 0, dist_km.min(1) < 0.5)
  seen = taken.sights >= 0
  assert seen.any() and not seen.all()
  np.testing.assert_array_equal(taken.sights[seen], dist_km[seen].argmin(1))
