import hashlib

from input_pipeline.synthetic_earth import dataset as synthetic
from input_pipeline.synthetic_earth import randomness, sizes, splits
from input_pipeline.synthetic_earth import world as worlds
import numpy as np
from pinpoint_jax.geo import distance
import pytest

PHOTO = ('gallery_photo', 'query_photo_known', 'query_photo_new',
         'backbone_photo')
STREET = ('gallery_street', 'query_street', 'backbone_street')


@pytest.fixture(scope='module')
def tiny():
  return synthetic.SyntheticEarth('tiny', seed=0)


def _table(dataset, split) -> str:
  photos, cities = dataset.photos(split), dataset.cities(split)
  rows = zip(photos.ids, photos.latlng_deg, photos.authors, photos.sequences,
             cities.names, cities.admin1, cities.countries)
  return ''.join(f'{i},{lat:.6f},{lng:.6f},{",".join(rest)}\n'
                 for i, (lat, lng), *rest in rows)


def test_the_tiny_world_is_frozen(tiny):
  # A difference here means that every number measured on this world is stale.
  text = ''.join(_table(tiny, split) for split in splits.SPLITS)
  assert hashlib.sha256(text.encode()).hexdigest()[:16] == '495a92f8dd06d132'


def test_a_seed_gives_one_world_and_another_seed_another(tiny):
  again, other = synthetic.SyntheticEarth(), synthetic.SyntheticEarth(seed=1)
  assert _table(again, 'gallery_photo') == _table(tiny, 'gallery_photo')
  assert not (tiny.photos('gallery_photo').latlng_deg
              == other.photos('gallery_photo').latlng_deg).any()


@pytest.mark.parametrize('seed', [0, 1, 2, 3])
def test_every_split_is_as_long_as_promised(seed):
  dataset, size = synthetic.SyntheticEarth('tiny', seed), sizes.size('tiny')
  for split in splits.SPLITS:
    assert len(dataset.photos(split)) == getattr(
        size, 'num_' + {'query': 'queries'}.get(
            split.split('_')[0], split.split('_')[0])), split


def test_ids_are_unique_over_all_splits(tiny):
  ids = np.concatenate([tiny.photos(split).ids for split in splits.SPLITS])
  assert len(np.unique(ids)) == len(ids)


def test_coordinates_are_on_earth_and_in_microdegrees(tiny):
  for split in splits.SPLITS:
    latlng_deg = tiny.photos(split).latlng_deg
    assert (np.abs(latlng_deg) <= [[90, 180]]).all()
    np.testing.assert_array_equal(latlng_deg, np.round(latlng_deg, 6))


def test_known_authors_are_in_the_gallery_and_new_ones_are_not(tiny):
  gallery = set(tiny.photos('gallery_photo').authors)
  assert set(tiny.photos('query_photo_known').authors) <= gallery
  assert not set(tiny.photos('query_photo_new').authors) & gallery
  assert not set(tiny.photos('backbone_photo').authors) & gallery


def test_photos_have_authors_and_frames_have_sequences(tiny):
  for split in PHOTO:
    photos = tiny.photos(split)
    assert photos.source == 'photo'
    assert (photos.authors != '').all() and (photos.sequences == '').all()
  for split in STREET:
    photos = tiny.photos(split)
    assert photos.source == 'street'
    assert (photos.sequences != '').all() and (photos.authors == '').all()


def test_street_sequences_do_not_cross_splits(tiny):
  names = [set(tiny.photos(split).sequences) for split in STREET]
  assert not names[0] & names[1] and not (names[0] | names[1]) & names[2]


@pytest.mark.parametrize('gallery', ['gallery_photo', 'gallery_street'])
def test_street_queries_are_1_km_from_any_gallery_frame(tiny, gallery):
  dist_km = distance.haversine_km(
      tiny.photos('query_street').latlng_deg[:, None],
      tiny.photos(gallery).latlng_deg[None])
  assert dist_km.min() >= 1.0


def test_authors_take_bursts_within_a_few_hundred_metres(tiny):
  table = tiny.table('gallery_photo')
  sessions, counts = np.unique(table.sessions, return_counts=True)
  assert (counts > 1).mean() > 0.5
  for session in sessions[counts > 1]:
    latlng_deg = table.photos.latlng_deg[table.sessions == session]
    dist_km = distance.haversine_km(latlng_deg[:, None], latlng_deg[None])
    assert 0 < dist_km.max() < 0.6


def test_frames_of_a_drive_are_100_m_to_1_km_apart(tiny):
  photos = tiny.photos('gallery_street')
  step_km = distance.haversine_km(
      photos.latlng_deg[:-1], photos.latlng_deg[1:])
  same = photos.sequences[:-1] == photos.sequences[1:]
  assert 0.09 < step_km[same].min() and step_km[same].max() < 1.01


def test_street_covers_cities_evenly_and_photos_do_not(tiny):
  def top_share(split):
    counts = np.unique(tiny.table(split).cities, return_counts=True)[1]
    return counts.max() / counts.sum()
  assert top_share('gallery_street') < 0.05 < top_share('gallery_photo')


def test_the_backbone_sees_other_cities(tiny):
  main = set().union(*(tiny.table(s).cities for s in splits.SPLITS
                       if not s.startswith('backbone')))
  assert not main & set(tiny.table('backbone_photo').cities)
  assert not main & set(tiny.table('backbone_street').cities)


def test_looks_are_alike_nearby_and_differ_far_away():
  world = worlds.World(0)
  country = np.asarray(['DE', 'DE', 'DE', 'FR'])
  look = world.look(np.asarray(
      [[50.0, 8.0], [50.001, 8.0], [50.1, 8.0], [50.0, 8.0]]), country)
  near, middle, abroad = np.linalg.norm(look[1:] - look[0], axis=1)
  assert near < 0.3 * middle and abroad > near
  far = world.look(np.asarray([[-30.0, 140.0]]), np.asarray(['AU']))
  assert np.linalg.norm(far[0] - look[0]) > 2 * middle


def test_uniform_bits_look_uniform():
  values = randomness.uniform('test', np.arange(100_000))
  assert abs(values.mean() - 0.5) < 0.005
  assert abs(np.histogram(values, 10, (0, 1))[0] / 1e4 - 1).max() < 0.05
  bell = randomness.bell('test', np.arange(100_000))
  assert abs(bell.mean()) < 0.02 and abs(bell.std() - 1) < 0.02
  assert np.corrcoef(values[:-1], values[1:])[0, 1] < 0.02


def test_zipf_weights():
  # Weights 1/1, 1/2, 1/3 of 11/6: 6/11, 3/11, 2/11.
  ranks = randomness.zipf(3, 1, 'test', np.arange(100_000))
  np.testing.assert_allclose(
      np.bincount(ranks) / 1e5, [6 / 11, 3 / 11, 2 / 11], atol=0.01)


def test_moving_across_the_date_line_and_a_pole():
  moved = worlds.moved(np.asarray([[0.0, 179.99], [88.99, 0.0]]),
                       np.asarray([5.0, 0.0]), np.asarray([0.0, 500.0]))
  assert -180 <= moved[0, 1] < -179.9 and moved[1, 0] == 89.0


def test_errors_list_the_choices(tiny):
  with pytest.raises(ValueError, match='huge.*demo'):
    synthetic.SyntheticEarth('huge')
  with pytest.raises(ValueError, match='train.*query_street'):
    tiny.photos('train')
