"""A small network over hand-made features: one score per candidate."""

from collections.abc import Sequence
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float
from pinpoint_jax.models import layers, transformer
from pinpoint_jax.models.layers import Standardise

Dtype = Any


class LightReranker(nn.Module):
  """Scores candidates; every number is a config field of the same name.

  Attributes:
    widths: of the hidden layers.
  """

  widths: Sequence[int] = (64, 64)
  dropout: float = 0.0
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(
      self, features: Float[jax.Array, 'b k f'], valid: Bool[jax.Array, 'b k'],
      deterministic: bool = True) -> Float[jax.Array, 'b k']:
    """Scores of light_features.FEATURES, -inf in padded slots."""
    x = jnp.where(valid[..., None], features, 0.)
    x = Standardise(name='features_norm')(x)
    for i, width in enumerate(self.widths):
      x = nn.Dense(width, dtype=self.dtype, name=f'hidden_{i}')(x)
      x = layers.Dropout(self.dropout)(
          transformer.gelu_erf(x), deterministic)
    scores = nn.Dense(1, name='head')(x)[..., 0]
    return jnp.where(valid, scores, -jnp.inf)
