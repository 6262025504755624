"""A reranker with parameters, on numpy arrays.

  score = network(candidate) + linear(candidate)
  linear = Σ_channel weight · similarity + Σ_column weight · column

The linear part is an answer by itself, which the network then corrects;
without it (no weights) the network alone decides. columns.py has the columns; a
reranker may do without.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.models import (
  interaction,
  light_reranker,
  rerank_inputs,
  reranker,
  transformer,
)
from pinpoint_jax.rerank import light_features

# Kinds of reranker that have a network.
MODULES = {'attention': reranker.Reranker,
           'interaction': interaction.Interaction,
           'light': light_reranker.LightReranker}
# Of types.CHANNELS, then of the reranker's columns.
Weights = tuple[float, ...]


class Batch(NamedTuple):
  """Queries and k candidates each, for one kind of reranker.

  Attributes:
    similarities: under each of types.CHANNELS, 0 in padded slots, [b, k, 3].
    valid: False in padded slots, [b, k].
    columns: of the linear part besides, 0 in padded slots, [b, k, c].
    inputs: of the other rerankers, None for the light one.
    features: of the light reranker, None for the others.
  """

  similarities: Float[jax.Array | np.ndarray, 'b k 3']
  valid: Bool[jax.Array | np.ndarray, 'b k']
  columns: Float[jax.Array | np.ndarray, 'b k c']
  inputs: rerank_inputs.Inputs | None = None
  features: Float[jax.Array | np.ndarray, 'b k f'] | None = None


def batch(shortlist: types.Shortlist,
          columns: Float[np.ndarray, 'b k c'] | None = None,
          **parts: Any) -> Batch:
  """The candidates of a shortlist, and the module's own fields of Batch."""
  valid = shortlist.rows >= 0
  if columns is None:
    columns = np.zeros((*valid.shape, 0), np.float32)
  sims = np.where(valid[..., None], shortlist.similarities, 0.)
  return Batch(sims.astype(np.float32), valid, columns, **parts)


def is_light(module: nn.Module) -> bool:
  """Whether it reads hand-made features instead of vectors."""
  return isinstance(module, light_reranker.LightReranker)


class Dims(NamedTuple):
  """Numbers in each input; raw is 0 without any.

  Attributes:
    embedding: in an embedding.
    raw: in a raw feature.
    meta: columns of the reranker in its meta, besides rerank_inputs.META.
  """

  embedding: int
  raw: int
  meta: int = 0


def example(module: nn.Module, dims: Dims) -> Batch:
  """A batch of one query and one candidate, all zero: shapes to begin from."""
  sims, valid = jnp.zeros((1, 1, len(types.CHANNELS))), jnp.ones((1, 1), bool)
  none = jnp.zeros((1, 1, 0))
  if is_light(module):
    return Batch(sims, valid, none, features=jnp.zeros(
        (1, 1, len(light_features.FEATURES))))
  z, raw = jnp.zeros((1, 1, dims.embedding)), jnp.zeros((1, 1, dims.raw))
  one = jnp.zeros((1, 1, 1))
  support = rerank_inputs.Support(
      z[:, :, None], one, raw[:, :, None] if module.use_raw else None,
      one if module.use_raw else None,
      jnp.zeros((1, 1, len(rerank_inputs.SUPPORT))))
  return Batch(sims, valid, none, rerank_inputs.Inputs(
      z[0], raw[0] if module.use_raw else None, z,
      z if module.use_location else None, raw if module.use_raw else None,
      jnp.zeros((1, 1, len(rerank_inputs.META) + dims.meta)),
      support if module.use_support else None, valid))


def init(module: nn.Module, dims: Dims, key: jax.Array) -> Any:
  """Fresh parameters."""
  return module.init(key, *_arguments(example(module, dims)))['params']


def param_shapes(module: nn.Module,
                 dims: Dims) -> Mapping[str, tuple[int, ...]]:
  """Shape of every parameter by its path."""
  shapes = jax.eval_shape(lambda key: init(module, dims, key),
                          jax.random.key(0))
  return {jax.tree_util.keystr(path, simple=True, separator='/'): leaf.shape
          for path, leaf in jax.tree_util.tree_leaves_with_path(shapes)}


class Parts(NamedTuple):
  """The two terms of a score, -inf in padded slots of both.

  Attributes:
    linear: weighted similarities and columns, 0 without weights.
    network: what the network adds.
  """

  linear: Float[jax.Array | np.ndarray, 'b k']
  network: Float[jax.Array | np.ndarray, 'b k']


def parts(module: nn.Module, params: Any, batch: Batch,
          weights: Float[jax.Array | np.ndarray, 'b c'] | None = None,
          dropout_key: jax.Array | None = None) -> Parts:
  """Both terms of each candidate's score; weights by query."""
  rngs = None if dropout_key is None else {'dropout': dropout_key}
  network = module.apply({'params': params}, *_arguments(batch),
                         dropout_key is None, rngs=rngs)
  if weights is None:
    return Parts(jnp.where(batch.valid, 0., -jnp.inf), network)
  terms = jnp.concatenate([batch.similarities, batch.columns], axis=-1)
  # Not a dot product: a few numbers summed in full float32.
  linear = jnp.sum(terms * weights[:, None], axis=-1)
  return Parts(jnp.where(batch.valid, linear, -jnp.inf), network)


def scores(module: nn.Module, params: Any, batch: Batch,
           weights: Float[jax.Array | np.ndarray, 'b c'] | None = None,
           dropout_key: jax.Array | None = None) -> Float[jax.Array, 'b k']:
  """One score per candidate, -inf in padded slots; weights by query."""
  linear, network = parts(module, params, batch, weights, dropout_key)
  # Added where both are finite: a gradient through -inf is NaN.
  return jnp.where(batch.valid, jnp.where(batch.valid, linear, 0.)
                   + jnp.where(batch.valid, network, 0.), -jnp.inf)


def tile_weights(weights: Weights | None,
                 num: int) -> Float[np.ndarray, 'num c'] | None:
  """The weights as an array for each of `num` queries.

  Numbers in an array, unlike numbers in a program, cost no compilation.
  """
  if weights is None:
    return None
  return np.tile(np.asarray(weights, np.float32), (num, 1))


class Scorer:
  """A module on numpy arrays, always one query at a time.

  A query's scores cannot depend on which others came with it: each is computed
  by the same program. Queries are handed over in blocks of one shape, which is
  one compilation and one call for many; only the real ones are computed.
  """

  # Queries of a block. A single query moves as many numbers as a block has, so
  # a large one is what a single query costs; many gain nothing from it.
  _BLOCK = 8

  def __init__(self, module: nn.Module, weights: Weights | None):
    self._weights = tile_weights(weights, 1)
    def apply(params: Any, block: Batch, weights: Any, num: Any) -> Parts:
      def fill(query: Any, filled: Parts) -> Parts:
        batch = jax.tree.map(
            lambda x: jax.lax.dynamic_slice_in_dim(x, query, 1), block)
        return jax.tree.map(
            lambda x, new: jax.lax.dynamic_update_slice_in_dim(
                x, new, query, 0), filled,
            parts(module, params, batch, weights))
      empty = jnp.zeros(block.valid.shape, jnp.float32)
      return jax.lax.fori_loop(0, num, fill, Parts(empty, empty))
    self._apply = jax.jit(apply,
                          compiler_options=transformer.compiler_options())

  def __call__(self, params: Any, batch: Batch) -> Float[np.ndarray, 'b k']:
    """Scores, -inf in padded slots."""
    linear, network = self.parts(params, batch)
    return linear + network

  def parts(self, params: Any, batch: Batch) -> Parts:
    """The two terms of the scores, -inf in padded slots."""
    leaves, tree = jax.tree.flatten(batch)
    blocks_done = [
        self._apply(params, tree.unflatten(block), self._weights,
                    at.stop - at.start)
        for at, block in blocks.padded(self._BLOCK, *leaves)]
    if not blocks_done:
      return Parts(*(np.zeros(batch.valid.shape, np.float32),) * 2)
    return Parts(*(np.concatenate(jax.device_get(part))[:len(batch.valid)]
                   for part in zip(*blocks_done)))


def _arguments(batch: Batch) -> tuple[Any, ...]:
  if batch.features is not None:
    return batch.features, batch.valid
  return (batch.inputs,)
