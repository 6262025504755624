"""The region head: each source by its own weights, one output layer."""

import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.models import region_head

SHARES = np.array([[.5, .5, 0.], [.25, .25, .5]])
ROWS = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
SOURCE = np.array([0, 0, 0, 1, 1, 1], np.int32)


def test_params_have_the_shapes_that_a_file_must_have():
  params = region_head.first_params(4, 5, SHARES, 0)
  assert {name: array.shape for name, array in params.items()
          } == region_head.shapes(4, 5, 3)


def test_at_first_a_cell_is_as_likely_as_it_is_full():
  params = region_head.first_params(4, 5, SHARES, 0)
  params = {**params, 'outer': jnp.zeros((5, 3))}
  chances = jax.nn.softmax(region_head.logits(
      params, jnp.asarray(ROWS), jnp.asarray(SOURCE)))
  np.testing.assert_allclose(chances, SHARES[SOURCE], atol=1e-4)


def test_a_row_is_read_by_the_weights_of_its_source_alone():
  params = dict(region_head.first_params(4, 5, SHARES, 0))
  before = region_head.logits(params, jnp.asarray(ROWS), jnp.asarray(SOURCE))
  params['inner'] = params['inner'].at[1].add(1.)
  after = region_head.logits(params, jnp.asarray(ROWS), jnp.asarray(SOURCE))
  np.testing.assert_array_equal(before[:3], after[:3])
  assert np.abs(np.asarray(before - after)[3:]).min() > 0


def test_logits_are_one_hidden_layer():
  params = {'inner': jnp.array([[[2.]], [[0.]]]),
            'inner_bias': jnp.ones((2, 1)), 'outer': jnp.array([[3., 0.]]),
            'outer_bias': jnp.array([[1., 2.], [0., 0.]])}
  logits = region_head.logits(params, jnp.array([[1.]]), jnp.array([0]))
  gelu = float(jax.nn.gelu(jnp.float32(3.)))
  np.testing.assert_allclose(logits, [[1 + 3 * gelu, 2.]], rtol=1e-6)
