"""Systems answer from the gallery they are given, under the filter asked."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.evals import geolocation
import pytest


def table(features, authors, prefix, latlng=None, source='photo'):
  rows = len(features)
  places = (np.stack([np.arange(rows) + 1.0, np.zeros(rows)], 1)
            if latlng is None else np.asarray(latlng, np.float64))
  photos = types.Photos(
      np.asarray([f'{prefix}{i}' for i in range(rows)]), places,
      np.asarray(authors), np.full(rows, '', np.str_), source)
  return types.FeatureTable(photos, np.asarray(features, np.float32))


def gallery():
  return table([[1, 0], [0.9, 0.1], [0, 1]], ['x', 'y', 'x'], 'g')


def test_nearest_feature_gives_the_place():
  queries = table([[1, 0], [0, 2]], ['x', ''], 'q')
  answers = geolocation.raw_1nn(queries, gallery(), author_filter=False)
  assert answers.latlng_deg[:, 0].tolist() == [1, 3]
  assert answers.ids.tolist() == ['q0', 'q1']


def test_nearest_is_by_cosine_not_by_length():
  # A long feature 45 degrees away would win by dot product; a feature of
  # zeros has no direction.
  long = table([[1, .1], [50, 50], [0, 0]], ['', '', ''], 'g')
  queries = table([[3, 0], [1, 1], [0, 0]], ['', '', ''], 'q')
  answers = geolocation.raw_1nn(queries, long, author_filter=False)
  assert answers.latlng_deg[:, 0].tolist() == [1, 2, 1]


def test_author_filter_removes_the_author_and_nobody_else():
  queries = table([[1, 0], [0, 2]], ['x', ''], 'q')
  answers = geolocation.raw_1nn(queries, gallery(), author_filter=True)
  assert answers.latlng_deg[:, 0].tolist() == [2, 3]


def test_a_query_that_is_itself_in_the_gallery_is_filtered_too():
  rows = table([[1, 0], [0, 1]], ['', ''], 'same')
  answers = geolocation.raw_1nn(rows, rows, author_filter=True)
  assert answers.latlng_deg[:, 0].tolist() == [2, 1]


def test_nothing_left_to_answer_with_is_refused_by_name():
  only = table([[1, 0]], ['x'], 'g')
  with pytest.raises(ValueError, match="query 'q0': no gallery row is left"):
    geolocation.raw_1nn(table([[1, 0]], ['x'], 'q'), only, author_filter=True)


def test_errors_by_hand():
  queries = table([[1, 0]], ['x'], 'q', latlng=[[2.0, 0.0]])
  answers = geolocation.raw_1nn(queries, gallery(), author_filter=False)
  errors = geolocation.errors(answers, queries.photos)
  # One degree of a great circle of radius 6371.0088 km.
  assert errors.dist_km[0] == pytest.approx(np.pi / 180 * 6371.0088)
  assert errors.clusters.tolist() == ['a:x']


def test_errors_refuse_another_order():
  queries = table([[1, 0], [0, 1]], ['', ''], 'q')
  answers = types.Predictions(queries.photos.ids[::-1],
                              queries.photos.latlng_deg)
  with pytest.raises(ValueError, match='different ids'):
    geolocation.errors(answers, queries.photos)


def test_chance_is_seeded_and_averages_over_the_gallery():
  queries = table([[1, 0]] * 200, [''] * 200, 'q',
                  latlng=[[1.0, 0.0]] * 200)
  first = geolocation.chance_errors(queries.photos, gallery().photos, seed=0)
  again = geolocation.chance_errors(queries.photos, gallery().photos, seed=0)
  other = geolocation.chance_errors(queries.photos, gallery().photos, seed=1)
  np.testing.assert_array_equal(first.dist_km, again.dist_km)
  assert (first.dist_km != other.dist_km).any()
  # One gallery row in three is the truth; 4000 draws, so ± 0.015 is 2 sigma.
  assert abs((first.dist_km < 1).mean() - 1 / 3) < 0.03


def test_concatenation_keeps_rows_and_order():
  both = geolocation.concatenate([gallery(), table([[5, 5]], ['z'], 's')])
  assert both.photos.ids.tolist() == ['g0', 'g1', 'g2', 's0']
  assert both.features[3].tolist() == [5, 5]


def test_fingerprint_sees_every_kind_of_change():
  base = gallery().fingerprint()
  moved = table([[1, 0], [0.9, 0.1], [0, 1]], ['x', 'y', 'x'], 'g',
                latlng=[[1, 0], [2, 0], [3, 1e-9]])
  renamed = table([[1, 0], [0.9, 0.1], [0, 1]], ['x', 'y', 'x'], 'h')
  retouched = table([[1, 0], [0.9, 0.1], [0, 1.001]], ['x', 'y', 'x'], 'g')
  prints = {base, moved.fingerprint(), renamed.fingerprint(),
            retouched.fingerprint()}
  assert len(prints) == 4
  assert gallery().fingerprint() == base
