"""Products of bfloat16, of which some CPUs do twice as many as of float32.

  fast score = Σ bf16(q_i) · bf16(x_i), summed in float32

Such a score decides nothing; it only says which rows may be among the best. How
far ‖q − bf16(q)‖ is gets measured, and ‖x − bf16(x)‖ ≤ 2⁻⁸ ‖x‖ for any row:

  |fast − exact| ≤ ‖x‖ · (‖q − bf16(q)‖ + 2⁻⁸ ‖bf16(q)‖) + float32's own error
"""

import functools
import pathlib

import jax
import jax.numpy as jnp
from jaxtyping import Float
import numpy as np

# Rounding to eight bits; a little more for the rounding of the bound itself.
_UNIT = 2.**-8 * (1 + 2.**-20)
# Beyond, numbers may round to infinity.
LARGEST = 1e30
_FLAGS = {'avx512_bf16', 'amx_bf16'}
_CPU_INFO = pathlib.Path('/proc/cpuinfo')


@functools.cache
def available() -> bool:
  """Whether this CPU multiplies bfloat16, and jax runs on it."""
  if jax.default_backend() != 'cpu' or not _CPU_INFO.exists():
    return False
  return bool(_FLAGS & set(_CPU_INFO.read_text().split()))


class ShortQueries:
  """Queries as bfloat16.

  Attributes:
    error: largest difference of a fast score for rows of length 1, besides
      that of float32 products, float64 [b].
  """

  def __init__(self, queries: Float[np.ndarray, 'b d']):
    self._stored = jnp.asarray(queries).astype(jnp.bfloat16)
    rounded = np.asarray(self._stored.astype(jnp.float32), np.float64)
    length = lambda rows: np.sqrt(np.einsum('bd,bd->b', rows, rows))
    self.error = length(queries - rounded) + _UNIT * length(rounded)

  def scores(self, block: Float[np.ndarray, 'n d']) -> Float[
      np.ndarray, 'n b']:
    """Fast scores of the rows of a block; not to be written into."""
    return np.asarray(_scores(block, self._stored))


@jax.jit
def _scores(block: jax.Array, queries: jax.Array) -> jax.Array:
  return jax.lax.dot_general(
      block.astype(jnp.bfloat16), queries, (((1,), (1,)), ((), ())),
      preferred_element_type=jnp.float32)
