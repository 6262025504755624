"""Products of few queries with rows as they are stored.

  float16 or int8 row ─▶ float32 ─▶ product ─▶ times the row's scale, as one

Beside so few queries a block of float32 rows costs more than the products: it
is written, read again, and its memory is new to the process each time. Beside
more of them BLAS, with rows widened before, is as fast or faster.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Float, Num
import numpy as np
from pinpoint_jax.search import vectors as vectors_lib

# Rows of a block: a call costs little beside it, and it stays in the cache.
ROWS = 2048
# Queries are padded to one of these numbers.
_SIZES = (1, 4, 16, 64)


class FewQueries:
  """Queries against parts of a gallery."""

  def __init__(self, queries: Float[np.ndarray, 'b d'],
               vectors: vectors_lib.Vectors):
    self._num, self._vectors = len(queries), vectors
    size = next(size for size in _SIZES if size >= self._num)
    self._padded = np.zeros((size, queries.shape[1]), np.float32)
    self._padded[:self._num] = queries

  def fit(self, part: slice) -> bool:
    """Whether that part is a whole block: each shape is compiled."""
    return part.stop - part.start == ROWS

  def scores(self, part: slice) -> Float[np.ndarray, 'n b']:
    """Fast scores of the rows of a part; not to be written into."""
    scale = None if self._vectors.scale is None else self._vectors.scale[part]
    return np.asarray(_products(
        self._vectors.stored[part], scale, self._padded))[:, :self._num]


def few_queries(queries: Float[np.ndarray, 'b d'],
                vectors: vectors_lib.Vectors) -> FewQueries | None:
  """The queries, if products with rows as they are stored are faster."""
  # An accelerator would take rows over its bus, and multiply less exactly.
  if (len(queries) > _SIZES[-1] or vectors.stored.dtype == np.float32
      or jax.default_backend() != 'cpu'):
    return None
  return FewQueries(queries, vectors)


@jax.jit
def _products(stored: Num[jax.Array, 'n d'],
              scale: Float[jax.Array, 'n'] | None,
              queries: Float[jax.Array, 'b d']) -> Float[jax.Array, 'n b']:
  products = jax.lax.dot_general(
      stored.astype(jnp.float32), queries, (((1,), (1,)), ((), ())),
      precision=jax.lax.Precision.HIGHEST)
  return products if scale is None else products * scale[:, None]
