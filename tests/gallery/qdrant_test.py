"""A gallery as a collection: all rows, no more, found as we find them.

Against the client's local mode, which needs no server.
"""

import dataclasses
import threading

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import filters, searcher
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import update
import pytest

from tests.fixtures import tiny_gallery

qdrant_client = pytest.importorskip(
    'qdrant_client', reason='pinpoint_jax[qdrant] is not installed')

from pinpoint_jax.gallery import qdrant  # noqa: E402
from qdrant_client import models  # noqa: E402

EXACT = models.SearchParams(exact=True)


@pytest.fixture
def gallery(tmp_path):
  """300 photos and 40 street views of random features, in two segments."""
  stores = [tiny_gallery.make_store(tmp_path / 'a', tiny_gallery.names(
      'a', 270)), tiny_gallery.make_store(tmp_path / 'c', tiny_gallery.names(
          'c', 40), 'street')]
  tiny_gallery.build(tmp_path / 'g', stores)
  tiny_gallery.add(tmp_path / 'g', [tiny_gallery.make_store(
      tmp_path / 'b', tiny_gallery.names('b', 30))])
  return galleries.open_gallery(tmp_path / 'g')


@pytest.fixture
def client():
  return qdrant_client.QdrantClient(':memory:')


def unit_rows(count, dim):
  rows = np.random.default_rng(1).normal(size=(count, dim))
  return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def search(client, channel, vector, k, query_filter=None):
  points = client.query_points(
      'g', vector.tolist(), using=channel, limit=k, search_params=EXACT,
      query_filter=query_filter).points
  return [point.id for point in points], [point.score for point in points]


def assert_same(result, rows, scores):
  """Ids and scores of one query as ours, up to order among near ties."""
  ids, theirs = result
  rows, scores = rows[rows >= 0], scores[rows >= 0]
  np.testing.assert_allclose(theirs, scores, rtol=0, atol=1e-6)
  surely = scores > scores[-1] + 2e-6  # The last may tie with one left out.
  assert set(rows[surely]) <= set(ids) and len(ids) == len(rows)


def test_every_channel_is_searched_as_we_search_it(gallery, client):
  done = qdrant.export(gallery, client, 'g', with_raw=True)
  assert (done.num_points, done.num_written, done.num_sampled) == (
      340, 340, 100)
  ours = searcher.Searcher(gallery)
  for channel in types.CHANNELS:
    queries = unit_rows(5, gallery.segments[0].dim(channel))
    nearest = ours.search(channel, queries, 12)
    for i, query in enumerate(queries):
      assert_same(search(client, channel, query, 12), nearest.rows[i],
                  nearest.scores[i])


def test_a_row_keeps_what_is_known_of_it(gallery, client):
  qdrant.export(gallery, client, 'g')
  row = int(gallery.find(np.asarray(['c7']))[0])
  point, = client.retrieve('g', [row], with_payload=True, with_vectors=True)
  photo = tiny_gallery.photos(['c7'], 'street')
  lat, lng = photo.latlng_deg[0]
  assert point.payload['place'] == {'lat': lat, 'lon': lng}
  assert (point.payload['id'], point.payload['source']) == ('c7', 'street')
  for key, column in (('author', photo.authors), ('sequence', photo.sequences)):
    assert point.payload.get(key, '') == column[0]
  assert point.payload['country'] == gallery.countries.decode(
      np.asarray([row]))[0]
  assert sorted(point.vector) == ['image', 'location']
  about = client.get_collection('g').config.metadata[qdrant.KEY]
  assert about['fingerprint'] == gallery.fingerprint()


@pytest.mark.parametrize('same', [False, True])
def test_the_author_filter_hides_what_ours_hides(gallery, client, same):
  qdrant.export(gallery, client, 'g')
  photos = dataclasses.replace(
      gallery.photos(np.arange(0, 300, 40)), source='photo')
  mask = filters.mask(gallery, photos, 'author')
  if same:
    mask = filters.within_source(gallery, mask, 'photo')
  queries = unit_rows(len(photos), gallery.manifest['dim'])
  nearest = searcher.Searcher(gallery).search('image', queries, 150, mask)
  for i, query in enumerate(queries):
    result = search(client, 'image', query, 150, qdrant.row_filter(
        'photo', photos.ids[i], photos.authors[i], photos.sequences[i], same))
    assert_same(result, nearest.rows[i], nearest.scores[i])


def test_stopped_it_goes_on_and_nothing_is_written_twice(
    gallery, client, monkeypatch):
  monkeypatch.setattr(qdrant, '_POINTS', 64)
  upsert, written = client.upsert, []
  def stopping(name, points, **how):
    if len(written) == 2:
      raise RuntimeError('the server went away')
    written.append(points.ids)
    return upsert(name, points, **how)
  monkeypatch.setattr(client, 'upsert', stopping)
  with pytest.raises(RuntimeError):
    qdrant.export(gallery, client, 'g')
  about = client.get_collection('g').config.metadata[qdrant.KEY]
  assert about['fingerprint'] is None  # Nobody takes it for whole.
  monkeypatch.setattr(client, 'upsert', upsert)
  assert qdrant.export(gallery, client, 'g').num_written == 340 - 128
  assert qdrant.export(gallery, client, 'g').num_written == 0


def test_deleted_rows_leave_the_collection(gallery, client):
  qdrant.export(gallery, client, 'g')
  update.remove(gallery.path, np.asarray(['a3', 'c7']))
  later = galleries.open_gallery(gallery.path)
  done = qdrant.export(later, client, 'g')
  assert (done.num_points, done.num_written) == (338, 0)
  assert client.retrieve('g', later.removed.tolist()) == []
  about = client.get_collection('g').config.metadata[qdrant.KEY]
  assert about['fingerprint'] == later.fingerprint()


def test_another_gallery_and_a_foreign_point_are_refused(
    gallery, client, tmp_path):
  qdrant.export(gallery, client, 'g')
  other = tiny_gallery.build(tmp_path / 'h', [tmp_path / 'a'])
  with pytest.raises(ValueError, match="'g' is not of this gallery .rows_key"):
    qdrant.export(other, client, 'g')
  with pytest.raises(ValueError, match='channels'):
    qdrant.export(gallery, client, 'g', with_raw=True)
  point, = client.retrieve('g', [0], with_payload=True, with_vectors=True)
  moved = dict(point.payload, place={'lat': 0., 'lon': 0.})
  client.upsert('g', [models.PointStruct(
      id=0, vector=point.vector, payload=moved)])
  with pytest.raises(ValueError, match='point 0 is not row 0'):
    qdrant.export(gallery, client, 'g')
  client.upsert('g', [models.PointStruct(
      id=999, vector=point.vector, payload=moved)])
  with pytest.raises(ValueError, match='holds 341 points, the gallery 340'):
    qdrant.export(gallery, client, 'g')


def test_raw_features_of_eight_bits_are_written_as_their_values(
    tmp_path, client):
  store = tiny_gallery.make_store(tmp_path / 'a', tiny_gallery.names('a', 9))
  gallery = tiny_gallery.build(
      tmp_path / 'g', [store], dataclasses.replace(
          tiny_gallery.SETTINGS, raw='int8'))
  qdrant.export(gallery, client, 'g', with_raw=True)
  params = client.get_collection('g').config.params.vectors
  assert params['raw'].datatype == models.Datatype.FLOAT32
  point, = client.retrieve('g', [4], with_vectors=True)
  np.testing.assert_array_equal(
      np.float32(point.vector['raw']),
      gallery.channel('raw')[0].take(np.asarray([4]))[0])


def test_the_client_says_nothing_of_its_own_from_a_thread():
  """Its check of the server's version warned beside our error, or did not."""
  before = threading.active_count()
  with qdrant.connected('http://localhost:9'):
    assert threading.active_count() == before
