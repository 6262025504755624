"""Rows of several stores as one table, and which of them are held out."""

import hashlib

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.features import rows, store, store_writer
import pytest

DIM = 3


def make(path, ids, first=0., source='street', backbone='vit', dim=DIM):
  """A store whose feature of row i is first + i, at latitude first + i."""
  column = first + np.arange(len(ids), dtype=np.float64)
  photos = types.Photos(
      np.asarray(ids, np.str_), np.stack([column, column + 10], axis=1),
      np.asarray([f'by {name}' for name in ids], np.str_),
      np.full(len(ids), '', np.str_), source)
  features = np.repeat(column[:, None], dim, axis=1).astype(np.float32)
  return store_writer.write(path, photos, [features], dim,
                            store_writer.FeatureOrigin(
      backbone, 'abc', 'resize(8)'))


@pytest.fixture
def stores(tmp_path):
  """Three rows, none, and two."""
  make(tmp_path / 'a', ['p', 'q', 'r'], 1)
  make(tmp_path / 'b', [])
  make(tmp_path / 'c', ['s', 't'], 41)
  return [str(tmp_path / name) for name in 'abc']


def chosen(stores, *numbers):
  return rows.StoreRows(rows.open_rows(stores).stores, np.asarray(numbers))


def test_stores_lie_end_to_end(stores):
  actual = rows.open_rows(stores)
  assert len(actual) == 5 and actual.dim == DIM
  batch = actual.__getitems__([4, 0, 3, 2, 0])
  np.testing.assert_array_equal(
      batch['features'], [[x] * DIM for x in (42, 1, 41, 3, 1)])
  assert batch['features'].dtype == np.float16
  assert batch['row'].tolist() == [4, 0, 3, 2, 0]
  assert batch['row'].dtype == np.int32
  assert actual.photos.ids.tolist() == list('pqrst')
  assert actual.photos.authors[3] == 'by s'


def test_places_are_float32_unit_vectors(stores):
  batch = rows.open_rows(stores).__getitems__([3])
  # 41° north, 51° east.
  lat, lng = np.deg2rad([41., 51.])
  expected = [np.cos(lat) * np.cos(lng), np.cos(lat) * np.sin(lng), np.sin(lat)]
  np.testing.assert_allclose(batch['xyz'], [expected], rtol=1e-6)
  assert batch['xyz'].dtype == np.float32


def test_chosen_rows_are_counted_anew(stores):
  actual = chosen(stores, 1, 3, 4)
  assert len(actual) == 3 and actual.photos.ids.tolist() == ['q', 's', 't']
  batch = actual.__getitems__([2, 0])
  np.testing.assert_array_equal(batch['features'][:, 0], [42, 2])
  assert batch['row'].tolist() == [2, 0]
  one = actual[2]
  np.testing.assert_array_equal(one['features'], [42] * DIM)
  assert one['xyz'].shape == (3,) and one['row'] == 2


def test_one_store_is_read_as_several_are(stores):
  actual = rows.open_rows(stores[:1]).__getitems__([2, 0])
  np.testing.assert_array_equal(actual['features'], [[3] * DIM, [1] * DIM])


def test_the_fingerprint_follows_stores_and_rows(stores, tmp_path):
  other = str(make(tmp_path / 'd', ['p', 'q', 'r'], 2).path)
  actual = [rows.open_rows(stores), rows.open_rows(stores[::2]),
            rows.open_rows([other, *stores[1:]]), rows.open_rows(stores[::-1]),
            chosen(stores, 0, 1, 2, 3), chosen(stores, 1, 2, 3, 4)]
  assert len({one.fingerprint() for one in actual}) == len(actual)
  assert (rows.open_rows(stores).fingerprint() == actual[0].fingerprint()
          == chosen(stores, 0, 1, 2, 3, 4).fingerprint())


@pytest.mark.parametrize('change, name', [
    (dict(source='photo'), 'source'), (dict(backbone='clip'), 'backbone'),
    (dict(dim=4), 'dim')])
def test_stores_that_were_made_otherwise_are_refused(
    stores, tmp_path, change, name):
  other = make(tmp_path / 'd', ['u'], **change)
  with pytest.raises(store.BadStore, match=f'differ in {name}: .*/d'):
    rows.open_rows([*stores, str(other.path)])


def test_an_id_in_two_stores_is_refused(stores, tmp_path):
  make(tmp_path / 'd', ['u', 'q', 'p'])
  actual = rows.open_rows([*stores, str(tmp_path / 'd')])
  with pytest.raises(ValueError, match="2 ids are in several stores, the first "
                     "is 'p'"):
    actual.photos.ids.tolist()


IDS = np.asarray([f'photo {i}' for i in range(20000)], np.str_)


def test_one_percent_is_by_the_published_rule():
  digests = [int(hashlib.md5(name.encode()).hexdigest(), 16) for name in IDS]
  np.testing.assert_array_equal(
      rows.held_out(IDS, 1), [digest % 100 == 99 for digest in digests])
  np.testing.assert_array_equal(
      rows.held_out(IDS, 10), [digest % 100 >= 90 for digest in digests])


@pytest.mark.parametrize('percent', [0.1, 1, 2.5, 50])
def test_shares(percent):
  share = 100 * rows.held_out(IDS, percent).mean()
  # Four standard deviations of a count of 20000.
  assert abs(share - percent) < 4 * np.sqrt(percent * (100 - percent) / 2e4)


def test_a_larger_share_holds_the_smaller_one():
  actual = [rows.held_out(IDS, percent) for percent in (0, .1, 1, 2.5, 100)]
  assert not actual[0].any() and actual[-1].all()
  for small, large in zip(actual, actual[1:]):
    assert (large | ~small).all()


def test_a_row_is_held_out_by_its_id_alone():
  mask = rows.held_out(IDS, 5)
  np.testing.assert_array_equal(rows.held_out(IDS[::-1], 5), mask[::-1])
