"""The prior: the kernel ridge's answer, one query at a time, in float32."""

import jax
import numpy as np
from pinpoint_jax.rerank import geo_prior
from pinpoint_jax.ridge import ridge as kernel_ridge
import pytest

RNG = np.random.default_rng(0)
RAW = RNG.normal(size=(60, 8)).astype(np.float32)
PLACES = np.stack([RNG.uniform(-80, 80, 60), RNG.uniform(-180, 180, 60)], -1)


@pytest.mark.parametrize('centres, anchors', [(60, 60), (20, 12), (100, 90)])
def test_columns_are_the_closed_forms_scores(centres, anchors):
  result = geo_prior.fit(RAW, PLACES, centres, anchors)
  model = kernel_ridge.fit(RAW, PLACES, kernel_ridge.Settings(
      'rbf', most_centres=centres, most_anchors=anchors))
  asked, near = RAW[:5] + .1, PLACES[:7]
  columns = geo_prior.columns(result, asked, np.broadcast_to(near, (5, 7, 2)))
  for i, km in enumerate(geo_prior.SCALES_KM):
    np.testing.assert_allclose(
        columns[..., i], kernel_ridge.scores(model, asked, near, float(km)),
        atol=2e-4)


def test_arrays_have_the_sizes_asked_for_even_of_few_rows():
  result = geo_prior.fit(RAW[:5], PLACES[:5], 9, 7)
  assert {
      name: array.shape for name, array in result.items()
  } == geo_prior.shapes(9, 7, 8)
  assert all(array.dtype == np.float32 for array in result.values())


def test_a_row_knows_its_own_place_best():
  result = geo_prior.fit(RAW, PLACES, 60, 60)
  columns = geo_prior.columns(result, RAW, np.broadcast_to(PLACES, (60, 60, 2)))
  assert (columns[..., 0].argmax(axis=1) == np.arange(60)).mean() > .95


def test_columns_do_not_depend_on_who_came_along():
  result = geo_prior.fit(RAW, PLACES, 30, 30)
  near = np.broadcast_to(PLACES[:4], (60, 4, 2))
  whole = geo_prior.columns(result, RAW, near)
  for size in (1, 7, 60):
    parts = [geo_prior.columns(result, RAW[i:i + size], near[i:i + size])
             for i in range(0, 60, size)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_no_query_is_no_row():
  result = geo_prior.fit(RAW, PLACES, 30, 30)
  assert geo_prior.columns(result, RAW[:0], np.zeros((0, 3, 2))).shape == (0, 3,
                                                                           4)


def test_far_places_underflow_to_zero_without_nan():
  result = geo_prior.fit(RAW[:2], np.array([[0., 0.], [0., 1.]]), 2, 2)
  columns = geo_prior.columns(result, RAW[:1],
                              np.array([[[0., 180.], [0., 0.]]]))
  assert np.isfinite(columns).all() and abs(columns[0, 0, 0]) < 1e-30
  assert jax.tree.all(jax.tree.map(lambda x: bool(np.isfinite(x).all()),
                                   result))


@pytest.mark.parametrize('changes', [{'centres': -1}, {'anchors': 0}])
def test_sizes_that_are_none_are_refused(changes):
  with pytest.raises(ValueError, match='centres is at least 0, anchors at'):
    geo_prior.Settings(**changes)
