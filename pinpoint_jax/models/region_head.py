"""The region head: which part of the world a raw feature comes from.

  feature, standardised ─▶ hidden layer of its source ─▶ shared output layer ─▶
  + how often rows of the source are in each cell ─▶ one logit per cell

Plain arrays by name: they lie in a file beside a reranker's own.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types

Params = Mapping[str, jax.Array | np.ndarray]
# A cell that no row is in is no impossible place.
_LEAST_SHARE = 1e-5
# Outputs begin small: at first, a cell is as likely as it is full.
_FIRST_OUTPUT = .1


def shapes(dim: int, hidden: int, num_cells: int) -> dict[str, tuple[int, ...]]:
  """Shape of every array, by name; the first axis of most is the source."""
  num = len(types.SOURCES)
  return {'inner': (num, dim, hidden), 'inner_bias': (num, hidden),
          'outer': (hidden, num_cells), 'outer_bias': (num, num_cells)}


def first_params(dim: int, hidden: int, shares: Float[np.ndarray, 's c'],
                 seed: int) -> Params:
  """Before training; `shares` of each source's rows that are in each cell.

  Sources begin alike and part as far as they gain by it.
  """
  keys = jax.random.split(jax.random.key(seed))
  inner = jax.random.normal(keys[0], (dim, hidden)) / dim**.5
  outer = jax.random.normal(keys[1], (hidden, shares.shape[1])) / hidden**.5
  return {'inner': jnp.repeat(inner[None], len(shares), axis=0),
          'inner_bias': jnp.zeros((len(shares), hidden)),
          'outer': _FIRST_OUTPUT * outer,
          'outer_bias': jnp.log(
              jnp.asarray(shares, jnp.float32) + _LEAST_SHARE)}


def logits(params: Params, rows: Float[jax.Array, 'b r'],
           source: Int[jax.Array, 'b']) -> Float[jax.Array, 'b c']:
  """Logits of standardised rows; `source` are places in types.SOURCES."""
  exact = jax.lax.Precision.HIGHEST
  # A row is all zero under the weights of the other source.
  hidden = params['inner_bias'][source] + sum(
      jnp.matmul(jnp.where((source == i)[:, None], rows, 0.), inner,
                 precision=exact)
      for i, inner in enumerate(params['inner']))
  return params['outer_bias'][source] + jnp.matmul(
      jax.nn.gelu(hidden), params['outer'], precision=exact)
