"""What is solved goes into the state, and the first answers are it."""

import jax
import numpy as np
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.ridge import near_pairs
from pinpoint_jax.train import closed_form
from pinpoint_jax.train import embedder as training
from pinpoint_jax.train import optimizer as optimizers
import pytest

from tests.fixtures import tiny_embedder as tiny

LOCATION = tiny.frozen({**tiny.LOCATION, 'cells_km': (5000., 500.),
                        'num_slots': 64})
MODEL = tiny.model(sources=('photo', 'street'), linear=True,
                   location_options=LOCATION)
SETTINGS = closed_form.Settings(pairs=near_pairs.Settings(pair_km=2000.))


@pytest.fixture(scope='module')
def pictures():
  return {source: near_pairs.Pictures(
      batch['features'], batch['xyz'], np.arange(len(batch['xyz'])))
          for source, batch in tiny.batch(
              sources=MODEL.sources, rows=200).items()}


@pytest.fixture(scope='module')
def solved(pictures):
  return closed_form.solve(MODEL, pictures, SETTINGS)


@pytest.fixture(scope='module')
def began(solved):
  optimizer = optimizers.make(optimizers.Settings(), 10)
  mesh = meshes.make(1, 2)
  fresh = training.make_state(MODEL, dict.fromkeys(MODEL.sources, tiny.DIM),
                              optimizer, training.Objective(), 0, mesh)
  return fresh, closed_form.begin(fresh, solved)


def test_only_what_is_solved_changes_and_stays_where_it_lies(began, solved):
  fresh, result = (state.replace(opt_state=()) for state in began)
  for name, array in tiny.flat(result).items():
    short = name.partition('/')[2]
    if short in solved:
      np.testing.assert_array_equal(array, solved[short])
    else:
      np.testing.assert_array_equal(array, tiny.flat(fresh)[name])
  assert sorted(solved) == [
      'linear_photo/bias', 'linear_photo/kernel', 'linear_street/bias',
      'linear_street/kernel', 'location_tower/cells/mean',
      'location_tower/cells/owner']
  jax.tree.map(lambda x, y: x.sharding == y.sharding or pytest.fail(), fresh,
               result)


def test_the_first_answers_are_the_solved_ones(began, solved, pictures):
  params = jax.device_get(began[1].params)
  features = pictures['street'].features
  z = jax.jit(lambda x: MODEL.apply(
      {'params': params}, {'street': x}, method='images')['street'])(features)
  linear = features.astype(np.float32) @ solved['linear_street/kernel']
  linear += solved['linear_street/bias']
  np.testing.assert_allclose(
      z, linear / np.linalg.norm(linear, axis=1, keepdims=True), atol=1e-5)
  places = jax.jit(lambda x: MODEL.apply(
      {'params': params}, x, method='locations'))(pictures['street'].xyz)
  # A picture is nearer to its place than to others'.
  own = np.sum(np.asarray(z) * np.asarray(places), axis=1).mean()
  assert own > np.mean(np.asarray(z) @ np.asarray(places).T) + .3


def test_what_a_model_does_not_have_is_not_solved(pictures):
  plain = tiny.model(sources=('photo', 'street'))
  assert not closed_form.needed(plain) and closed_form.needed(MODEL)
  without = MODEL.clone(location_options=tiny.LOCATION)
  assert not any('cells' in name for name in closed_form.solve(
      without, pictures, SETTINGS))


def test_another_size_is_refused(began):
  with pytest.raises(ValueError, match=r'linear_photo/bias: solved \(3,\)'):
    closed_form.begin(began[0], {'linear_photo/bias': np.zeros(3)})
