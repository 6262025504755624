"""Columns at mean 0 and deviation 1, by numbers that are saved with a model.

They are parameters, so that files and averages have them, but never move: no
gradient reaches them, and weight decay leaves out what is called a norm.
"""

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float
import numpy as np

# A column that varies less is taken for constant; it is only centred.
_CONSTANT = 1e-6


class Standardise(nn.Module):
  """(x − mean) / std, column by column, in float32; at first (x − 0) / 1."""

  @nn.compact
  def __call__(self, x: Float[jax.Array, '*b f']) -> Float[jax.Array, '*b f']:
    columns = x.shape[-1:]
    mean = self.param('mean', nn.initializers.zeros, columns)
    std = self.param('std', nn.initializers.ones, columns)
    mean, std = (jax.lax.stop_gradient(jnp.reshape(
        p, (1,) * (x.ndim - 1) + columns)) for p in (mean, std))
    return (x.astype(jnp.float32) - mean) / std


def fit(x: Float[np.ndarray, '*b f'],
        valid: Bool[np.ndarray, '*b']) -> dict[str, Float[np.ndarray, 'f']]:
  """The parameters of a Standardise for the rows of x that are valid."""
  rows = np.asarray(x[valid], np.float64)
  if not len(rows):
    raise ValueError('no valid row to take means and deviations of')
  bad = np.flatnonzero(~np.isfinite(rows).all(axis=0))
  if len(bad):
    raise ValueError(f'columns {bad.tolist()} of {len(rows)} rows hold NaN or '
                     f'infinity: they have no mean')
  std = rows.std(axis=0)
  return {'mean': rows.mean(axis=0).astype(np.float32),
          'std': np.where(std > _CONSTANT, std, 1.).astype(np.float32)}
