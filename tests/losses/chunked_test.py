"""The chunked losses are the plain ones, on any mesh, in less memory."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.losses import chunked, contrastive, pairs
from pinpoint_jax.losses import contrastive as records
from pinpoint_jax.parallel import mesh as meshes
import pytest

from tests.fixtures import loss_cases

CASES = [(name, kind) for name in sorted(contrastive.LOSSES)
         for kind in pairs.KINDS]


def graded(loss):
  """Value and gradient by images, places, temperature and bias."""
  def apply(z_rows, z_cols, scale, xyz_rows, xyz_cols):
    return loss(records.Embedded(z_rows, xyz_rows),
                records.Embedded(z_cols, xyz_cols), scale)
  return jax.value_and_grad(apply, (0, 1, 2))


def both(name, kind, mesh, chunk):
  targets = pairs.Targets(kind)
  plain = functools.partial(contrastive.LOSSES[name], targets=targets)
  whole = functools.partial(chunked.loss, name, targets=targets, mesh=mesh,
                            chunk=chunk)
  part, every = meshes.split(mesh), meshes.whole(mesh)
  return [jax.jit(graded(loss), in_shardings=(part, part, every, part, part))
          for loss in (plain, whole)]


@functools.cache
def case(name, kind, num_queued):
  """Inputs, and the plain value and gradients of them."""
  rows, cols = loss_cases.embedded(40, num_queued, num_queued // 3)
  inputs = rows.z, cols.z, loss_cases.SCALE, rows.xyz, cols.xyz
  plain, _ = both(name, kind, meshes.make(1), 1)
  return inputs, jax.device_get(plain(*inputs))


# Columns of a device: 40, 36, 9, and 5.
@pytest.mark.parametrize('name, kind', CASES)
@pytest.mark.parametrize('data, fsdp, chunk, num_queued', [
    (1, 1, 3, 0), (2, 1, 5, 32), (8, 1, 5, 32), (4, 2, 100, 0)])
def test_chunked_is_plain(name, kind, data, fsdp, chunk, num_queued):
  inputs, plain = case(name, kind, num_queued)
  _, whole = both(name, kind, meshes.make(data, fsdp), chunk)
  for one, other in zip(jax.tree.leaves(plain),
                        jax.tree.leaves(jax.device_get(whole(*inputs)))):
    np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize('name, kind', CASES)
def test_every_gradient_is_there(name, kind):
  _, (value, grads) = case(name, kind, 0)
  rows, cols, temperature, bias = (
      np.abs(grad).max() for grad in jax.tree.leaves(grads))
  assert value > 0.1 and min(rows, cols, temperature) > 1e-4
  # A softmax does not feel its bias.
  assert bias > 1e-4 if name == 'sigmoid' else bias < 1e-5


@pytest.mark.parametrize('name', sorted(contrastive.LOSSES))
def test_only_neighbours_talk(name):
  mesh, z, xyz = meshes.make(), jnp.zeros((64, 8)), jnp.zeros((64, 3))
  _, whole = both(name, 'hard', mesh, 4)
  text = whole.lower(z, z, loss_cases.SCALE, xyz, xyz).compile().as_text()
  assert 'collective-permute' in text
  assert 'all-gather' not in text and 'all-to-all' not in text


@pytest.mark.parametrize('name', sorted(contrastive.LOSSES))
def test_memory_at_a_batch_of_8192(name):
  """Temporary bytes a device holds, of 8, in chunks of 1024; only compiled."""
  z = jax.ShapeDtypeStruct((8192, 256), jnp.float32)
  xyz = jax.ShapeDtypeStruct((8192, 3), jnp.float32)
  plain, whole = (
      fn.lower(z, z, loss_cases.SCALE, xyz, xyz).compile().memory_analysis()
      .temp_size_in_bytes for fn in both(name, 'hard', meshes.make(), 1024))
  print(f'{name}: {whole / 2**20:.1f} of {plain / 2**20:.1f} MiB')
  assert whole <= 0.4 * plain


def test_pairs_left_out_with_huge_logits_do_no_harm():
  # The only other column is 100 m away and would win by 1000.
  xyz = loss_cases.places(6, np.random.default_rng(0))[4:]
  z = jnp.asarray([[1., 0.], [1., 0.]])
  rows = records.Embedded(jnp.asarray([[0., 1.], [0., 1.]]), jnp.asarray(xyz))
  cols = records.Embedded(z.at[0, 1].set(1.), jnp.asarray(xyz))
  scale = records.Scale(jnp.asarray(1000.), jnp.asarray(0.))
  loss = lambda scale: chunked.loss(
      'softmax', rows, cols, scale, pairs.Targets(), meshes.make(1), 1)
  value, grads = jax.jit(jax.value_and_grad(loss))(scale)
  assert value.item() == 0 and grads.temperature.item() == 0


def test_a_chunk_without_columns_is_refused():
  rows, cols = loss_cases.embedded(8)
  with pytest.raises(ValueError, match='chunk=0: must be at least 1'):
    chunked.loss('sigmoid', rows, cols, loss_cases.SCALE, pairs.Targets(),
                 meshes.make(1), 0)
