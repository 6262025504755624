"""Systems answer from the gallery they are given, under the filter asked."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.evals import geolocation
import pytest


def table(authors, prefix, latlng=None):
  rows = len(authors)
  places = (np.stack([np.arange(rows) + 1.0, np.zeros(rows)], 1)
            if latlng is None else np.asarray(latlng, np.float64))
  return types.Photos(
      np.asarray([f'{prefix}{i}' for i in range(rows)]), places,
      np.asarray(authors), np.full(rows, '', np.str_), 'photo')


GALLERY = table(['x', 'y', 'x'], 'g')


def test_answers_are_the_places_of_their_rows():
  answers = geolocation.answers(
      table(['x', ''], 'q'), GALLERY, np.asarray([2, 0]))
  assert answers.latlng_deg[:, 0].tolist() == [3, 1]
  assert answers.ids.tolist() == ['q0', 'q1']


def test_same_origin_is_the_author_and_nobody_else():
  excluded = geolocation.same_origin(table(['x', ''], 'q'), GALLERY)
  assert excluded.of(0).tolist() == [0, 2] and not len(excluded.of(1))


def test_a_query_that_is_itself_in_the_gallery_is_of_its_origin():
  photos = table(['', ''], 'same')
  excluded = geolocation.same_origin(photos, photos)
  assert [excluded.of(i).tolist() for i in range(2)] == [[0], [1]]


def test_nothing_left_to_answer_with_is_refused_by_name():
  with pytest.raises(ValueError, match="query 'q0': no gallery row is left"):
    geolocation.answers(table(['x'], 'q'), GALLERY, np.asarray([-1]))


def test_errors_by_hand():
  queries = table(['x'], 'q', latlng=[[2.0, 0.0]])
  answers = geolocation.answers(queries, GALLERY, np.asarray([0]))
  errors = geolocation.errors(answers, queries)
  # One degree of a great circle of radius 6371.0088 km.
  assert errors.dist_km[0] == pytest.approx(np.pi / 180 * 6371.0088)
  assert errors.clusters.tolist() == ['a:x']


def test_errors_refuse_another_order():
  queries = table(['', ''], 'q')
  answers = types.Predictions(queries.ids[::-1], queries.latlng_deg)
  with pytest.raises(ValueError, match='different ids'):
    geolocation.errors(answers, queries)


def test_chance_is_seeded_and_averages_over_the_gallery():
  queries = table([''] * 200, 'q', latlng=[[1.0, 0.0]] * 200)
  first, again, other = (
      geolocation.chance_errors(queries, GALLERY, seed=seed)
      for seed in (0, 0, 1))
  np.testing.assert_array_equal(first.dist_km, again.dist_km)
  assert (first.dist_km != other.dist_km).any()
  # One gallery row in three is the truth; 4000 draws, so ± 0.015 is 2 sigma.
  assert abs((first.dist_km < 1).mean() - 1 / 3) < 0.03
