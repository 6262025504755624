"""FLOP that can be counted by hand, in loops and over devices."""

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec
import pytest

from benchmarks import pod_flops

# [4, 8] by [8, 16].
ONE = 2 * 4 * 8 * 16


def of(function, *shapes, dtype=jnp.float32):
  return pod_flops.of(jax.make_jaxpr(function)(
      *(jax.ShapeDtypeStruct(shape, dtype) for shape in shapes)))


def test_a_product_and_its_passes():
  a, b = (4, 8), (8, 16)
  assert of(jnp.dot, a, b) == pod_flops.Flops(ONE, ONE)
  exact = lambda a, b: jnp.dot(a, b, precision=jax.lax.Precision.HIGHEST)
  assert of(exact, a, b) == pod_flops.Flops(ONE, 6 * ONE)
  # In bfloat16 there is nothing to repeat.
  assert of(exact, a, b, dtype=jnp.bfloat16) == pod_flops.Flops(ONE, ONE)


def test_what_a_gradient_computes_again_counts_again():
  def loss(w, x):
    step = jax.checkpoint(lambda x, w: (jnp.tanh(x @ w), None))
    return jax.lax.scan(step, x, w)[0].sum()
  forward = 5 * 2 * 4 * 8 * 8
  assert of(loss, (5, 8, 8), (4, 8)).useful == forward
  # Forward, forward again, and one product for each of the two factors.
  gradient = of(jax.grad(loss, (0, 1)), (5, 8, 8), (4, 8))
  assert gradient.useful == 4 * forward


def test_all_devices_count():
  mesh = jax.make_mesh((8,), ('d',), axis_types=(jax.sharding.AxisType.Auto,))
  split = jax.shard_map(jnp.dot, mesh=mesh, out_specs=PartitionSpec('d'),
                        in_specs=(PartitionSpec('d'), PartitionSpec()))
  assert of(split, (32, 8), (8, 16)).useful == 8 * ONE


def test_a_loop_without_a_length_is_refused():
  def loop(a, b):
    return jax.lax.while_loop(lambda a: a.sum() < 1, lambda a: a @ b, a)
  with pytest.raises(ValueError, match='without a known length'):
    of(loop, (4, 8), (8, 8))
