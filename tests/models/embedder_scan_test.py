"""The towers as loops, and of all sources at once: the same functions."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.models import embedder_files, layers
from pinpoint_jax.parallel import mesh as meshes
import pytest

from tests.fixtures import tiny_embedder as tiny

BOTH = ('photo', 'street')
DEEP = dict(sources=BOTH, trunk_depth=3, adapter_depth=3,
            location_options=tiny.frozen(dict(tiny.LOCATION) | {'depth': 2}))


def towers(model, params, batch):
  """Embeddings of images and of places, by source."""
  return model.apply({'params': params},
                     {s: x['features'] for s, x in batch.items()},
                     {s: x['xyz'] for s, x in batch.items()})


def value_and_grad(model):
  """Of a number that hangs on every embedding."""
  def total(params, batch):
    z = towers(model, params, batch)
    return sum((leaf * jnp.arange(8.)[None]).sum() for leaf in
               jax.tree.leaves(z))
  return jax.jit(jax.value_and_grad(total))


@pytest.mark.slow
def test_a_loop_is_its_twin_in_value_and_gradient():
  batch = tiny.batch(sources=BOTH)
  params = tiny.first_params(scan=True, **DEEP)
  one, grads = value_and_grad(tiny.model(scan=True, **DEEP))(params, batch)
  other, expected = value_and_grad(tiny.model(**DEEP))(
      layers.unstacked(params), batch)
  # The same products and sums, in two programs: float32 rounding remains.
  assert float(one) == pytest.approx(float(other), rel=1e-5)
  grads, expected = map(tiny.flat, (layers.unstacked(grads), expected))
  assert grads.keys() == expected.keys()
  for name in grads:
    np.testing.assert_allclose(grads[name], expected[name], rtol=1e-4,
                               atol=1e-4, err_msg=name)


@pytest.mark.slow
def test_a_loop_unrolled_is_the_loop():
  batch = tiny.batch(sources=BOTH)
  params = tiny.first_params(scan=True, **DEEP)
  one, grads = value_and_grad(tiny.model(scan=True, **DEEP))(params, batch)
  other, unrolled = value_and_grad(
      tiny.model(scan=True, unroll=True, **DEEP))(params, batch)
  assert float(one) == pytest.approx(float(other), rel=1e-5)
  jax.tree.map(lambda a, b: np.testing.assert_allclose(
      a, b, rtol=1e-4, atol=1e-4), grads, unrolled)
  text = lambda unroll: str(jax.make_jaxpr(functools.partial(
      towers, tiny.model(scan=True, unroll=unroll, **DEEP)))(params, batch))
  assert 'unroll=1' in text(False) and 'unroll=1' not in text(True)


def test_stacks_have_a_first_axis_and_towers_of_one_have_none():
  flat = tiny.flat(tiny.first_params(scan=True, **DEEP))
  assert flat['trunk/layers/up/kernel'].shape == (3, 16, 32)
  assert flat['adapter_street/block/layers/norm/scale'].shape == (2, 16)
  assert flat['location_tower/block/layers/down/bias'].shape == (2, 16)
  assert tiny.flat(tiny.first_params(scan=True)).keys() == tiny.flat(
      tiny.first_params()).keys()


def test_each_layer_of_a_stack_begins_as_one_alone():
  mlps = layers.ResidualMlps(4, 4, 0.)
  made = mlps.init(jax.random.key(0), jnp.zeros((1, 64)), True)['params']
  up = made['layers']['up']['kernel']
  # Variance 1 / 64; 16,384 draws of a cut normal tell a deviation to 1 %.
  np.testing.assert_allclose(up.std(axis=(1, 2)), 1 / 8, rtol=.03)
  np.testing.assert_allclose(np.corrcoef(up.reshape(4, -1)), np.eye(4),
                             atol=.03)


def test_each_layer_of_a_stack_drops_other_numbers():
  # Without norms and with these weights a layer adds 4 to what both of its
  # dropouts keep: 0, 4 or, kept in both layers, 8.
  mlps = layers.ResidualMlps(2, 1, .5)
  eye = jnp.stack([jnp.eye(64)] * 2)
  nothing = jnp.zeros((2, 64))
  params = {'layers': {
      'norm': {'scale': nothing, 'bias': nothing},
      'up': {'kernel': 0 * eye, 'bias': nothing + 10.},
      'down': {'kernel': eye / 10, 'bias': nothing}}}
  added = mlps.apply({'params': params}, jnp.zeros((64, 64)), False,
                     rngs={'dropout': jax.random.key(0)})
  np.testing.assert_allclose(np.unique(np.round(added, 3)), [0, 4, 8])


def test_a_stack_is_saved_layer_by_layer(tmp_path):
  params = tiny.first_params(scan=True, **DEEP)
  inputs = {source: {'dim': tiny.DIM} for source in BOTH}
  prints = [embedder_files.save(tmp_path / name, tiny.model(**fields), given,
                                inputs, '# A card\n')
            for name, fields, given in (
                ('stacked', DEEP | {'scan': True}, params),
                ('plain', DEEP, layers.unstacked(params)))]
  assert prints[0] == prints[1]
  loaded = embedder_files.load(tmp_path / 'stacked')
  assert not loaded.model.scan
  np.testing.assert_array_equal(
      loaded.params['trunk_2']['down']['kernel'],
      params['trunk']['layers']['down']['kernel'][2])


@pytest.fixture(scope='module')
def together():
  model = tiny.model(sources=BOTH)
  return jax.jit(functools.partial(towers, model))


@pytest.mark.parametrize('num_street', [tiny.ROWS, 5])
def test_sources_together_are_sources_alone(together, num_street):
  params = tiny.first_params(sources=BOTH)
  batch = tiny.batch(sources=BOTH)
  batch['street'] = jax.tree.map(lambda x: x[:num_street], batch['street'])
  found = together(params, batch)
  for source in BOTH:
    alone = together(params, {source: batch[source]})
    for kind in (0, 1):
      # Unit vectors of 8 numbers: a few last bits of float32.
      np.testing.assert_allclose(found[kind][source], alone[kind][source],
                                 atol=1e-6)


def test_sources_together_stay_on_their_devices():
  model = tiny.model(sources=BOTH)
  mesh = meshes.make(8)
  step = jax.jit(functools.partial(towers, model), in_shardings=(
      meshes.whole(mesh), meshes.split(mesh)), out_shardings=meshes.split(mesh))
  text = step.lower(tiny.first_params(sources=BOTH),
                    tiny.batch(sources=BOTH)).compile().as_text()
  for collective in ('all-gather', 'all-to-all', 'collective-permute',
                     'all-reduce'):
    assert collective not in text
