"""The interaction reranker: what it compares, and what padding is."""

import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.models import interaction
import pytest

from tests.fixtures import rerank_cases


def shapes(module):
  tree = rerank_cases.shapes(module)['params']
  return {jax.tree_util.keystr(path, simple=True, separator='/'): leaf.shape
          for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def moved(inputs, order):
  """Candidates in another order, or some of them."""
  fields = ('image', 'location', 'raw', 'meta', 'support', 'valid')
  return inputs._replace(**{name: jax.tree.map(
      lambda x: x[:, order], getattr(inputs, name)) for name in fields})


def test_size_by_hand():
  result = shapes(rerank_cases.interacting(use_support=False))
  # Product and distance of three pairs, 4 coordinates each, beside meta.
  width = 3 * 2 * 4 + 13
  assert result == {
      'image/kernel': (6, 4), 'location/kernel': (6, 4), 'raw/kernel': (10, 4),
      'meta_norm/mean': (13,), 'meta_norm/std': (13,),
      'hidden/kernel': (width, 8), 'hidden/bias': (8,),
      'head/kernel': (width + 8, 1), 'head/bias': (1,)}


@pytest.mark.parametrize('off, gone', [
    ('use_raw', {'raw', 'support_raw'}), ('use_location', {'location'}),
    ('use_support', {'support_image', 'support_raw', 'support_norm'})])
def test_what_is_off_has_no_parameters(off, gone):
  tops = lambda module: {name.split('/')[0] for name in shapes(module)}
  module = rerank_cases.interacting(**{off: False})
  assert tops(rerank_cases.interacting()) - tops(module) == gone
  fields = {'use_raw': ('query_raw', 'raw'), 'use_location': ('location',),
            'use_support': ('support',)}[off]
  lacking = rerank_cases.inputs()._replace(**dict.fromkeys(fields))
  result = jax.eval_shape(module.apply, rerank_cases.params(module), lacking)
  assert result.shape == lacking.valid.shape
  with pytest.raises(ValueError, match=f'{off}=True but its inputs lack'):
    rerank_cases.interacting().apply(
        rerank_cases.params(rerank_cases.interacting()), lacking)


@pytest.mark.parametrize('changes', [
    {}, {'use_support': False, 'dtype': jnp.bfloat16}], ids=str)
def test_padding_never_wins_and_gives_finite_gradients(changes):
  module, inputs = rerank_cases.interacting(**changes), rerank_cases.inputs()
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


def test_scores_move_with_their_candidates():
  module, order = rerank_cases.interacting(), np.asarray([3, 0, 4, 2, 1])
  variables, inputs = rerank_cases.params(module), rerank_cases.inputs()
  apply = rerank_cases.apply(module)
  whole = np.asarray(apply(variables, inputs))
  np.testing.assert_allclose(apply(variables, moved(inputs, order)),
                             whole[:, order], rtol=1e-5, atol=1e-6)
  # Any other neighbours, to the bit: a candidate stands alone.
  other = rerank_cases.inputs(seed=1)
  fields = {name: jax.tree.map(lambda a, b: a.at[:, 2:].set(b[:, 2:]),
                               getattr(inputs, name), getattr(other, name))
            for name in ('image', 'location', 'raw', 'meta', 'support')}
  np.testing.assert_array_equal(
      apply(variables, inputs._replace(**fields))[:, :2], whole[:, :2])


def test_a_head_of_zeros_says_nothing():
  module, inputs = rerank_cases.interacting(), rerank_cases.inputs()
  params = dict(rerank_cases.params(module)['params'])
  params['head'] = jax.tree.map(np.zeros_like, params['head'])
  scores = rerank_cases.apply(module)({'params': params}, inputs)
  np.testing.assert_array_equal(scores, np.where(inputs.valid, 0., -np.inf))


def test_the_terms_are_products_and_distances():
  """Two numbers, compared as they are, under a head that reads one term."""
  module = interaction.Interaction(
      projections=2, hidden=1, use_raw=False, use_location=False)
  inputs = rerank_cases.inputs()._replace(
      query_image=jnp.asarray([[3., 4.]]), image=jnp.asarray([[[4., -3.]]]),
      meta=jnp.zeros((1, 1, 0)), valid=jnp.ones((1, 1), bool))
  score = lambda term: float(module.apply({'params': {
      'image': {'kernel': jnp.eye(2)},
      'meta_norm': {'mean': jnp.zeros(0), 'std': jnp.ones(0)},
      'hidden': {'kernel': jnp.zeros((4, 1)), 'bias': jnp.zeros(1)},
      'head': {'kernel': jnp.eye(5)[:, term:term + 1], 'bias': jnp.zeros(1)},
  }}, inputs)[0, 0])
  # At length √2: (.6, .8) √2 and (.8, −.6) √2, both times 1/4.
  expected = [.24, -.24, .05 * 2**.5, .35 * 2**.5]
  np.testing.assert_allclose([score(i) for i in range(4)], expected, rtol=1e-5)


def test_dropout_is_of_training_alone():
  module = rerank_cases.interacting(dropout=0.5)
  variables, inputs = rerank_cases.params(module), rerank_cases.inputs()
  plain = rerank_cases.apply(module)(variables, inputs)
  dropped = jax.jit(module.apply, static_argnums=2)(
      variables, inputs, False, rngs={'dropout': jax.random.key(0)})
  assert np.abs(dropped - plain)[0].max() > 1e-3


def test_without_support_its_projections_say_nothing():
  module, inputs = rerank_cases.interacting(), rerank_cases.inputs()
  params = dict(rerank_cases.params(module)['params'])
  apply = rerank_cases.apply(module)
  whole = np.asarray(apply({'params': params}, inputs))
  for name in ('support_image', 'support_raw'):
    params[name] = jax.tree.map(lambda x: 2 * x, params[name])
  changed = np.asarray(apply({'params': params}, inputs)) != whole
  near = np.isfinite(inputs.support.image_sims).any(axis=-1)
  np.testing.assert_array_equal(changed, near & inputs.valid)
