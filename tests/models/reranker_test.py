"""The attention reranker: its size, who may change a score, what padding is."""

import json

from flax import errors, traverse_util
import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.models import rerank_inputs, reranker
import pytest

from tests.fixtures import rerank_cases


def shapes(module):
  """Parameters for vectors of 256 and raw features of 1536."""
  zeros = lambda *shape: jnp.zeros((1, *shape))
  inputs = rerank_inputs.Inputs(
      zeros(256), zeros(1536), zeros(12, 256), zeros(12, 256),
      zeros(12, 1536), zeros(12, len(rerank_inputs.META)),
      rerank_inputs.Support(
          zeros(12, 8, 256), zeros(12, 8), zeros(12, 8, 1536), zeros(12, 8),
          zeros(12, len(rerank_inputs.SUPPORT))),
      jnp.ones((1, 12), bool))
  made = jax.eval_shape(module.init, jax.random.key(0), inputs)['params']
  return {name: leaf.shape for name, leaf in
          traverse_util.flatten_dict(made, sep='/').items()}


def test_size_by_hand_and_golden(golden):
  result = shapes(reranker.Reranker())
  golden('reranker_params.json', json.dumps(result, indent=1) + '\n')
  dense = lambda a, b: a * b + b
  layer = (4 * dense(512, 512) + dense(512, 2048) + dense(2048, 512)
           + 4 * 512)
  meta = len(rerank_inputs.META)
  inputs = (3 * dense(256, 512) + 3 * dense(1536, 512) + dense(meta + 1, 512)
            + 2 * meta + dense(4, 512) + 2 * 4 + 512)
  total = 4 * layer + inputs + 8 * 512 + 2 * 512 + dense(512, 1)
  assert sum(np.prod(s) for s in result.values()) == total
  assert round(total / 1e6, 1) == 15.4


@pytest.mark.parametrize('off, gone', [
    ('use_raw', {'query_raw', 'raw', 'support_raw'}),
    ('use_location', {'location'}),
    ('use_support', {'support', 'support_raw', 'support_norm',
                     'support_none'})])
def test_what_is_off_has_no_parameters(off, gone):
  tops = lambda module: {name.split('/')[0] for name in shapes(module)}
  assert tops(rerank_cases.model()) - tops(
      rerank_cases.model(**{off: False})) == gone
  fields = {'use_raw': ('query_raw', 'raw'), 'use_location': ('location',),
            'use_support': ('support',)}[off]
  lacking = rerank_cases.inputs()._replace(**dict.fromkeys(fields))
  module = rerank_cases.model(**{off: False})
  result = jax.eval_shape(module.apply, rerank_cases.params(module), lacking)
  assert result.shape == lacking.valid.shape
  with pytest.raises(ValueError, match=f'{off}=True but its inputs lack'):
    rerank_cases.model().apply(rerank_cases.params(), lacking)


@pytest.mark.slow
@pytest.mark.parametrize('changes', [
    {}, {'products': True},
    {'strict_independent': False, 'dtype': jnp.bfloat16}], ids=str)
def test_padding_never_wins_and_gives_finite_gradients(changes):
  module, inputs = rerank_cases.model(**changes), rerank_cases.inputs()
  variables = rerank_cases.params(module)

  def total(variables):
    scores = module.apply(variables, inputs)
    return jnp.sum(jnp.where(inputs.valid, scores, 0.)), scores
  grads, scores = jax.jit(jax.grad(total, has_aux=True))(variables)
  assert scores.dtype == jnp.float32
  np.testing.assert_array_equal(np.isneginf(scores), ~inputs.valid)
  assert np.isfinite(scores[inputs.valid]).all()
  for leaf in jax.tree.leaves(grads):
    assert np.isfinite(leaf).all()


def moved(inputs, order):
  """Candidates in another order, or some of them."""
  fields = ('image', 'location', 'raw', 'meta', 'support', 'valid')
  return inputs._replace(**{name: jax.tree.map(
      lambda x: x[:, order], getattr(inputs, name)) for name in fields})


@pytest.mark.parametrize('strict', [True, False])
def test_scores_move_with_their_candidates(strict):
  module, order = rerank_cases.model(strict_independent=strict), [3, 0, 4, 2, 1]
  variables, inputs = rerank_cases.params(module), rerank_cases.inputs()
  np.testing.assert_allclose(
      rerank_cases.apply(module)(variables, moved(inputs, np.asarray(order))),
      rerank_cases.apply(module)(variables, inputs)[:, np.asarray(order)],
      rtol=1e-5, atol=1e-6)


def test_strictly_independent_candidates_do_not_see_each_other():
  inputs = rerank_cases.inputs()
  apply, variables = rerank_cases.apply(), rerank_cases.params()
  whole = np.asarray(apply(variables, inputs))
  kept = np.asarray([3, 1])
  np.testing.assert_allclose(apply(variables, moved(inputs, kept)),
                             whole[:, kept], rtol=1e-5, atol=1e-6)
  # Any other neighbour, to the bit: the shape is the same.
  other = rerank_cases.inputs(seed=1)
  fields = {name: jax.tree.map(lambda a, b: a.at[:, 2:].set(b[:, 2:]),
                               getattr(inputs, name), getattr(other, name))
            for name in ('image', 'location', 'raw', 'meta', 'support')}
  np.testing.assert_array_equal(
      apply(variables, inputs._replace(**fields))[:, :2], whole[:, :2])


def test_a_set_sees_its_valid_candidates_alone():
  module = rerank_cases.model(strict_independent=False)
  inputs = rerank_cases.inputs()
  apply, variables = rerank_cases.apply(module), rerank_cases.params(module)
  whole = np.asarray(apply(variables, inputs))
  # The second query has fewer than five candidates, the rest is padding.
  num = int(inputs.valid[1].sum())
  assert 0 < num < 5
  alone = np.asarray(apply(variables, moved(inputs, np.arange(num))))
  np.testing.assert_allclose(alone[1], whole[1, :num], rtol=1e-5, atol=1e-6)
  # The first query has all five: without the others its scores are not these.
  assert np.abs(alone[0] - whole[0, :num]).min() > 1e-4


@pytest.mark.slow
def test_the_last_layer_for_cls_alone_is_the_plain_model():
  inputs = rerank_cases.inputs()
  variables = rerank_cases.params(rerank_cases.model(num_layers=2))
  weight = jnp.linspace(-1, 1, inputs.valid.size).reshape(inputs.valid.shape)

  def total(variables, module):
    scores = module.apply(variables, inputs)
    return jnp.sum(jnp.where(inputs.valid, weight * scores, 0.))
  both = jax.jit(jax.value_and_grad(total), static_argnums=1)
  fast, plain = (both(variables, rerank_cases.model(num_layers=2, cls_only=c))
                 for c in (True, False))
  jax.tree.map(lambda a, b: np.testing.assert_allclose(
      a, b, rtol=1e-4, atol=1e-5), fast, plain)


def test_lengths_of_vectors_do_not_matter():
  inputs, variables = rerank_cases.inputs(), rerank_cases.params()
  longer = inputs._replace(query_raw=7 * inputs.query_raw,
                           raw=.1 * inputs.raw, image=3 * inputs.image)
  np.testing.assert_allclose(rerank_cases.apply()(variables, longer),
                             rerank_cases.apply()(variables, inputs),
                             rtol=1e-4,
                             atol=1e-5)


def test_pooling_by_hand():
  near = .05 * np.log(3)  # Weights 3/4 and 1/4 of two unit vectors.
  result = reranker.pooled(
      jnp.asarray([[[[2., 0.], [0., 5.], [np.nan, 1.]]]]),
      jnp.asarray([[[near, 0., -np.inf]]], jnp.float32), 0.05)
  np.testing.assert_allclose(result[0, 0], 2**.5 * np.array([.75, .25]),
                             rtol=1e-5)


def test_no_support_is_a_token_of_its_own():
  inputs, variables = rerank_cases.inputs(), rerank_cases.params()
  whole = rerank_cases.apply()(variables, inputs)
  changed = jax.tree.map(np.copy, variables)
  changed['params']['support_none'] *= -1
  moved_by = np.abs(rerank_cases.apply()(changed, inputs) - whole)[0]
  near = np.isfinite(inputs.support.image_sims).any(axis=-1)[0]
  assert not near[1] and near[[0, 2, 3, 4]].all()
  np.testing.assert_array_equal(moved_by > 0, ~near)


def test_dropout_is_of_training_alone():
  module, inputs = rerank_cases.model(dropout=0.5), rerank_cases.inputs()
  plain = rerank_cases.apply()(rerank_cases.params(), inputs)
  dropped = jax.jit(module.apply, static_argnums=2)(
      rerank_cases.params(), inputs, False, rngs={'dropout': jax.random.key(0)})
  assert np.abs(dropped - plain)[0].max() > 1e-3


def test_meta_of_another_width_is_refused():
  inputs = rerank_cases.inputs()
  with pytest.raises(errors.ScopeParamShapeError, match='shape .12,'):
    rerank_cases.model().apply(rerank_cases.params(),
                               inputs._replace(meta=inputs.meta[..., 1:]))


@pytest.mark.parametrize('changes', [{}, {'use_raw': False},
                                     {'use_location': False}], ids=str)
def test_products_are_a_token_for_each_pair_of_vectors(changes):
  without, with_products = (shapes(rerank_cases.model(
      products=products, **changes)) for products in (False, True))
  names = {name.split('/')[0] for name in with_products.keys() - without.keys()}
  pairs = {'image', 'location', 'raw'} - {
      option.removeprefix('use_') for option in changes}
  assert names == {f'{kind}_{pair}' for kind in ('compare', 'product')
                   for pair in pairs}
  assert with_products['kinds'][0] == without['kinds'][0] + len(pairs)


def test_products_tell_agreement_that_adding_cannot():
  """Without tokens of the image itself: both turned round agree as before."""
  inputs, module = rerank_cases.inputs(), rerank_cases.model(products=True)
  params = dict(rerank_cases.params(module)['params'])
  for name in ('query_image', 'image', 'location'):
    params[name] = jax.tree.map(np.zeros_like, params[name])
  scores = lambda **turned: np.asarray(rerank_cases.apply(module)(
      {'params': params}, inputs._replace(**turned)))[inputs.valid]
  of_both = {name: -getattr(inputs, name)
             for name in ('query_image', 'image', 'location')}
  np.testing.assert_allclose(scores(**of_both), scores(), rtol=1e-4, atol=1e-5)
  assert np.abs(scores(image=-inputs.image) - scores()).min() > 1e-4
