"""Search inside regions: nothing is missed, nothing lies outside."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import regions as region_rows
from pinpoint_jax.geo import regions
from pinpoint_jax.search import ann, ann_scann, masks, row_sets
import pytest

from tests.fixtures import tiny_gallery as tiny

NUM, K = 4000, 10


@pytest.fixture(scope='module')
def indexed(tmp_path_factory):
  """A gallery of 4,000 rows, and a searcher whose index finds little."""
  folder = tmp_path_factory.mktemp('regions')
  store = tiny.make_store(
      folder / 's', tiny.names('p', NUM))
  tiny.build(folder / 'g', [store])
  result = galleries.open_gallery(folder / 'g')
  segment = result.segments[0]
  index = ann_scann.ScannIndex.build(
      segment.channel('raw'), ann.Settings(
          num_leaves=60, leaves_to_search=2, reorder=K), 'x')
  return search.Searcher(result, {(segment.name, 'raw'): index})


def queries(count=50):
  rows = np.random.default_rng(1).normal(size=(count, tiny.DIM))
  rows /= np.linalg.norm(rows, axis=1, keepdims=True)
  return rows.astype(np.float32)


def restricted(rows, count=50):
  return masks.Mask(row_sets.none(count), np.zeros(0, np.int64), rows)


def best_inside(searcher, asked, rows, k):
  """By a sort of every score, in plain numpy."""
  vectors = searcher.gallery.segments[0].channel('raw').take(rows)
  scores = (asked[:, None].astype(np.float64) * vectors[None]).sum(axis=-1)
  order = np.lexsort((np.broadcast_to(rows, scores.shape),
                      -scores.astype(np.float32)), axis=1)
  return rows[order[:, :k]]


@pytest.mark.parametrize('share', [.001, .01, .1, .2, .6])
def test_recall_is_one_at_any_share(indexed, share):
  """Post-filtering the index's own answers would find some of a hundredth."""
  asked = queries()
  rows = np.sort(np.random.default_rng(2).choice(
      NUM, round(share * NUM), replace=False))
  result = indexed.search('raw', asked, K, restricted(rows)).rows
  expected = best_inside(indexed, asked, rows, K)
  inside = result[:, :min(K, len(rows))]
  assert np.isin(result[result >= 0], rows).all()
  if share <= .2:  # Scanned; above it the index decides, asked deeper.
    np.testing.assert_array_equal(inside, expected)
  assert (inside >= 0).all()


@pytest.mark.parametrize('area', [
    regions.Box(-40, 170, 40, -170), regions.Circle((85., 0.), 1500),
    regions.Complement(regions.Circle((0., 0.), 5000)),
    region_rows.Countries(('FR', 'BR'))])
def test_answers_lie_in_the_region(indexed, area):
  result = indexed.gallery
  named = result.countries
  rows = region_rows.RegionIndex(result.latlng_deg, named, named).rows(area)
  assert 0 < len(rows) < NUM
  answers = indexed.search('raw', queries(), K, restricted(rows)).rows
  at = np.unique(answers[answers >= 0])
  if isinstance(area, regions.Region):
    assert area.contains(result.latlng_deg[at]).all()
  else:
    assert set(named.decode(at)) <= set(area.codes)


def test_a_region_of_one_photo_and_of_none(indexed):
  asked = queries()
  result = indexed.search('raw', asked, K, restricted(np.array([17])))
  assert (result.rows[:, 0] == 17).all() and (result.rows[:, 1:] == -1).all()
  empty = indexed.search('raw', asked, K, restricted(np.zeros(0, np.int64)))
  assert (empty.rows == -1).all() and np.isneginf(empty.scores).all()


def test_more_asked_than_there_is_and_an_empty_gallery(indexed, tmp_path):
  result = indexed.search('raw', queries(2), NUM + 5)
  assert (np.sort(result.rows[:, :NUM]) == np.arange(NUM)).all()
  assert (result.rows[:, NUM:] == -1).all()
  store = tiny.make_store(tmp_path / 's', [])
  tiny.build(tmp_path / 'g', [store])
  nothing = search.Searcher(galleries.open_gallery(tmp_path / 'g'))
  for name in types.CHANNELS:
    asked = queries() if name == 'raw' else np.zeros(
        (50, tiny.trained().model.dim), np.float32)
    assert (nothing.search(name, asked, 3).rows == -1).all()
