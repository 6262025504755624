"""A further source for a trained embedder; what it knows stays as it is.

  model, params = add_source(model, params, 'street', 1536, jax.random.key(0))

Training with `frozen` set to all but the new names then moves those alone.
"""

from typing import Any

import jax
import jax.numpy as jnp
from pinpoint_jax.models import embedder


def add_source(model: embedder.Embedder, params: Any, source: str, dim: int,
               key: jax.Array) -> tuple[embedder.Embedder, Any]:
  """The embedder with an adapter, temperature and bias for `source`.

  `dim` numbers make a feature of the new source. All other parameters are the
  given ones.
  """
  if source in model.sources:
    raise ValueError(f'source {source!r}: this embedder has it already, it '
                     f'knows {sorted(model.sources)}')
  wider = model.clone(sources=(*model.sources, source))
  made = jax.jit(wider.init)(
      key, {source: jnp.zeros((1, dim))}, {source: jnp.zeros((1, 3))})['params']
  return wider, made | dict(params)
