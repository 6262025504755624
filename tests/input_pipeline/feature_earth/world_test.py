import hashlib

from input_pipeline.feature_earth import cues, settings
from input_pipeline.feature_earth import world as worlds
import numpy as np
from pinpoint_jax.geo import distance, neighbors
import pytest

# Small, and yet two blocks of most splits.
TWO_BLOCKS = settings.Size(400, 40, 5000, 4200, 60, 4300, dim=16)


@pytest.fixture(scope='module')
def tiny():
  return worlds.World('default', 0, 'tiny')


@pytest.fixture(scope='module')
def two_blocks():
  return worlds.World('default', 0, TWO_BLOCKS)


def test_a_few_places_and_cues_are_frozen(tiny):
  # A difference here means that every number measured on this world is stale.
  taken = tiny.taken('gallery_photo', 0)
  np.testing.assert_array_equal(taken.latlng_deg[:3], PLACES)
  values = tiny.cues.at(taken.spot_deg, taken.sights)
  np.testing.assert_array_equal(values[0, ::8] * 1024, CUES)


PLACES = [[40.82214, 24.093881], [40.821731, 24.093841], [22.48898, 90.06273]]
CUES = [-682, 475, -966, 1243, 386, -157, -763, -138, -87, -1547, 0, 0]


@pytest.mark.parametrize('splits, expected', [
    # The order is that in which they were added to the world.
    (worlds.SPLITS[:7], '3495dece9ecfc5ce'), (worlds.SPLITS[7:],
                                              '1083a56bcabd0c9a')])
def test_every_place_and_cue_of_the_tiny_world_is_frozen(
    tiny, splits, expected):
  digest = hashlib.sha256()
  for split in splits:
    taken = tiny.taken(split, 0)
    digest.update(np.rint(taken.latlng_deg * 1e6).astype('<i8').tobytes())
    values = tiny.cues.at(taken.spot_deg, taken.sights)
    digest.update(np.rint(values * 1024).astype('<i4').tobytes())
    digest.update(tiny.appearance.strengths(
        taken, worlds.source_of(split)).astype('<f8').tobytes())
  assert digest.hexdigest()[:16] == expected


def test_cues_are_multiples_of_a_1024th(tiny):
  taken = tiny.taken('gallery_street', 0)
  values = tiny.cues.at(taken.spot_deg, taken.sights)
  np.testing.assert_array_equal(values, np.rint(values * 1024) / 1024)
  assert cues.Cues(1, tiny.geography).at(
      taken.spot_deg, taken.sights)[0, 0] != values[0, 0]


@pytest.mark.parametrize('split', worlds.SPLITS)
def test_splits_are_as_long_as_promised(tiny, split):
  photos = tiny.photos(split)
  assert len(photos) == tiny.num_rows(split) == {
      'gallery_photo': 300, 'gallery_street': 600, 'rerank_photo': 150,
      'rerank_street': 150}.get(split, 60)
  np.testing.assert_array_equal(photos.latlng_deg,
                                np.round(photos.latlng_deg, 6))
  assert tiny.features(split, 0).shape == (len(photos), 128)


@pytest.mark.parametrize('split', [
    'gallery_photo', 'gallery_street', 'query_photo_known', 'query_photo_new',
    'query_street'])
def test_a_block_alone_is_its_rows_of_the_whole(two_blocks, split):
  whole, features = two_blocks.photos(split), list(two_blocks.chunks(split))
  rest = len(whole) - 4096
  assert [len(chunk) for chunk in features] == [4096, rest] and rest > 0
  alone = worlds.World('default', 0, TWO_BLOCKS)
  assert alone.photos(split, 1).fingerprint() == whole.take(
      np.arange(4096, len(whole))).fingerprint()
  np.testing.assert_array_equal(alone.features(split, 1), features[1])


def test_blocks_and_splits_are_not_repetitions_of_each_other(two_blocks):
  first = np.concatenate([
      two_blocks.photos(split, block).latlng_deg[:100]
      for split in ('gallery_street', 'query_photo_new', 'query_street')
      for block in (0, 1)])
  assert len(np.unique(first, axis=0)) == len(first)
  one, other = (two_blocks.features('query_photo_new', block)[:200]
                for block in (0, 1))
  assert not (one == other).all(1).any()


@pytest.mark.parametrize('variant, absent', [
    ('photo_only', {'gallery_street'}),
    ('street_only', {'gallery_photo', 'query_photo_known'})])
def test_worlds_of_one_source_lack_the_other_gallery_and_nothing_else(
    tiny, variant, absent):
  alone = worlds.World(variant, 0, 'tiny')
  assert set(tiny.splits) - set(alone.splits) == absent
  for split in alone.splits:
    assert alone.photos(split).fingerprint() == tiny.photos(split).fingerprint()
    np.testing.assert_array_equal(
        alone.features(split, 0), tiny.features(split, 0))
  with pytest.raises(ValueError, match=f'gallery.*{variant} has'):
    alone.photos(f'gallery_{"street" if variant == "photo_only" else "photo"}')


def test_sparse_photos_are_thin_where_street_views_are_not():
  size = settings.Size(400, 400, 3000, 12_000, 1, 300, dim=1)
  lonely = {}
  for variant in ('default', 'sparse'):
    world = worlds.World(variant, 0, size)
    queries = world.photos('query_photo_new').latlng_deg
    lonely[variant] = [
        np.mean(neighbors.SphereIndex(world.photos(split).latlng_deg).nearest(
            queries, 1).dist_km > 25)
        for split in ('gallery_photo', 'gallery_street')]
  assert lonely['sparse'][0] > 1.5 * lonely['default'][0]
  assert lonely['sparse'][0] > 5 * lonely['sparse'][1]


def test_known_authors_are_in_the_gallery_and_new_ones_are_not(tiny):
  gallery = set(tiny.photos('gallery_photo').authors)
  assert set(tiny.photos('query_photo_known').authors) <= gallery
  for split in ('query_photo_new', 'rerank_photo'):
    assert not set(tiny.photos(split).authors) & gallery


@pytest.mark.parametrize('split', ['query_street', 'rerank_street'])
def test_street_queries_are_1_km_from_both_galleries(tiny, split):
  for gallery in ('gallery_photo', 'gallery_street'):
    dist_km = distance.haversine_km(
        tiny.photos(split).latlng_deg[:, None],
        tiny.photos(gallery).latlng_deg[None])
    assert dist_km.min() > 1.04


def test_a_drive_of_street_queries_is_one_drive(two_blocks):
  # 4,096 queries take more than one attempt at drives that stay away.
  photos = two_blocks.photos('query_street')
  order = np.argsort(photos.sequences, kind='stable')
  same = photos.sequences[order][1:] == photos.sequences[order][:-1]
  places = photos.latlng_deg[order]
  assert same.mean() > 0.3
  assert distance.haversine_km(places[1:][same], places[:-1][same]).max() < 7


def test_ids_are_unique_over_all_splits(tiny):
  ids = np.concatenate([tiny.photos(split).ids for split in tiny.splits])
  assert len(np.unique(ids)) == len(ids)


def test_errors_list_the_choices(tiny):
  with pytest.raises(ValueError, match='dense.*default.*sparse'):
    worlds.World('dense', 0, 'tiny')
  with pytest.raises(ValueError, match='huge.*full.*tiny'):
    worlds.World('default', 0, 'huge')
  with pytest.raises(ValueError, match='train.*query_street'):
    tiny.photos('train')
  with pytest.raises(ValueError, match='seed -1: must be at least 0'):
    worlds.World('default', -1, 'tiny')
  with pytest.raises(ValueError, match='num_street is 0.*at least 1'):
    settings.Size(10, 10, 10, 0, 10, 10)
  with pytest.raises(IndexError, match='gallery_photo.*0 to 0.*1'):
    tiny.photos('gallery_photo', 1)


def test_galleries_too_dense_for_street_queries_are_refused(monkeypatch):
  monkeypatch.setattr(worlds, '_MAX_ATTEMPTS', 1)
  world = worlds.World('default', 0, settings.Size(2, 40, 50, 9000, 60, 4000))
  with pytest.raises(ValueError, match='so dense.*more towns than 2'):
    world.photos('query_street')
