"""The ViT's sizes, its twins (unscanned, remat, bf16) and its refusals."""

import functools

from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.models import transformer
from pinpoint_jax.pretrained import params as pretrained_params
from pinpoint_jax.pretrained import vit_sizes
import pytest

# Between them every part; CLIP stands in pretrained_parity_test.py.
TINY = ('siglip2-tiny8-32', 'dinov2-gated-tiny8-32')
# Compiling costs more than running here.
quick_jit = functools.partial(
    jax.jit, compiler_options={'xla_backend_optimization_level': 0})


def pixels(model, batch=2):
  rng = np.random.default_rng(0)
  return jnp.asarray(
      rng.uniform(-1, 1, (batch, *model.image_size, 3)), jnp.float32)


def seeded_params(model):
  """No parameter at 0 or 1, so that each of them counts."""
  rng = np.random.default_rng(1)
  flat = {name: 0.1 * rng.normal(size=shape).astype(np.float32)
          + np.float32(name.endswith('scale'))
          for name, shape in pretrained_params.param_shapes(model).items()}
  return {'params': traverse_util.unflatten_dict(flat, sep='/')}


def output(model, params):
  return np.asarray(quick_jit(model.apply)(params, pixels(model)))


@pytest.fixture(scope='module', params=TINY)
def tiny(request):
  model = vit_sizes.build(request.param)
  params = seeded_params(model)
  return model, params, output(model, params)


# Millions in the image tower of the published checkpoints. Ours folds a class
# token's position into the token, and DINOv2's mask token is not loaded.
@pytest.mark.parametrize('name, exact', [
    ('siglip2-b16-224', 92_884_224), ('siglip2-b16-256', 92_930_304),
    ('siglip2-b32-256', 94_552_320), ('siglip2-l16-256', 315_956_224),
    ('siglip2-l16-512', 316_742_656), ('siglip2-so400m14-224', 427_680_704),
    ('siglip2-so400m14-384', 428_225_600),
    ('siglip2-so400m16-384', 428_256_704),
    ('siglip2-g-opt16-384', 1_163_659_776),
    ('clip-b32-224', 87_456_000 - 768), ('clip-l14-224', 303_179_776 - 1024),
    ('dinov2-b14-518', 86_583_552 - 2 * 768),
    ('dinov2-g14-518', 1_136_486_912 - 2 * 1536),
])
def test_official_sizes(name, exact):
  shapes = pretrained_params.param_shapes(vit_sizes.build(name))
  assert sum(int(np.prod(shape)) for shape in shapes.values()) == exact


def test_every_fixed_resolution_of_siglip2_is_there():
  sizes = {name.removeprefix('siglip2-') for name in vit_sizes.VARIANTS
           if name.startswith('siglip2-') and 'tiny' not in name}
  assert sizes == {
      'b32-256', 'b16-224', 'b16-256', 'b16-384', 'b16-512', 'l16-256',
      'l16-384', 'l16-512', 'so400m14-224', 'so400m14-384', 'so400m16-256',
      'so400m16-384', 'so400m16-512', 'g-opt16-256', 'g-opt16-384'}


def test_unscanned_is_the_same(tiny):
  model, params, expected = tiny
  plain = model.clone(scan=False)
  np.testing.assert_allclose(
      output(plain, transformer.unstacked(params)), expected, atol=1e-5)


def loss_fn(model):
  rng = np.random.default_rng(2)
  direction = jnp.asarray(rng.normal(size=(2, model.width)), jnp.float32)
  return lambda params, x: (model.apply(params, x) * direction).sum()


@pytest.mark.slow
def test_gradients_reach_everything_and_remat_is_the_same(tiny):
  model, params, _ = tiny
  twins = model, model.clone(remat=True)
  params = jax.tree.map(jnp.asarray, params)
  plain, remat = (quick_jit(jax.value_and_grad(loss_fn(twin), (0, 1)))(
      params, pixels(model)) for twin in twins)
  for path, gradient in jax.tree.leaves_with_path(plain[1][0]):
    assert np.abs(np.asarray(gradient)).max() > 0, path
  assert np.abs(np.asarray(plain[1][1])).min() > 0  # Every pixel is seen.
  jax.tree.map(lambda a, b: np.testing.assert_allclose(
      a, b, rtol=1e-3, atol=1e-4), plain, remat)
  jaxprs = [str(jax.make_jaxpr(loss_fn(twin))(params, pixels(model)))
            for twin in twins]
  assert ['remat' in text for text in jaxprs] == [False, True]


def test_bf16_is_close_and_parameters_stay_float32(tiny):
  model, params, a = tiny
  half = model.clone(dtype=jnp.bfloat16)
  fresh = jax.eval_shape(half.init, jax.random.key(0), pixels(model))
  assert {x.dtype for x in jax.tree.leaves(fresh)} == {jnp.dtype('float32')}
  b = output(half, params)
  assert b.dtype == np.float32
  cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(
      b, axis=-1)
  assert cosine.min() > 0.999
  assert np.abs(a - b).max() > 0  # It did run in another precision.


def test_attention_implementations_agree():
  model = vit_sizes.build(TINY[0])
  params = seeded_params(model)
  np.testing.assert_allclose(output(model.clone(attention='xla'), params),
                             output(model, params), atol=1e-5)


def test_batch_does_not_matter():
  model = vit_sizes.build('clip-tiny8-32')
  params = seeded_params(model)
  alone = quick_jit(model.apply)(params, pixels(model)[1:])
  np.testing.assert_allclose(output(model, params)[1:], alone, atol=1e-5)


def test_gelu_tanh_is_the_tanh_form():
  x = jnp.linspace(-12.0, 12.0, 4001, dtype=jnp.float32)
  np.testing.assert_allclose(
      transformer.gelu_tanh(x), jax.nn.gelu(x, approximate=True),
      rtol=1e-5, atol=1e-6)


def test_refusals():
  model = vit_sizes.build(TINY[0])
  shapes = lambda m, x: jax.eval_shape(m.init, jax.random.key(0), x)
  with pytest.raises(ValueError, match=r'\(40, 32\).*\(32, 32\).*resize'):
    shapes(model, jnp.zeros((1, 40, 32, 3)))
  with pytest.raises(ValueError, match="'siglip3'.*siglip2-b16-224"):
    vit_sizes.build('siglip3')
  with pytest.raises(ValueError, match="'relu'.*gelu_tanh"):
    shapes(model.clone(activation='relu'), pixels(model))
  with pytest.raises(ValueError, match="'max'.*'map'"):
    shapes(model.clone(pool='max'), pixels(model))
