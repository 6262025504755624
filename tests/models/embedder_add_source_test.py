"""A source joins a trained embedder: nothing else changes, then or later."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from pinpoint_jax.models import embedder
from pinpoint_jax.train import optimizer as optimizers
import pytest

from tests.fixtures import tiny_embedder as tiny

NEW = {'adapter_street', 'log_temperature_street', 'bias_street'}
DIM = 5


@pytest.fixture(scope='module')
def grown():
  return embedder.add_source(
      tiny.model(), tiny.first_params(), 'street', DIM,
      jax.random.key(7))


def test_only_the_new_sources_parameters_are_new(grown):
  model, params = grown
  before = tiny.first_params()
  assert model.sources == ('photo', 'street')
  assert set(params) - set(before) == NEW
  for name, array in tiny.flat(before).items():
    np.testing.assert_array_equal(tiny.flat(params)[name], array)
  assert params['adapter_street']['in']['kernel'].shape == (DIM, 16)
  assert float(params['bias_street']) == -10
  assert float(jnp.exp(params['log_temperature_street'])) == pytest.approx(10)


def test_the_old_source_answers_as_before(grown):
  model, params = grown
  x = {'photo': jnp.asarray(tiny.batch()['photo']['features'])}
  old, new = (
      jax.jit(lambda params, m=m: m.apply({'params': params}, x,
                                          method='images'))(params)
      for m, params in ((tiny.model(), tiny.first_params()),
                        (model, params)))
  np.testing.assert_array_equal(new['photo'], old['photo'])


def test_the_new_one_trains_while_all_else_stays_to_the_bit(grown):
  model, params = grown
  optimizer = optimizers.make(optimizers.Settings(
      learning_rate=.1, warmup=0., frozen=(
          '^adapter_photo', '_photo$', '^trunk', '^out', '^location')), 10)
  x = {'street': jax.random.normal(jax.random.key(1), (4, DIM))}
  @jax.jit
  def step(params, opt_state):
    loss = lambda params: (
        model.apply({'params': params}, x, method='images')['street'].sum()
        + sum(jax.tree.leaves(model.apply({'params': params},
                                          method='scales')['street'])))
    updates, opt_state = optimizer.update(
        jax.grad(loss)(params), opt_state, params)
    return optax.apply_updates(params, updates), opt_state
  after, opt_state = params, optimizer.init(params)
  for _ in range(3):
    after, opt_state = step(after, opt_state)
  before, after = map(tiny.flat, (params, after))
  for name in before:
    new = name.split('/')[0] in NEW
    assert (before[name] != after[name]).any() == new, name


def test_a_source_it_has_is_refused():
  with pytest.raises(ValueError, match=r"'photo': this embedder has it already"
                     r", it knows \['photo'\]"):
    embedder.add_source(tiny.model(), tiny.first_params(),
                        'photo', DIM, jax.random.key(0))
