"""Means and deviations that a model holds but does not train."""

import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.models import layers
from pinpoint_jax.train import optimizer as optimizers
import pytest

X = np.array([[1., 5., 2.], [3., 5., 4.], [9e9, 9e9, np.nan]])
VALID = np.array([True, True, False])


def test_fitted_by_hand():
  fitted = layers.fit_standardise(X, VALID)
  np.testing.assert_array_equal(fitted['mean'], [2, 5, 3])
  # The second column is constant: only centred.
  np.testing.assert_array_equal(fitted['std'], [1, 1, 1])
  result = layers.Standardise().apply(
      {'params': fitted}, jnp.asarray(X[:2], jnp.float16))
  np.testing.assert_array_equal(result, [[-1, 0, -1], [1, 0, 1]])
  assert result.dtype == jnp.float32


def test_unfitted_changes_nothing():
  model, x = layers.Standardise(), jnp.asarray(X[:2])
  np.testing.assert_array_equal(
      model.apply(model.init(jax.random.key(0), x), x), x)


@pytest.mark.parametrize('name', ['adamw', 'lion'])
def test_training_leaves_it_where_it_is(name):
  fitted = {'features_norm': layers.fit_standardise(X, VALID)}
  optimizer = optimizers.make(
      optimizers.Settings(name=name, weight_decay=.5, warmup=0.), 10)

  def loss(params):
    result = layers.Standardise().apply(
        {'params': params['features_norm']}, jnp.asarray(X[:2]))
    return jnp.sum(result**2)
  updates, _ = optimizer.update(
      jax.grad(loss)(fitted), optimizer.init(fitted), fitted)
  for leaf in jax.tree.leaves(updates):
    np.testing.assert_array_equal(leaf, 0)


def test_what_has_no_mean_is_refused():
  with pytest.raises(ValueError, match='no valid row'):
    layers.fit_standardise(X, np.zeros(3, bool))
  with pytest.raises(ValueError, match=r'columns \[2\] of 3 rows hold NaN'):
    layers.fit_standardise(X, np.ones(3, bool))
