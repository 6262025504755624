"""Hubness: how similar a row is to whatever there is, its own kin left out."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.rerank import csls
from pinpoint_jax.search import masks, row_sets, vectors
import pytest

from tests.fixtures import tiny_gallery


@pytest.fixture(scope='module')
def gallery(tmp_path_factory):
  folder = tmp_path_factory.mktemp('csls')
  stores = [tiny_gallery.make_store(folder / s, tiny_gallery.names(s, num), s)
            for s, num in (('photo', 30), ('street', 50))]
  tiny_gallery.build(folder / 'g', stores)
  return galleries.open_gallery(folder / 'g')


def _by_hand(gallery, row, source, hidden=()):
  reference = [i for i in range(len(gallery)) if i != row and i not in hidden
               and gallery.source[i] == types.SOURCES.index(source)]
  numbers = []
  for name in csls.CHANNELS:
    rows = vectors.Joined(gallery.channel(name)).take(np.arange(len(gallery)))
    sims = rows[reference] @ rows[row]
    numbers.append(np.sort(sims)[-10:].mean())
  return numbers


@pytest.mark.parametrize('source', types.SOURCES)
def test_columns_are_the_mean_of_the_ten_most_similar_others(gallery, source):
  rows = np.array([[0, 41, 79], [5, 6, -1]])
  columns = csls.Hubs(gallery, source).columns(rows, masks.open_mask(2))
  assert columns.shape == (2, 3, len(csls.COLUMNS))
  for query, slot in np.argwhere(rows >= 0):
    np.testing.assert_allclose(
        columns[query, slot], _by_hand(gallery, rows[query, slot], source),
        rtol=1e-5)
  assert columns[1, 2].tolist() == [0, 0]


def test_what_a_query_may_not_see_is_not_compared_with(gallery):
  rows = np.array([[3, 4], [3, 4]])
  hidden = np.flatnonzero(gallery.source == 0)[::2]
  mask = masks.Mask(row_sets.from_counts(hidden, np.array([len(hidden), 0])),
                    np.zeros(0, np.int64))
  hubs = csls.Hubs(gallery, 'photo')
  columns = hubs.columns(rows, mask)
  for query, unseen in enumerate((set(hidden), ())):
    for slot in range(2):
      np.testing.assert_allclose(
          columns[query, slot],
          _by_hand(gallery, rows[query, slot], 'photo', unseen), rtol=1e-5)
  # What was hidden from one query is not remembered for the next.
  np.testing.assert_array_equal(
      hubs.columns(rows, masks.open_mask(2))[0], columns[1])


def test_a_region_changes_nothing(gallery):
  rows = np.array([[3, 4]])
  hubs = csls.Hubs(gallery, 'street')
  region = masks.Mask(row_sets.none(1), np.zeros(0, np.int64), np.arange(9))
  np.testing.assert_array_equal(hubs.columns(rows, region),
                                hubs.columns(rows, masks.open_mask(1)))


def test_columns_do_not_depend_on_who_came_along(gallery):
  rows = np.random.default_rng(0).integers(0, 80, (40, 7))
  whole = csls.Hubs(gallery, 'photo').columns(rows, masks.open_mask(40))
  for size in (1, 3, 40):
    hubs = csls.Hubs(gallery, 'photo')
    parts = [hubs.columns(rows[i:i + size], masks.open_mask(
        len(rows[i:i + size]))) for i in range(0, 40, size)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_without_rows_of_the_source_all_are_compared_with(tmp_path):
  tiny_gallery.build(tmp_path / 'g', [tiny_gallery.make_store(
      tmp_path / 's', tiny_gallery.names('s', 20), 'street')])
  gallery = galleries.open_gallery(tmp_path / 'g')
  rows = np.array([[0, 1, 2]])
  photo, street = (csls.Hubs(gallery, s).columns(rows, masks.open_mask(1))
                   for s in types.SOURCES)
  np.testing.assert_array_equal(photo, street)
  assert np.abs(street).min() > 0


def test_the_mean_of_the_best_leaves_out_what_is_hidden():
  sims = np.array([[.1, .2, -np.inf], [-np.inf] * 3, [.5, .5, .2]])
  np.testing.assert_allclose(csls.mean_of_best(sims), [.15, 0., .4], rtol=1e-6)
  many = np.arange(20.)[None]
  assert csls.mean_of_best(many).tolist() == [14.5]
