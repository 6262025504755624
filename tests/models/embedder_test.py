"""The two towers: their sizes, their precision, what dropout does."""

from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.geo import coords
from pinpoint_jax.models import (
  embedder,
  embedder_files,
  layers,
  location_encoder,
)
import pytest

from tests.fixtures import tiny_embedder as tiny


def count(model):
  """Numbers in the parameters, by first part of their path."""
  shapes = embedder_files.param_shapes(
      model, {source: {'dim': 1536} for source in model.sources})
  result = {}
  for name, shape in shapes.items():
    top = name.split('/')[0]
    result[top] = result.get(top, 0) + int(np.prod(shape))
  return result


def residual_mlp(width, expansion):
  hidden = width * expansion
  return 2 * width + width * hidden + hidden + hidden * width + width


def test_sizes_by_hand():
  result = count(embedder.Embedder())
  location = result.pop('location_tower')
  adapter = 2 * 1536 + 1536 * 1024 + 1024 + residual_mlp(1024, 4)
  head = 2 * 1024 + 1024 * 256 + 256
  assert result['adapter_photo'] == result['adapter_street'] == adapter
  assert result['trunk_0'] == residual_mlp(1024, 4) == 8_395_776
  assert result['out'] == head
  # 3·128 numbers a bank, six banks, a sine and cosine each, and xyz.
  waves = 6 * 3 * 128 + (2 * 6 * 128 + 3) * 1024 + 1024
  assert location == waves + 4 * residual_mlp(1024, 2) + head
  # As in the write-up: 70.6 and 18.6 million.
  assert [round(sum(result.values()) / 1e6, 1), round(location / 1e6, 1)] == [
      70.6, 18.6]


def xyz_of(*latlng_deg):
  return coords.to_xyz(np.asarray(latlng_deg, np.float64)).astype(np.float32)


@pytest.mark.parametrize('dtype', [jnp.float32, jnp.bfloat16])
def test_both_towers_give_float32_unit_vectors(dtype):
  batch = jax.tree.map(jnp.asarray, tiny.batch()['photo'])
  result = jax.jit(tiny.model(dtype=dtype).apply)(
      {'params': tiny.first_params()},
      {'photo': batch['features']}, {'photo': batch['xyz']})
  for z in (result[0]['photo'], result[1]['photo']):
    assert z.dtype == jnp.float32 and z.shape == (tiny.ROWS, 8)
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, rtol=1e-6)


def test_unit_by_hand_and_of_nothing():
  np.testing.assert_allclose(
      layers.unit(jnp.asarray([3., 4.])), [.6, .8], rtol=1e-6)
  grad = jax.grad(lambda x: layers.unit(x).sum())(jnp.zeros(2))
  assert np.isfinite(grad).all()
  np.testing.assert_array_equal(layers.unit(jnp.zeros(2)), [0, 0])


def sines(jaxpr):
  """dtypes that sin and cos are taken of, in a jaxpr and all within it."""
  for equation in jaxpr.eqns:
    if equation.primitive.name in ('sin', 'cos'):
      yield equation.invars[0].aval.dtype
    for value in equation.params.values():
      if hasattr(value, 'jaxpr'):
        yield from sines(value.jaxpr)


def test_bfloat16_never_reaches_the_sines():
  tower = location_encoder.LocationEncoder(
      dim=8, hidden=16, depth=1, num_waves=16, dtype=jnp.bfloat16)
  xyz = jnp.asarray(xyz_of([48.2, 16.4], [48.2009, 16.4], [48.2, 16.4]))
  params = jax.jit(tower.init)(jax.random.key(0), xyz)
  jaxpr = jax.make_jaxpr(tower.apply)(params, xyz)
  assert set(sines(jaxpr.jaxpr)) == {np.dtype('float32')}
  assert 'bf16' in str(jaxpr)
  z = np.asarray(jax.jit(tower.apply)(params, xyz))
  # 100 m apart, which bfloat16 coordinates (to 15 km or so) cannot tell.
  assert 1e-3 < np.abs(z[0] - z[1]).max() < 1
  np.testing.assert_array_equal(z[0], z[2])


def test_waves_by_hand():
  banks = location_encoder.FourierBanks((1., 4.), 1)
  params = {'bank_0': jnp.asarray([[.25], [0.], [0.]]),
            'bank_1': jnp.asarray([[0.], [0.], [.5]])}
  result = banks.apply({'params': params}, jnp.asarray([[1., 0., 1.]]))
  # A quarter and a half turn: sines 1 and 0, cosines 0 and -1, then xyz.
  np.testing.assert_allclose(
      result, [[1, 0, 0, -1, 1, 0, 1]], atol=1e-6)


def test_banks_begin_at_their_scales():
  banks = location_encoder.FourierBanks((1., 32., 1024.), 128)
  params = banks.init(jax.random.key(0), jnp.zeros((1, 3)))['params']
  stds = [float(jnp.std(params[f'bank_{i}'])) for i in range(3)]
  # 384 draws tell a standard deviation to 4 %.
  np.testing.assert_allclose(stds, [1, 32, 1024], rtol=.15)


@pytest.mark.parametrize('rate', [0.1, 0.5, 0.9])
def test_dropout_has_its_rate_and_keeps_the_mean(rate):
  x = jnp.ones((100, 1000))
  result = layers.Dropout(rate).apply(
      {}, x, False, rngs={'dropout': jax.random.key(0)})
  # A byte knows rates to 1/512; 1e5 draws to 0.0016.
  assert float((result == 0).mean()) == pytest.approx(rate, abs=.008)
  assert float(result.mean()) == pytest.approx(1, abs=.02)
  assert len(np.unique(result)) == 2


@pytest.mark.parametrize('rate, deterministic', [
    (0.5, True), (0.0, False), (0.001, False)])
def test_no_dropout(rate, deterministic):
  x = jnp.ones((4, 8))
  np.testing.assert_array_equal(layers.Dropout(rate).apply(
      {}, x, deterministic, rngs={'dropout': jax.random.key(0)}), x)


@pytest.mark.parametrize('rate', [-0.1, 1.0])
def test_dropout_of_all_is_refused(rate):
  with pytest.raises(ValueError, match='must be at least 0 and below 1'):
    layers.Dropout(rate).apply({}, jnp.ones(3), False)


def test_the_image_tower_drops_out_in_training_alone():
  model = tiny.model(dropout=.5)
  variables = {'params': tiny.first_params()}
  x = {'photo': jnp.asarray(tiny.batch()['photo']['features'])}
  run = jax.jit(lambda key: model.apply(
      variables, x, False, method='images', rngs={'dropout': key})['photo'])
  still, same = (one.apply(variables, x, method='images')['photo']
                 for one in (model, tiny.model()))
  np.testing.assert_array_equal(still, same)
  one, other = run(jax.random.key(1)), run(jax.random.key(2))
  assert (one != other).any() and (one != still).any()
  np.testing.assert_array_equal(one, run(jax.random.key(1)))


def test_sources_share_all_but_their_adapter_and_scale():
  model = tiny.model(sources=('photo', 'street'))
  params = tiny.first_params(sources=('photo', 'street'))
  x = jnp.asarray(tiny.batch()['photo']['features'])
  images = jax.jit(lambda params: model.apply(
      {'params': params}, {'photo': x, 'street': x}, method='images'))
  result = images(params)
  assert (result['photo'] != result['street']).any()
  params = params | {'adapter_street': params['adapter_photo']}
  result = images(params)
  np.testing.assert_array_equal(result['photo'], result['street'])
  scales = model.apply({'params': params}, method='scales')
  assert scales['street']['temperature'].item() == pytest.approx(10)
  assert scales['photo']['bias'].item() == -10


@pytest.mark.slow
def test_geoclips_tower_trains_and_its_banks_stay():
  fields = {'location': 'geoclip', 'location_options': tiny.frozen(
      sigmas=(16.,), num_features=4, width=8, depth=1)}
  result, _ = tiny.run(
      2, settings={'weight_decay': 0.5}, **fields)
  before = tiny.flat(tiny.first_params(**fields))
  for tree in (result[-1][0].params, result[-1][0].ema):
    for name, after in tiny.flat(tree).items():
      assert (after == before[name]).all() == name.endswith('/bank'), name
  assert sum(name.endswith('/bank') for name in before) == 1


def test_unknown_choices_are_refused():
  params = {'params': tiny.first_params()}
  with pytest.raises(ValueError, match=r"source 'drone': this embedder knows "
                     r"\['photo'\]"):
    tiny.model().apply(params, {'drone': jnp.zeros((1, 6))},
                       method='images')
  with pytest.raises(ValueError, match=r"'s2': choices are \('fourier', 'geo"):
    tiny.model(location='s2').apply(
        params, jnp.zeros((1, 3)), method='locations')


def test_names_of_parameters():
  names = traverse_util.flatten_dict(tiny.first_params(), sep='/')
  assert sorted({name.split('/')[0] for name in names}) == [
      'adapter_photo', 'bias_photo', 'location_tower', 'log_temperature_photo',
      'out', 'trunk_0']
