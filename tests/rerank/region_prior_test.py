"""The region prior: places to cells, photos to chances."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.rerank import region_prior
import pytest

RNG = np.random.default_rng(0)
SETTINGS = region_prior.Settings(cells=16, hidden=16, steps=200, batch=64,
                                 learning_rate=.02)


def _world(source, num):
  """Features that are the place and an offset of the source."""
  places = np.stack([RNG.uniform(-60, 60, num), RNG.uniform(-180, 180, num)],
                    -1)
  angles = np.deg2rad(places)
  raw = np.stack([np.sin(angles[:, 0]), np.cos(angles[:, 1]),
                  np.sin(angles[:, 1])], -1)
  return (raw + 5. * (source == 'street')).astype(np.float32), places


WORLD = {'photo': _world('photo', 300), 'street': _world('street', 900)}


def _fit(sources=types.SOURCES, settings=SETTINGS, seed=0):
  return region_prior.fit(
      {s: WORLD[s][0] for s in sources}, {s: WORLD[s][1] for s in sources},
      {s: np.arange(len(WORLD[s][0])) // 3 for s in sources}, settings, seed)


PRIOR = _fit()


def test_arrays_have_the_shapes_that_a_file_must_have():
  assert {name: array.shape for name, array in PRIOR.items()
          } == region_prior.shapes(16, 16, 3)
  assert {array.dtype for array in PRIOR.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize('source', types.SOURCES)
def test_the_cell_of_the_truth_is_the_likeliest(source):
  raw, places = _world(source, 200)
  every = np.broadcast_to(np.arange(16, dtype=np.int32), (200, 16))
  logs = region_prior.log_prior(PRIOR, source, raw, every)
  np.testing.assert_allclose(np.exp(logs).sum(axis=1), 1., rtol=1e-4)
  best = np.argsort(-logs, axis=1)[:, :3]
  truth = region_prior.cells(PRIOR, places)
  assert (best == truth[:, None]).any(axis=1).mean() > .9


def test_columns_are_the_log_prior_of_each_candidates_cell():
  raw, places = _world('photo', 5)
  near = np.broadcast_to(places, (5, 5, 2))
  columns = region_prior.columns(PRIOR, 'photo', raw, near)
  assert columns.shape == (5, 5, len(region_prior.COLUMNS))
  np.testing.assert_array_equal(columns[..., 0], region_prior.log_prior(
      PRIOR, 'photo', raw, region_prior.cells(PRIOR, near)))


def test_columns_do_not_depend_on_who_came_along():
  raw, places = _world('street', 150)
  near = np.broadcast_to(places[:4], (150, 4, 2))
  whole = region_prior.columns(PRIOR, 'street', raw, near)
  for size in (1, 7, 64, 150):
    parts = [region_prior.columns(PRIOR, 'street', raw[i:i + size],
                                  near[i:i + size])
             for i in range(0, 150, size)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_no_query_is_no_row():
  assert region_prior.columns(PRIOR, 'photo', np.zeros((0, 3), np.float32),
                              np.zeros((0, 6, 2))).shape == (0, 6, 1)


def test_sources_share_the_cells_however_unlike_their_counts():
  weights = [np.bincount(region_prior.cells(PRIOR, WORLD[s][1]), minlength=16)
             / len(WORLD[s][1]) for s in types.SOURCES]
  np.testing.assert_allclose(sum(weights) / 2, 1 / 16, rtol=.05)


@pytest.mark.parametrize('source', types.SOURCES)
def test_a_source_without_rows_is_read_as_the_other_one(source):
  alone = _fit([source])
  raw, places = _world(source, 5)
  near = np.broadcast_to(places, (5, 5, 2))
  first, second = (region_prior.columns(alone, s, raw, near)
                   for s in types.SOURCES)
  np.testing.assert_array_equal(first, second)


def test_the_same_seed_is_the_same_prior():
  again = _fit()
  assert all(PRIOR[name].tobytes() == again[name].tobytes() for name in again)


def test_no_rows_are_refused():
  with pytest.raises(ValueError, match='no rows to fit it on'):
    region_prior.fit({}, {}, {}, SETTINGS, 0)
