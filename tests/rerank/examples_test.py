"""What a training query may find, and what it is given besides."""

import dataclasses

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import filters, shortlist
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.geo import distance, neighbors
from pinpoint_jax.rerank import examples, geo_prior, nearby, priors
from pinpoint_jax.rerank import ranker as reranking
from pinpoint_jax.search import row_sets
import pytest

from tests.fixtures import tiny_ranking as tiny

SETTINGS = examples.Settings(tiny.SIZES, 2, (0., 5.), 4, seed=3)


@pytest.fixture(scope='module')
def asked():
  """Rows of the gallery, with the vectors that it holds of them."""
  found = tiny.ground().gallery
  rows = np.arange(0, 180, 4)
  photos = found.photos(rows)
  vectors = lambda name: found.channel(name)[0].take(rows)
  return examples.LabeledQueries(
      dataclasses.replace(photos, source='photo'),
      shortlist.Queries(vectors('image'), vectors('raw')))


def builder(settings=SETTINGS):
  ground = tiny.ground()
  return examples.ExampleBuilder(ground.searcher, ground.reader, settings)


def context(asked, settings=SETTINGS, number=0):
  at = slice(0, len(asked))
  (turn, found), = builder(settings).contexts(asked, at, [number], True)
  assert turn == number
  return found


def test_a_query_meets_neither_itself_nor_its_origin(asked):
  found, rows = tiny.ground().gallery, context(asked).shortlist.rows
  assert (rows >= 0).any()
  for query, candidates in enumerate(rows):
    photos = found.photos(candidates[candidates >= 0])
    assert asked.photos.ids[query] not in photos.ids
    for name in ('authors', 'sequences'):
      own = getattr(asked.photos, name)[query]
      assert not own or own not in getattr(photos, name)[
          np.char.startswith(photos.ids, 'photo')]


def test_rows_within_the_drawn_radius_are_hidden(asked):
  near = [np.nanmin(nearest(asked, context(asked, dataclasses.replace(
      SETTINGS, radii_km=radii, deep_negatives=0)))) for radii in (
          (0.,), (5.,), (30.,))]
  assert near[0] < 5 < near[1] < 30 < near[2]
  both = nearest(asked, context(asked))
  assert (both < 5).any() and (both > 5).any(), 'each radius is drawn'


def test_a_radius_hides_rows_from_the_search_alone(asked):
  """Counts and support that lack near rows would betray the truth."""
  settings = dataclasses.replace(SETTINGS, radii_km=(5.,), deep_negatives=0)
  ground, found = tiny.ground(), context(asked, settings)
  mask = filters.mask(ground.gallery, asked.photos, 'author')
  expected = ground.reader.context(
      asked.vectors, found.shortlist, 'photo', mask)
  np.testing.assert_array_equal(found.counts, expected.counts)
  for field in dataclasses.fields(nearby.Nearby):
    np.testing.assert_array_equal(getattr(found.nearby, field.name),
                                  getattr(expected.nearby, field.name))
  near = row_sets.within_radius(
      neighbors.SphereIndex(ground.gallery.latlng_deg),
      asked.photos.latlng_deg, 5.)
  assert row_sets.contains(near, found.nearby.rows.reshape(
      len(asked), -1)).any(), 'near rows of the other source support'


def nearest(asked, found):
  rows = found.shortlist.rows
  places = tiny.ground().gallery.latlng_deg[np.maximum(rows, 0)]
  km = distance.haversine_km(places, asked.photos.latlng_deg[:, None])
  return np.where(rows >= 0, km, np.inf).min(axis=1)


def test_deep_negatives_are_real_rows_that_nobody_proposed(asked):
  ground, found = tiny.ground(), context(asked)
  rows, ranks = found.shortlist.rows, found.shortlist.ranks
  deep = (rows >= 0) & (ranks < 0).all(axis=-1)
  assert (deep.sum(axis=1) == SETTINGS.deep_negatives).all()
  for one in rows:
    real = one[one >= 0]
    assert len(np.unique(real)) == len(real)
  query, slot = np.nonzero(deep)
  np.testing.assert_array_equal(
      found.shortlist.similarities[query, slot, 2],
      ground.searcher.pair_scores('raw', asked.vectors.raw, query,
                                  rows[query, slot]))
  valid = rows >= 0
  assert (np.sort(~valid, axis=1) == ~valid).all(), 'padding comes last'


@pytest.mark.parametrize('extra', [0, 3, 64])
def test_one_deep_search_gives_what_a_search_of_each_round_gives(
    asked, monkeypatch, extra):
  """The twin hides rows first and searches then."""
  monkeypatch.setattr(examples, '_EXTRA', extra)
  settings = dataclasses.replace(SETTINGS, radii_km=(0., 5., 3000.), rounds=4)
  ground, photos = tiny.ground(), asked.photos
  rounds = builder(settings).contexts(
      asked, slice(0, len(asked)), range(4), True)
  for turn, found in rounds:
    mask = filters.mask(ground.gallery, photos, 'author')
    near = row_sets.within_radius(
        neighbors.SphereIndex(ground.gallery.latlng_deg), photos.latlng_deg,
        builder(settings).radii_km(turn, len(asked)))
    mask = dataclasses.replace(
        mask, excluded=row_sets.union(mask.excluded, near))
    expected = ground.searcher.shortlist(
        asked.vectors, shortlist.Sizes(**tiny.SIZES), mask)
    width = expected.rows.shape[1]
    listed = (found.shortlist.ranks >= 0).any(axis=-1)
    for query in range(len(asked)):
      kept = np.flatnonzero(listed[query])
      num = (expected.rows[query] >= 0).sum()
      assert len(kept) == num <= width
      for name in ('rows', 'ranks', 'similarities'):
        np.testing.assert_array_equal(
            getattr(found.shortlist, name)[query, kept],
            getattr(expected, name)[query, :num])


def test_the_radius_of_a_query_differs_by_round_and_is_the_same_again(asked):
  """A query that kept its radius would learn from one kind of list alone."""
  drawn = [builder().radii_km(turn, 200) for turn in (0, 1, 0)]
  assert 50 < (drawn[0] != drawn[1]).sum() < 150
  np.testing.assert_array_equal(drawn[0], drawn[2])
  found = builder(dataclasses.replace(SETTINGS, deep_negatives=0)).contexts(
      asked, slice(0, len(asked)), (0, 1), False)
  near = [nearest(asked, context) < 5 for _, context in found]
  assert (near[0] != near[1]).any()


def test_rounds_differ_and_each_is_the_same_again(asked):
  first, again, second = (context(asked, number=n).shortlist.rows
                          for n in (0, 0, 1))
  np.testing.assert_array_equal(first, again)
  assert (first != second).any()


def test_switched_off_a_query_finds_itself_first(asked):
  found = context(asked, dataclasses.replace(SETTINGS, leave_one_out=False))
  own = tiny.ground().gallery.find(asked.photos.ids)
  by_image = (found.shortlist.ranks[..., 0] == 0)
  assert (found.shortlist.rows[by_image] == own).all()


def test_distances_are_those_of_the_rows(asked):
  rows = context(asked).shortlist.rows
  km = builder().dist_km(asked, slice(0, len(asked)), rows)
  assert np.isinf(km[rows < 0]).all() and km.dtype == np.float32
  np.testing.assert_allclose(km.min(axis=1), nearest(asked, context(asked)),
                             rtol=1e-6)


def test_columns_keep_all_of_a_context(asked):
  found = context(asked)
  again = examples.from_columns(examples.as_columns(found, np.zeros((1, 1))))
  for name in ('rows', 'ranks', 'similarities'):
    np.testing.assert_array_equal(getattr(found.shortlist, name),
                                  getattr(again.shortlist, name))
  for field in dataclasses.fields(nearby.Nearby):
    np.testing.assert_array_equal(getattr(found.nearby, field.name),
                                  getattr(again.nearby, field.name))
  np.testing.assert_array_equal(found.counts, again.counts)
  assert again.priors == {} and again.features is None


def test_columns_of_priors_are_those_of_each_rounds_candidates(asked):
  ground = tiny.ground()
  fitted = priors.fit(ground.gallery, np.arange(40), 'photo', tiny.RIDGE)
  maker = examples.ExampleBuilder(
      ground.searcher, ground.reader, SETTINGS, fitted)
  for _, found in maker.contexts(asked, slice(5, 12), (0, 1), False):
    places = ground.gallery.latlng_deg[np.maximum(found.shortlist.rows, 0)]
    expected = geo_prior.columns(
        fitted['ridge'], asked.vectors.raw[5:12], places)
    np.testing.assert_array_equal(found.priors['ridge'], expected)
    again = examples.from_columns(
        examples.as_columns(found, np.zeros((1, 1))))
    np.testing.assert_array_equal(again.priors['ridge'], expected)
    assert again.nearby is None


@pytest.mark.parametrize('changes', [
    {'rounds': 0}, {'deep_negatives': -1}, {'radii_km': ()}])
def test_settings_without_examples_are_refused(changes):
  with pytest.raises(ValueError, match='at least 1, at least 0'):
    dataclasses.replace(SETTINGS, **changes)


def test_recall_is_the_share_of_the_exact_lists(asked):
  ground = tiny.ground()
  whole = examples.recall(ground.searcher, ground.searcher, asked, SETTINGS)
  assert whole == {'image': 1., 'location': 1., 'raw': 1.}

  class Forgetful(search.Searcher):
    """Misses the best row of every list."""

    def search(self, channel, queries, k, mask=None):
      found = super().search(channel, queries, k + 1, mask)
      return types.Candidates(found.rows[:, 1:], found.scores[:, 1:])

  shares = examples.recall(
      Forgetful(ground.gallery), ground.searcher, asked, SETTINGS)
  assert shares == pytest.approx({
      name: 1 - 1 / size for name, size in tiny.SIZES.items()})


def test_recall_counts_a_row_as_good_as_the_last_one(asked):
  ground = tiny.ground()

  class Unlucky(search.Searcher):
    """Lists other rows than the exact search, which score as high, or less."""

    worse = 0.

    def search(self, channel, queries, k, mask=None):
      nearest = super().search(channel, queries, k, mask)
      last = nearest.scores[:, -1:]
      return types.Candidates(
          np.zeros_like(nearest.rows), np.repeat(last - self.worse, k, axis=1))

  unlucky = Unlucky(ground.gallery)
  assert set(examples.recall(
      unlucky, ground.searcher, asked, SETTINGS).values()) == {1.}
  unlucky.worse = 1e-3
  assert set(examples.recall(
      unlucky, ground.searcher, asked, SETTINGS).values()) == {0.}


def test_examples_and_answers_take_candidates_in_one_order(asked):
  """By similarity and region, out of lists that are eight times as long."""
  ground, trained = tiny.ground(), tiny.with_region(order='region')
  settings = dataclasses.replace(
      SETTINGS, order='region', radii_km=(0.,), deep_negatives=0)
  maker = examples.ExampleBuilder(
      ground.searcher, ground.reader, settings, trained.priors)
  at = slice(0, len(asked))
  (_, found), = maker.contexts(asked, at, [0], False)
  ranker = reranking.Ranker(ground.reader, trained)
  lists = ground.searcher.lists(
      asked.vectors, ranker.depths(), filters.mask(
          ground.gallery, asked.photos, 'author'))
  expected = ground.searcher.union(
      ranker.ordered(lists, asked.vectors), asked.vectors, ranker.sizes)
  np.testing.assert_array_equal(found.shortlist.rows, expected.rows)
  plain = ground.searcher.union(lists, asked.vectors, ranker.sizes)
  assert (expected.rows != plain.rows).any()


def test_an_order_needs_its_prior():
  ground = tiny.ground()
  with pytest.raises(ValueError, match='no region prior: set'):
    examples.ExampleBuilder(ground.searcher, ground.reader,
                            dataclasses.replace(SETTINGS, order='region'))
  with pytest.raises(ValueError, match='order=best: choices are'):
    dataclasses.replace(SETTINGS, order='best')


def test_only_the_own_source_is_searched_but_both_support(asked):
  settings = dataclasses.replace(SETTINGS, search_source='same')
  found, gallery = context(asked, settings), tiny.ground().gallery
  rows = found.shortlist.rows
  assert (gallery.source[rows[rows >= 0]] == 0).all()
  both = context(asked).shortlist.rows
  assert (gallery.source[both[both >= 0]] == 1).any()
  assert found.nearby.exists.any() and found.counts[..., 1].any()
