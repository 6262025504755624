from input_pipeline.synthetic_earth import stream
import numpy as np
from pinpoint_jax.geo import distance
import pytest

NUM, DIM = 5000, 48  # More than one block.


def _whole(chunk_rows, source='photo', seed=0, num=NUM):
  tables = list(stream.stream_features(num, DIM, seed, chunk_rows, source))
  assert all(len(t.photos) == chunk_rows for t in tables[:-1])
  return stream._joined(tables)


@pytest.fixture(scope='module')
def photo():
  return _whole(NUM)


@pytest.mark.parametrize('chunk_rows', [1000, 4096, 4999, 10**6])
def test_rows_do_not_depend_on_the_chunking(photo, chunk_rows):
  chunked = _whole(chunk_rows)
  assert chunked.photos.fingerprint() == photo.photos.fingerprint()
  np.testing.assert_array_equal(chunked.features, photo.features)


def test_a_longer_stream_starts_with_the_shorter(photo):
  longer = _whole(2048, num=NUM + 4000)
  np.testing.assert_array_equal(longer.features[:NUM], photo.features)


def test_sources_and_seeds_differ(photo):
  street = _whole(NUM, 'street')
  assert street.photos.source == 'street'
  assert (street.photos.sequences != '').all()
  assert (street.photos.authors == '').all()
  for other in (street, _whole(NUM, seed=1)):
    assert other.photos.fingerprint() != photo.photos.fingerprint()
    assert (other.features != photo.features).any()


def test_features_are_unit_and_ids_unique(photo):
  assert photo.features.dtype == np.float32
  np.testing.assert_allclose(
      np.linalg.norm(photo.features, axis=1), 1, rtol=1e-5)
  assert len(np.unique(photo.photos.ids)) == NUM


def test_the_nearest_feature_is_better_than_chance_and_far_from_solved(photo):
  similarity = photo.features[:1000] @ photo.features.T
  own = photo.photos.authors[:1000, None] == photo.photos.authors[None]
  similarity[own] = -np.inf
  place = photo.photos.latlng_deg
  near = distance.haversine_km(place[:1000], place[similarity.argmax(1)]) < 25
  random = np.random.default_rng(0).integers(NUM, size=1000)
  chance = distance.haversine_km(place[:1000], place[random]) < 25
  assert 3 * max(chance.mean(), 0.001) < near.mean() < 0.6


@pytest.mark.parametrize('bad', [
    {'source': 'aerial'}, {'dim': 0}, {'chunk_rows': 0}])
def test_bad_arguments_are_named(bad):
  args = {'num_rows': 1, 'dim': 8, 'seed': 0, 'chunk_rows': 1} | bad
  # The hook of conftest.py refuses an unknown source before our own check.
  with pytest.raises((ValueError, TypeError), match=next(iter(bad))):
    next(stream.stream_features(**args))
