"""Training of the region head: what it wants, what it may see, when it ends."""

import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.models import region_head
from pinpoint_jax.rerank import region_training
import pytest

SETTINGS = region_training.Settings(cells=4, hidden=8, steps=100, batch=64,
                                    learning_rate=.03)
IDENTITY = np.eye(4, dtype=np.float32)


def _rows(num=400, held_out=.1, seed=0):
  """Of cell i, in both sources, around the corner i of a square."""
  rng = np.random.default_rng(seed)
  cell = rng.integers(0, 4, num).astype(np.int32)
  corners = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
  raw = corners[cell] + .2 * rng.normal(size=(num, 2))
  return region_training.Rows(
      raw.astype(np.float32), (np.arange(num) % 2).astype(np.int32), cell,
      rng.random(num) < held_out)


def _right(params, rows):
  logits = region_head.logits(params, jnp.asarray(rows.raw),
                              jnp.asarray(rows.source))
  return (np.asarray(logits).argmax(axis=1) == rows.cell).mean()


def test_it_learns_which_cell_a_row_is_in():
  params = region_training.train(_rows(), IDENTITY, SETTINGS, 0)
  assert _right(params, _rows(seed=1)) > .98
  assert {name: array.shape for name, array in params.items()
          } == region_head.shapes(2, 8, 4)


def test_the_same_seed_is_the_same_prior_and_another_is_not():
  first, second, other = (region_training.train(_rows(), IDENTITY, SETTINGS, s)
                          for s in (3, 3, 4))
  assert all(first[name].tobytes() == second[name].tobytes() for name in first)
  assert np.abs(first['outer'] - other['outer']).max() > 0


def test_held_out_rows_are_not_learned_from():
  rows = _rows()
  wrong = region_training.Rows(
      np.where(rows.held_out[:, None], 100., rows.raw).astype(np.float32),
      rows.source, rows.cell, rows.held_out)
  one_look = region_training.Settings(cells=4, hidden=8, steps=50, batch=64)
  first, second = (region_training.train(some, IDENTITY, one_look, 0)
                   for some in (rows, wrong))
  # Only judged by them: after one look there is nothing to choose from.
  assert all(first[name].tobytes() == second[name].tobytes() for name in first)


def test_training_ends_where_held_out_rows_say_so():
  rows = _rows()
  # Cells at random: each look is worse than the one before.
  lost = region_training.Rows(
      rows.raw, rows.source, np.random.default_rng(5).integers(
          0, 4, len(rows.cell)).astype(np.int32), rows.held_out)
  looks = []
  with pytest.MonkeyPatch.context() as patch:
    steps = region_training._steps
    patch.setattr(region_training, '_steps',
                  lambda *args: looks.append(1) or steps(*args))
    region_training.train(lost, IDENTITY, region_training.Settings(
        cells=4, hidden=64, steps=5000, batch=64, learning_rate=.1), 0)
  assert len(looks) < 10


def test_held_out_origins_are_whole_and_a_tenth():
  origins = np.repeat([f'author{i}' for i in range(100)], 3)
  late = region_training.held_out(origins, 0)
  assert late.sum() == 30
  assert set(late.reshape(100, 3).sum(axis=1)) == {0, 3}
  assert not region_training.held_out(origins[:9], 0).any()


def test_wishes_fall_with_the_distance_of_cells():
  # A degree of latitude is 111.195 km.
  places = np.array([[0., 0.], [1., 0.], [1., 0.]])
  wanted = region_training.targets(places, np.ones(3), np.array([0, 1, 1]), 4,
                                   100.)
  far = np.exp(-1.11195)
  np.testing.assert_allclose(
      wanted[:2, :2], np.array([[1, far], [far, 1]]) / (1 + far), rtol=1e-4)
  # Nobody is in the others.
  np.testing.assert_array_equal(wanted[2:], np.eye(4)[2:])
  np.testing.assert_array_equal(wanted[:2, 2:], np.zeros((2, 2)))


def test_a_source_is_drawn_by_the_root_of_its_rows():
  source = np.repeat(np.array([0, 1], np.int32), [100, 900])
  rows = region_training.Rows(np.zeros((1000, 1), np.float32), source,
                              np.zeros(1000, np.int32), np.zeros(1000, bool))
  chance = region_training._chances(rows)
  np.testing.assert_allclose(chance[:100].sum(), .25)
  np.testing.assert_allclose(chance.sum(), 1.)


@pytest.mark.parametrize('wrong', [
    {'steps': 0}, {'hidden': 0}, {'batch': 0}, {'smooth_km': 0.},
    {'learning_rate': -1.}])
def test_sizes_that_mean_nothing_are_refused(wrong):
  with pytest.raises(ValueError, match='all must be above 0'):
    region_training.Settings(cells=4, **wrong)


def test_cells_that_are_no_power_of_two_are_refused():
  with pytest.raises(ValueError, match='cells=1000: must be a power of two'):
    region_training.Settings(cells=1000)


def test_gradients_reach_every_array():
  rows = _rows()
  params = region_head.first_params(2, 8, np.full((2, 4), .25), 0)
  grads = jax.grad(region_training._loss)(
      params, *map(jnp.asarray, (rows.raw, rows.source, rows.cell)),
      jnp.asarray(IDENTITY))
  assert all(float(jnp.abs(grad).max()) > 0 for grad in grads.values())
