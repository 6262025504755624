"""How parameters move: rate, decay, what stays, and the running mean."""

import functools
import math

from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import optax
from pinpoint_jax.train import optimizer as optimizers
from pinpoint_jax.train import state as states
import pytest

from tests.fixtures import tiny_embedder as tiny


def test_schedule_by_hand():
  # Four steps of warm-up, then a half cosine from 2 to 0.1 · 2 over 96.
  rate = optimizers.schedule(optimizers.Settings(
      learning_rate=2., warmup=0.04, final_rate=0.1), 100)
  steps = {0: 0., 1: .5, 2: 1., 4: 2., 52: 1.1, 100: .2, 900: .2,
           28: .2 + 1.8 * (1 + math.cos(math.pi / 4)) / 2}
  for step, expected in steps.items():
    assert float(rate(step)) == pytest.approx(expected, rel=1e-5), step


@pytest.mark.parametrize('num_steps', [1, 2, 3])
def test_a_very_short_run_has_a_schedule(num_steps):
  rate = optimizers.schedule(optimizers.Settings(warmup=1.0), num_steps)
  assert np.isfinite([float(rate(i)) for i in range(5)]).all()


def parameters():
  """One of each kind, by the embedder's names."""
  names = ('trunk_0/up/kernel', 'trunk_0/up/bias', 'trunk_0/norm/scale',
           'trunk_0/norm/bias', 'trunk/layers/up/kernel',
           'trunk/layers/norm/bias', 'location_tower/in/kernel',
           'location_tower/fourier/bank_0', 'log_temperature_photo',
           'location_tower/capsule_0/bank', 'bias_photo')
  rng = np.random.default_rng(0)
  shapes = {'kernel': (3, 4), 'bank_0': (3, 2), 'bank': (2, 2)}
  shape = lambda name: (2,) * ('layers' in name) + shapes.get(
      name.split('/')[-1], ())
  return traverse_util.unflatten_dict({
      name: np.asarray(rng.normal(size=shape(name)), np.float32)
      for name in names}, sep='/')


@functools.cache
def stepper(name, frozen):
  """Two updates with one gradient; the first rate is 0, the second 0.1."""
  optimizer = optimizers.make(optimizers.Settings(
      name, learning_rate=.1, warmup=0., frozen=frozen), 100)
  def step(params, grad):
    opt_state = optimizer.init(params)
    for _ in range(2):
      grads = jax.tree.map(lambda x: jnp.full_like(x, grad), params)
      updates, opt_state = optimizer.update(grads, opt_state, params)
      params = optax.apply_updates(params, updates)
    return params
  return jax.jit(step)


def moved(name, grad, frozen=()):
  """Parameters before and after two updates, by path."""
  before = parameters()
  after = stepper(name, frozen)(before, grad)
  return tiny.flat(before), tiny.flat(after)


@pytest.mark.parametrize('name', optimizers.NAMES)
def test_weight_decay_shrinks_kernels_alone(name):
  # 5 % of the rate of 0.1.
  before, after = moved(name, 0.)
  for path in before:
    share = 0.995 if path.endswith('kernel') else 1.
    np.testing.assert_allclose(after[path], share * before[path], rtol=1e-6,
                               err_msg=path)


@pytest.mark.parametrize('name', optimizers.NAMES)
def test_every_optimizer_moves_everything(name):
  before, after = moved(name, 1.)
  for path in before:
    assert np.isfinite(after[path]).all(), path
    assert (after[path] != before[path]).any(), path


@pytest.mark.parametrize('name', optimizers.NAMES)
def test_what_is_frozen_stays_to_the_bit(name):
  before, after = moved(name, 1., frozen=('trunk', '^location_tower/'))
  for path in before:
    stays = path.startswith(('trunk', 'location_tower/'))
    assert (before[path] == after[path]).all() == stays, path


def test_muon_takes_a_stack_for_the_matrices_that_it_is():
  optimizer = optimizers.make(optimizers.Settings(
      'muon', learning_rate=.1, warmup=0.), 100)
  rng = np.random.default_rng(0)
  params, grads = (rng.normal(size=(3, 4, 8)).astype(np.float32)
                   for _ in range(2))
  def moved(params, grads):
    opt_state = optimizer.init(params)
    for _ in range(2):
      updates, opt_state = optimizer.update(grads, opt_state, params)
      params = optax.apply_updates(params, updates)
    return params
  stack = lambda x: {'trunk': {'layers': {'up': {'kernel': x}}}}
  apart = lambda x: {f'trunk_{i}': {'up': {'kernel': x[i]}} for i in range(3)}
  one, other = (jax.jit(moved)(tree(params), tree(grads))
                for tree in (stack, apart))
  for i in range(3):
    np.testing.assert_allclose(
        one['trunk']['layers']['up']['kernel'][i],
        other[f'trunk_{i}']['up']['kernel'], rtol=1e-4, atol=1e-6)


def test_clipping_comes_first_and_is_of_all_gradients_together():
  # Norm 5 is cut to 1; Adam's second moment after one step is 5 % of squares.
  optimizer = optimizers.make(optimizers.Settings(), 10)
  grads = {'a': jnp.asarray([3.]), 'b': jnp.asarray([4.])}
  _, opt_state = optimizer.update(grads, optimizer.init(grads), grads)
  squares = optax.tree_utils.tree_get(opt_state, 'nu')
  assert [squares['a'].item(), squares['b'].item()] == pytest.approx(
      [.05 * .36, .05 * .64])


def test_unknown_names_are_refused():
  with pytest.raises(ValueError, match=r"'sgd': choices are \('adamw', "):
    optimizers.make(optimizers.Settings('sgd'), 10)


def test_matching_by_path():
  tree = {'trunk': {'norm': 1, 'up': 2}, 'bias_photo': 3}
  assert optimizers.matching(['norm', '^bias'])(tree) == {
      'trunk': {'norm': True, 'up': False}, 'bias_photo': True}
  assert optimizers.matching([], negate=True)(tree) == {
      'trunk': {'norm': True, 'up': True}, 'bias_photo': True}


@pytest.mark.parametrize('step, decay', [
    (0, 1 / 10), (5, 6 / 15), (90, 91 / 100), (10**6, 0.999)])
def test_running_mean_by_hand(step, decay):
  # From 2 the parameter moves by -1 · 1 to 1; the mean was 5.
  sgd = optax.sgd(1.)
  params = {'kernel': jnp.asarray([2.])}
  state = states.TrainState(jnp.asarray(step), params,
                            {'kernel': jnp.asarray([5.])}, sgd.init(params), {})
  result = states.apply_gradients(
      state, {'kernel': jnp.asarray([1.])}, sgd, 0.999, {})
  assert result.params['kernel'].item() == 1 and result.step == step + 1
  assert result.ema['kernel'].item() == pytest.approx(
      decay * 5 + (1 - decay) * 1, rel=1e-6)


def test_the_mean_of_what_does_not_move_is_that_to_the_bit():
  params = {'kernel': jnp.asarray(np.random.default_rng(0).normal(size=1000),
                                  jnp.float32)}
  still = optax.set_to_zero()
  state = states.TrainState(jnp.asarray(3), params, params,
                            still.init(params), {})
  result = states.apply_gradients(state, params, still, 0.999, {})
  np.testing.assert_array_equal(result.ema['kernel'], params['kernel'])
