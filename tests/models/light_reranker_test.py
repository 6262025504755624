"""The small network over hand-made features."""

from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.models import layers, light_reranker
from pinpoint_jax.rerank import light_features

NUM = len(light_features.FEATURES)


def case():
  """Two lists of four, the second empty; NaN in padded slots."""
  x = np.random.default_rng(0).normal(2, 5, (2, 4, NUM)).astype(np.float32)
  valid = np.array([[True, True, True, False], [False] * 4])
  x[~valid] = np.nan
  return jnp.asarray(x), jnp.asarray(valid)


def params(model):
  rng = np.random.default_rng(1)
  shapes = jax.eval_shape(model.init, jax.random.key(0), *case())
  return jax.tree.map(lambda leaf: rng.normal(
      size=leaf.shape).astype(np.float32), shapes)


def test_size_by_hand():
  flat = traverse_util.flatten_dict(
      params(light_reranker.LightReranker()), sep='/')
  assert sum(leaf.size for leaf in flat.values()) == (
      2 * NUM + (NUM + 1) * 64 + 65 * 64 + 65)
  assert flat['params/features_norm/mean'].shape == (NUM,)


def test_scores_by_a_product_in_numpy():
  model, (x, valid) = light_reranker.LightReranker(widths=(3,)), case()
  variables = params(model)
  variables['params']['features_norm'] = fitted = layers.fit_standardise(
      np.asarray(x), np.asarray(valid))
  result = model.apply(variables, x, valid)
  p = variables['params']
  hidden = ((np.asarray(x) - fitted['mean']) / fitted['std']
            @ p['hidden_0']['kernel'] + p['hidden_0']['bias'])
  hidden = np.asarray(jax.nn.gelu(hidden, approximate=False))
  expected = (hidden @ p['head']['kernel'] + p['head']['bias'])[..., 0]
  np.testing.assert_allclose(result, np.where(valid, expected, -np.inf),
                             rtol=1e-4)


def test_an_empty_list_has_finite_gradients():
  model, (x, valid) = light_reranker.LightReranker(), case()

  def total(variables):
    scores = model.apply(variables, x, valid)
    return jnp.sum(jnp.where(valid, scores, 0.))
  for leaf in jax.tree.leaves(jax.jit(jax.grad(total))(params(model))):
    assert np.isfinite(leaf).all()
