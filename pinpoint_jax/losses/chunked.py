"""The losses of `contrastive` without ever holding all pairs.

  device 0   rows 0 │ cols 0 → cols 3 → cols 2 → cols 1     each round: pass
  device 1   rows 1 │ cols 1 → cols 0 → cols 3 → cols 2     the columns to the
  device 2   rows 2 │ cols 2 → …                            next device
                      └ in chunks, recomputed for the gradient

A device keeps its rows and folds each chunk of columns into a few numbers per
row. Only a neighbour's columns are ever in transit: no all-gather.
"""

from collections.abc import Callable
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Float
from pinpoint_jax import blocks
from pinpoint_jax.losses import contrastive, pairs
from pinpoint_jax.parallel import mesh as meshes

_LOWEST = -1e30
_Row = Float[jax.Array, 'r']


class Choice(NamedTuple):
  """What a row of a softmax has seen so far, each [r]."""

  highest: _Row
  exps: _Row  # Σ w·exp(x − highest)
  wanted: _Row  # Σ w·y·x
  mass: _Row  # Σ w·y


class Fold(NamedTuple):
  """A loss as a fold over columns: row state, its update, the row's loss."""

  begin: Callable[[_Row], Any]
  add: Callable[[Any, jax.Array, pairs.PairTargets], Any]
  finish: Callable[[Any], _Row]


def _sigmoid_add(total: _Row, x: jax.Array, target: pairs.PairTargets) -> _Row:
  # softplus(x) − y·x is the cross-entropy of a target between 0 and 1.
  return total + jnp.sum(
      target.weight * (jax.nn.softplus(x) - target.y * x), axis=1)


def _softmax_begin(zeros: _Row) -> Choice:
  return Choice(zeros + _LOWEST, zeros, zeros, zeros)


def _softmax_add(seen: Choice, x: jax.Array,
                 target: pairs.PairTargets) -> Choice:
  top = jnp.max(jnp.where(target.weight > 0, x, _LOWEST), axis=1)
  highest = jax.lax.stop_gradient(jnp.maximum(seen.highest, top))
  # Left-out pairs may lie far above the highest: keep their exp finite.
  above = jnp.where(target.weight > 0, x - highest[:, None], 0.)
  exps = target.weight * jnp.exp(above)
  wanted = target.weight * target.y
  return Choice(
      highest,
      seen.exps * jnp.exp(seen.highest - highest) + jnp.sum(exps, axis=1),
      seen.wanted + jnp.sum(wanted * x, axis=1),
      seen.mass + jnp.sum(wanted, axis=1))


def _softmax_finish(seen: Choice) -> _Row:
  return seen.highest + jnp.log(seen.exps) - seen.wanted / seen.mass


FOLDS = {
    'sigmoid': Fold(lambda zeros: zeros, _sigmoid_add, lambda total: total),
    'softmax': Fold(_softmax_begin, _softmax_add, _softmax_finish),
}


def loss(name: str, rows: contrastive.Embedded, cols: contrastive.Embedded,
         scale: contrastive.Scale, targets: pairs.Targets, mesh: Mesh,
         chunk: int, precision: str = 'highest') -> Float[jax.Array, '']:
  """Twin of `contrastive.LOSSES[name]`, rows and columns split over `mesh`."""
  if chunk < 1:
    raise ValueError(f'chunk={chunk}: must be at least 1 column')
  for what, n in (('rows', len(rows.z)), ('columns', len(cols.z))):
    if n % mesh.size:
      raise ValueError(f'{n} {what} do not divide among {mesh.size} devices')
  part, every = PartitionSpec(meshes.BATCH), PartitionSpec()
  local = functools.partial(_local, FOLDS[name], targets, mesh.size, chunk,
                            precision)
  total = jax.shard_map(local, mesh=mesh, in_specs=(part, part, every),
                        out_specs=every)(rows, cols, scale)
  return total / len(rows.z)


def _local(fold: Fold, targets: pairs.Targets, num_devices: int, chunk: int,
           precision: str, rows: contrastive.Embedded,
           cols: contrastive.Embedded,
           scale: contrastive.Scale) -> Float[jax.Array, '']:
  """One device's rows against everybody's columns, summed over devices."""
  chunks = jax.tree.map(functools.partial(_chunks, chunk=chunk), cols)

  # Recomputed for the gradient: only row states are kept, not pairs.
  @jax.checkpoint
  def add_chunk(state: Any, cols: contrastive.Embedded) -> tuple[Any, None]:
    x = contrastive.logits(rows.z, cols.z, scale, precision)
    target = pairs.pair_targets(rows.xyz, cols.xyz, targets)
    return fold.add(state, x, target), None

  def pass_on(carry: Any, _: None) -> tuple[Any, None]:
    state, chunks = carry
    state, _ = jax.lax.scan(add_chunk, state, chunks)
    ring = [(i, (i + 1) % num_devices) for i in range(num_devices)]
    chunks = jax.tree.map(
        lambda x: jax.lax.ppermute(x, meshes.BATCH, ring), chunks)
    return (state, chunks), None

  # A sum over the rows' own numbers makes the zeros vary by device as they do.
  begin = fold.begin(0. * rows.xyz[:, 0])
  (state, _), _ = jax.lax.scan(
      pass_on, (begin, chunks), None, length=num_devices)
  return jax.lax.psum(jnp.sum(fold.finish(state)), meshes.BATCH)


def _chunks(x: Float[jax.Array, 'c d'], chunk: int) -> Float[
    jax.Array, 'n k d']:
  """Columns in chunks, the last filled up with empty ones (zeros)."""
  chunk = min(chunk, len(x))
  return blocks.pad_rows(x, chunk).reshape(-1, chunk, x.shape[1])
