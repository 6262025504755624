"""The rerankers' step: begins as the fusion, learns, moves only what it may."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.parallel import arrays, rules
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.rerank import scoring
from pinpoint_jax.train import optimizer as optimizers
from pinpoint_jax.train import reranker as training
from pinpoint_jax.train import state as states
import pytest

from tests.fixtures import tiny_ranking as tiny

# Of the channels, then of one column that says nothing of the distance.
WEIGHTS, STEPS, BATCH, K = (3., 2., 1., .5), 40, 16, 6
KINDS = ('attention', 'interaction', 'light')


def batch(kind, seed=0):
  """Lists in which the nearest candidate shows in what the network reads."""
  rng = np.random.default_rng(seed)
  example = scoring.example(tiny.model(kind), tiny.DIMS)
  draw = lambda leaf: rng.normal(size=(BATCH, *(
      (K,) * (leaf.ndim > 2) + leaf.shape[1 + (leaf.ndim > 2):]))).astype(
          np.float32)
  result = jax.tree.map(draw, example)
  valid = np.arange(K)[None] < rng.integers(2, K + 1, BATCH)[:, None]
  dist_km = np.where(valid, rng.uniform(1, 3000, (BATCH, K)), np.inf)
  hint = -np.log(np.where(valid, dist_km, 1.))
  if kind == 'light':
    result.features[..., 0] = hint
  else:
    result = result._replace(inputs=result.inputs._replace(valid=valid))
    result.inputs.meta[..., 0] = hint
  return {'batch': result._replace(
      valid=valid, similarities=.1 * np.abs(result.similarities),
      columns=.1 * rng.normal(size=(BATCH, K, 1)).astype(np.float32)),
          'dist_km': dist_km.astype(np.float32)}


def norms(kind):
  name, width = (('features_norm', 19) if kind == 'light'
                 else ('meta_norm', 13))
  return {name: {'mean': np.full(width, .5, np.float32),
                 'std': np.full(width, 2., np.float32)}}


@functools.cache
def run(kind, mesh_shape=(1, 1), loss='expected_reward'):
  """State before, metrics of each step, state after."""
  mesh = meshes.make(*mesh_shape)
  module = tiny.model(kind)
  method = optimizers.make(optimizers.Settings(
      learning_rate=2e-2, no_decay=('norm', 'bias', 'kinds', 'support_none')),
                           STEPS)
  now = training.make_state(module, tiny.DIMS, norms(kind), method, 0, mesh)
  before = jax.device_get(now)
  step = training.make_step(module, method, training.Objective(loss=loss), 0,
                            mesh, now)
  weights = scoring.tile_weights(WEIGHTS, BATCH)
  metrics = []
  for i in range(STEPS):
    now, result = step(now, arrays.put_batch(
        batch(kind, i) | {'weights': weights}, mesh))
    metrics.append({name: float(value) for name, value in result.items()})
  return before, metrics, jax.device_get(now)


@pytest.mark.slow
@pytest.mark.parametrize('kind', KINDS)
def test_training_begins_as_the_linear_part(kind):
  before, _, _ = run(kind)
  given = batch(kind)['batch']
  weights = scoring.tile_weights(WEIGHTS, BATCH)
  result = jax.jit(functools.partial(scoring.scores, tiny.model(kind)))(
      before.params, given, weights)
  terms = np.concatenate([given.similarities, given.columns], axis=-1)
  expected = np.where(given.valid, terms @ np.float32(WEIGHTS), -np.inf)
  np.testing.assert_allclose(result, expected, rtol=1e-5)
  linear, network = jax.jit(functools.partial(
      scoring.parts, tiny.model(kind)))(before.params, given, weights)
  np.testing.assert_array_equal(linear, result)
  np.testing.assert_array_equal(network, np.where(given.valid, 0., -np.inf))


@pytest.mark.slow
@pytest.mark.parametrize('kind, loss', [
    ('attention', 'expected_reward'), ('interaction', 'expected_reward'),
    ('light', 'expected_reward'),
    ('light', 'pairwise_margin')])
def test_it_learns_what_the_network_can_see(kind, loss):
  _, metrics, _ = run(kind, loss=loss)
  first, last = (np.mean([m['loss'] for m in part])
                 for part in (metrics[:5], metrics[-5:]))
  assert last < .8 * first


@pytest.mark.slow
@pytest.mark.parametrize('kind', KINDS)
def test_norms_are_as_fitted_to_the_last(kind):
  _, _, after = run(kind)
  for tree in (after.params, after.ema):
    for name, norm in norms(kind).items():
      for column, value in norm.items():
        np.testing.assert_array_equal(tree[name][column], value)


def test_devices_make_no_difference():
  _, one, _ = run('light')
  _, eight, _ = run('light', (4, 2))
  for a, b in zip(one[:10], eight[:10]):
    np.testing.assert_allclose([*a.values()], [*b.values()], rtol=2e-5)


def test_shardings(golden):
  mesh, result = meshes.make(1, 2), {}
  for kind in KINDS:
    shapes = jax.eval_shape(
        lambda key, kind=kind: scoring.init(
            tiny.model(kind, **({
                'strict_independent': False, 'products': True}
                if kind == 'attention' else {})), tiny.DIMS, key),
        jax.random.key(0))
    result[kind] = rules.describe(shapes, states.SHARDING_RULES, mesh)
  golden('reranker_shardings.json', json.dumps(result, indent=1) + '\n')


@pytest.mark.parametrize('changes, words', [
    ({'loss': 'hinge'}, "'hinge': choices are"), ({'ema': 1.}, 'ema=1.0')])
def test_objectives_that_are_none_are_refused(changes, words):
  with pytest.raises(ValueError, match=words):
    training.Objective(**changes)


def test_padding_costs_nothing():
  given = batch('light')
  cost = training.Objective().cost(
      jnp.zeros((BATCH, K)), jnp.asarray(given['dist_km']),
      jnp.asarray(given['batch'].valid))
  assert np.isfinite(float(cost))
