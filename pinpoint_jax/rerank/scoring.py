"""A reranker with parameters, on numpy arrays.

  score = network(candidate) + Σ_channel weight · similarity
                             + Σ_column weight · prior column

The other terms are a single-stage answer, which the network then corrects;
without them (no weights) the network alone decides. geo_prior.py has the
columns; a reranker may do without.
"""

from collections.abc import Mapping
import functools
from typing import Any, NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.models import (
  light_reranker,
  rerank_inputs,
  reranker,
  transformer,
)
from pinpoint_jax.rerank import light_features

# Kinds of reranker that have a network.
MODULES = {'attention': reranker.Reranker,
           'light': light_reranker.LightReranker}
# Of types.CHANNELS, then of geo_prior.COLUMNS where the reranker has a prior.
Weights = tuple[float, ...]


class Batch(NamedTuple):
  """Queries and k candidates each, for one kind of reranker.

  Attributes:
    similarities: under each of types.CHANNELS, 0 in padded slots, [b, k, 3].
    valid: False in padded slots, [b, k].
    inputs: of the attention reranker, None for the light one.
    features: of the light reranker, None for the other.
    prior: geo_prior.COLUMNS, None for a reranker without, [b, k, 4].
  """

  similarities: Float[jax.Array | np.ndarray, 'b k 3']
  valid: Bool[jax.Array | np.ndarray, 'b k']
  inputs: rerank_inputs.Inputs | None = None
  features: Float[jax.Array | np.ndarray, 'b k f'] | None = None
  prior: Float[jax.Array | np.ndarray, 'b k 4'] | None = None


def batch(shortlist: types.Shortlist, **parts: Any) -> Batch:
  """The candidates of a shortlist, and the module's own fields of Batch."""
  valid = shortlist.rows >= 0
  sims = np.where(valid[..., None], shortlist.similarities, 0.)
  return Batch(sims.astype(np.float32), valid, **parts)


def is_light(module: nn.Module) -> bool:
  """Whether it reads hand-made features instead of vectors."""
  return isinstance(module, light_reranker.LightReranker)


class Dims(NamedTuple):
  """Numbers in an embedding and in a raw feature; raw is 0 without any."""

  embedding: int
  raw: int


def example(module: nn.Module, dims: Dims) -> Batch:
  """A batch of one query and one candidate, all zero: shapes to begin from."""
  sims, valid = jnp.zeros((1, 1, len(types.CHANNELS))), jnp.ones((1, 1), bool)
  if is_light(module):
    return Batch(sims, valid, features=jnp.zeros(
        (1, 1, len(light_features.FEATURES))))
  z, raw = jnp.zeros((1, 1, dims.embedding)), jnp.zeros((1, 1, dims.raw))
  support = rerank_inputs.Support(
      z[:, :, None], jnp.zeros((1, 1, 1)),
      jnp.zeros((1, 1, len(rerank_inputs.SUPPORT))))
  return Batch(sims, valid, rerank_inputs.Inputs(
      z[0], raw[0] if module.use_raw else None, z,
      z if module.use_location else None, raw if module.use_raw else None,
      jnp.zeros((1, 1, len(rerank_inputs.META))),
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


def scores(module: nn.Module, params: Any, batch: Batch,
           weights: Float[jax.Array | np.ndarray, 'b c'] | None = None,
           dropout_key: jax.Array | None = None) -> Float[jax.Array, 'b k']:
  """One score per candidate, -inf in padded slots; weights by query."""
  rngs = None if dropout_key is None else {'dropout': dropout_key}
  network = module.apply({'params': params}, *_arguments(batch),
                         dropout_key is None, rngs=rngs)
  if weights is None:
    return network
  terms = batch.similarities
  if weights.shape[-1] > terms.shape[-1]:
    terms = jnp.concatenate([terms, batch.prior], axis=-1)
  # Not a dot product: a few numbers summed in full float32.
  return network + jnp.sum(terms * weights[:, None], axis=-1)


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

  One shape is one compilation, and a query's scores cannot depend on which
  others came with it.
  """

  def __init__(self, module: nn.Module, weights: Weights | None):
    self._weights = tile_weights(weights, 1)
    self._apply = jax.jit(functools.partial(scores, module),
                          compiler_options=transformer.compiler_options())

  def __call__(self, params: Any, batch: Batch) -> Float[np.ndarray, 'b k']:
    """Scores, -inf in padded slots."""
    one = [self._apply(params, jax.tree.map(lambda x, i=i: x[i:i + 1], batch),
                       self._weights)
           for i in range(len(batch.valid))]
    if not one:
      return np.zeros(batch.valid.shape, np.float32)
    return np.concatenate(jax.device_get(one))


def _arguments(batch: Batch) -> tuple[Any, ...]:
  if batch.features is not None:
    return batch.features, batch.valid
  return (batch.inputs,)
