"""Contrastive losses of images (rows) against places (columns), plain form.

  sigmoid   each pair is a question of its own (SigLIP, arXiv 2303.15343)
  softmax   each image chooses among the places (GeoCLIP, arXiv 2309.16020)

Both take hard or soft targets (`pairs`). `chunked` holds their sharded twins.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float
from pinpoint_jax.losses import pairs


class Embedded(NamedTuple):
  """Unit embeddings z [n, d] of things at unit vectors xyz [n, 3]."""

  z: Float[jax.Array, 'n d']
  xyz: Float[jax.Array, 'n 3']


class Scale(NamedTuple):
  """How similarities become logits: temperature · sim + bias."""

  temperature: Float[jax.Array, '']
  bias: Float[jax.Array, '']


# A logit that cannot win; finite, so that gradients are.
_NEVER = -1e30
# Of the similarities: on a TPU six, three or one pass of bfloat16; a CPU knows
# float32 alone.
PRECISIONS = ('highest', 'high', 'default')


def logits(images: Float[jax.Array, 'r d'], places: Float[jax.Array, 'c d'],
           scale: Scale, precision: str = 'highest') -> Float[
               jax.Array, 'r c']:
  """t · sim + bias, the product summed in float32."""
  sim = jnp.matmul(images, places.T, precision=precision,
                   preferred_element_type=jnp.float32)
  return scale.temperature * sim + scale.bias


def sigmoid(rows: Embedded, cols: Embedded, scale: Scale,
            targets: pairs.Targets, precision: str = 'highest') -> Float[
                jax.Array, '']:
  """Sum over pairs of binary cross-entropy, per row."""
  x = logits(rows.z, cols.z, scale, precision)
  target = pairs.pair_targets(rows.xyz, cols.xyz, targets)
  # −y·log σ(x) − (1 − y)·log σ(−x), with one exponential instead of two.
  cost = jax.nn.softplus(x) - target.y * x
  return jnp.sum(target.weight * cost) / len(rows.z)


def softmax(rows: Embedded, cols: Embedded, scale: Scale,
            targets: pairs.Targets, precision: str = 'highest') -> Float[
                jax.Array, '']:
  """Mean cross-entropy of each row's choice among the columns."""
  x = logits(rows.z, cols.z, scale, precision)
  target = pairs.pair_targets(rows.xyz, cols.xyz, targets)
  x = jnp.where(target.weight > 0, x, _NEVER)
  answer = target.y * target.weight
  answer = answer / jnp.sum(answer, axis=1, keepdims=True)
  return -jnp.mean(jnp.sum(answer * jax.nn.log_softmax(x, axis=1), axis=1))


LOSSES = {'sigmoid': sigmoid, 'softmax': softmax}
