"""Filters hide what they say, seen row by row."""

import dataclasses

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import filters, shortlist
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.features import store_writer
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import writer
import pytest

from tests.fixtures import tiny_gallery as tiny


@pytest.fixture(scope='module')
def found(tmp_path_factory):
  folder = tmp_path_factory.mktemp('g')
  store = tiny.make_store(folder / 's', tiny.names('p', 60))
  tiny.build(folder / 'g', [store],
             writer.Settings('photo'))
  return galleries.open_gallery(folder / 'g')


def hidden(found, *given, **options):
  mask = filters.mask(found, *given, **options)
  rows = np.broadcast_to(np.arange(60), (len(mask), 60))
  return mask.hides(rows)


def test_none_hides_the_query_itself_where_asked(found):
  asked = tiny.photos(['p7', 'new', 'p3'])
  ids = found.ids(np.arange(60))
  np.testing.assert_array_equal(hidden(found, asked, 'none'),
                                asked.ids[:, None] == ids[None])
  assert not hidden(found, asked, 'none', leave_one_out=False).any()


def test_author_hides_author_and_sequence(found):
  asked = tiny.photos(tiny.names('p', 20) + tiny.names('q', 20))
  rows = found.photos(np.arange(60))
  same = lambda a, b: (a[:, None] == b[None]) & (a != '')[:, None]
  expected = (same(asked.authors, rows.authors)
              | same(asked.sequences, rows.sequences)
              | same(asked.ids, rows.ids))
  assert expected[20:].any()
  np.testing.assert_array_equal(hidden(found, asked, 'author'), expected)


@pytest.fixture(scope='module')
def both(tmp_path_factory):
  """Photos and street views by people of the same names."""
  folder = tmp_path_factory.mktemp('both')
  stores = []
  for source, people in {
      'photo': [('1234', ''), ('anna', '')],
      'street': [('1234', ''), ('', 'drive7'), ('bob', 'drive7'), ('anna', ''),
                 ('bob', 'drive8'), ('', '')]}.items():
    ids = [f'{source}{i}' for i in range(len(people))]
    table = dataclasses.replace(
        tiny.photos(ids, source), authors=np.array([a for a, _ in people]),
        sequences=np.array([s for _, s in people]))
    stores.append(folder / source)
    store_writer.write(
        stores[-1], table, [tiny.features(ids).astype(np.float32)], tiny.DIM,
        store_writer.FeatureOrigin(*(tiny.MADE[name] for name in (
            'backbone', 'weight_hash', 'preprocess'))))
  tiny.build(folder / 'g', stores)
  return galleries.open_gallery(folder / 'g')


@pytest.mark.parametrize('source, author, sequence, expected', [
    ('street', 'anna', 'drive7', ['street1', 'street2', 'street3']),
    ('street', '', 'drive7', ['street1', 'street2']),
    ('photo', '1234', '', ['photo0']),
    ('street', '1234', '', ['street0']),
    ('photo', 'anna', 'drive7', ['photo1']),
    ('photo', 'bob', '', []), ('street', '', '', [])])
def test_the_author_filter_is_a_union_within_one_source(
    both, source, author, sequence, expected):
  asked = types.Photos(np.array(['new']), np.zeros((1, 2)), np.array([author]),
                       np.array([sequence]), source)
  rows = filters.mask(both, asked, 'author').excluded.of(0)
  assert sorted(both.ids(rows).tolist()) == expected


def test_a_query_is_left_out_by_its_id(both):
  asked = types.Photos(np.array(['street5']), np.zeros((1, 2)), np.array(['']),
                       np.array(['']), 'photo')
  rows = filters.mask(both, asked, 'none').excluded.of(0)
  assert both.ids(rows).tolist() == ['street5']


def test_a_region_and_a_filter(found):
  region = np.arange(10, 30)
  seen = ~hidden(found, tiny.photos(['p7']), 'author', region)
  assert set(np.flatnonzero(seen[0])) <= set(region.tolist())


def test_an_unknown_filter_is_refused(found):
  with pytest.raises(ValueError, match="'autor': choices are"):
    filters.mask(found, tiny.photos(['p7']), 'autor')


def test_one_source_of_a_combined_gallery_is_searched_as_a_gallery_of_its_own(
    tmp_path):
  stores = {source: tiny.make_store(tmp_path / source, tiny.names(source, 40),
                                    source) for source in types.SOURCES}
  tiny.build(tmp_path / 'both', list(stores.values()))
  both = galleries.open_gallery(tmp_path / 'both')
  rng = np.random.default_rng(2)
  unit = lambda x: (x / np.linalg.norm(x, axis=1, keepdims=True)).astype('f4')
  queries = shortlist.Queries(
      unit(rng.normal(size=(9, tiny.trained().model.dim))),
      unit(rng.normal(size=(9, tiny.DIM))))
  for source, store in stores.items():
    tiny.build(tmp_path / f'{source}_g', [store], writer.Settings(source))
    alone = galleries.open_gallery(tmp_path / f'{source}_g')
    asked = dataclasses.replace(
        tiny.photos(tiny.names(source, 9), source), source=source)
    found = []
    for gallery in (alone, both):
      mask = filters.mask(gallery, asked, 'author')
      rows = search.Searcher(gallery).shortlist(
          queries, shortlist.Sizes(6, 4, 3),
          filters.within_source(gallery, mask, source)).rows
      found.append([gallery.ids(some[some >= 0]).tolist() for some in rows])
    assert found[0] == found[1]
    assert all(name.startswith(source) for row in found[1] for name in row)
