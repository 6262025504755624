"""Lists by similarity and region: a new order of the same candidates."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import shortlist as shortlists
from pinpoint_jax.rerank import region_lists, region_prior
import pytest

RNG = np.random.default_rng(0)
LISTED = types.Candidates(np.array([[7, 3, 9, -1]]),
                          np.array([[.9, .8, .7, -np.inf]], np.float32))
LOGS = np.array([[-5., -1., -1., 0.]], np.float32)


def test_the_order_is_by_similarity_and_log_prior_and_scores_stay():
  # .9 - .5, .8 - .1, .7 - .1.
  result = region_lists.reordered(LISTED, LOGS, .1)
  assert result.rows.tolist() == [[3, 9, 7, -1]]
  np.testing.assert_array_equal(result.scores[0, :3], np.float32([.8, .7, .9]))


def test_without_weight_and_among_equals_nothing_moves():
  same = region_lists.reordered(LISTED, LOGS, 0)
  np.testing.assert_array_equal(same.rows, LISTED.rows)
  equal = types.Candidates(LISTED.rows, np.float32([[.5, .5, .5, -np.inf]]))
  assert region_lists.reordered(equal, np.zeros((1, 4), np.float32),
                                1.).rows.tolist() == [[7, 3, 9, -1]]


def test_a_padded_slot_is_last_however_likely_its_cell():
  listed = types.Candidates(np.array([[4, -1]]),
                            np.array([[-1., -np.inf]], np.float32))
  logs = np.array([[-1e9, 0.]], np.float32)
  assert region_lists.reordered(listed, logs, 1.).rows.tolist() == [[4, -1]]


@pytest.mark.parametrize('weight', [-1., np.inf, np.nan])
def test_weights_that_mean_nothing_are_refused(weight):
  with pytest.raises(ValueError, match='of the region prior'):
    region_lists.reordered(LISTED, LOGS, weight)


def test_lists_are_longer_than_what_is_taken_of_them():
  assert region_lists.depths(shortlists.Sizes(image=8, location=2, raw=0)) == {
      'image': 64, 'location': 16}


def test_rows_near_the_truth_come_first_where_similarities_are_alike():
  places = np.stack([RNG.uniform(-60, 60, 400), RNG.uniform(-180, 180, 400)],
                    -1)
  angles = np.deg2rad(places)
  raw = np.stack([np.sin(angles[:, 0]), np.cos(angles[:, 1]),
                  np.sin(angles[:, 1])], -1).astype(np.float32)
  prior = region_prior.fit(
      {'photo': raw}, {'photo': places}, {'photo': np.arange(400)},
      region_prior.Settings(cells=8, hidden=8, steps=100, batch=64,
                            learning_rate=.02), 0)
  row_cells = region_prior.cells(prior, places)
  rows = np.stack([RNG.permutation(400)[:30] for _ in range(50)])
  listed = types.Candidates(rows, np.zeros((50, 30), np.float32))
  result = region_lists.preferred(prior, 'photo', raw[:50], {'raw': listed},
                                  places)['raw']
  right = lambda some: (row_cells[some[:, 0]] == row_cells[:50]).mean()
  assert right(result.rows) > right(rows) + .4
  assert np.array_equal(np.sort(result.rows), np.sort(rows))
