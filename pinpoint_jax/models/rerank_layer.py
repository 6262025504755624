"""One pre-LN layer of the reranker, which can answer for [CLS] alone."""

from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float
from pinpoint_jax.models import residual, transformer

Dtype = Any
# A logit that cannot win; finite, so that gradients are.
_NEVER = -1e30


class Layer(nn.Module):
  """Attention, then an MLP; both added to what came in."""

  num_heads: int
  expansion: int
  dropout: float
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(
      self, x: Float[jax.Array, 'b n w'], deterministic: bool,
      present: Bool[jax.Array, 'b n'] | None = None, first_only: bool = False,
  ) -> Float[jax.Array, 'b q w']:
    """Tokens that are not present are never looked at; None: all are.

    With first_only the answer is that of the first token, [b, 1, w].
    """
    width = x.shape[-1]
    y = residual.norm(self.dtype, 'norm')(x)
    asking = slice(0, 1) if first_only else slice(None)
    query = self._heads(1, width, 'query')(y[:, asking])[:, :, 0]
    both = self._heads(2, width, 'key_value')(y)
    y = attend(query, both[:, :, 0], both[:, :, 1], present)
    y = nn.DenseGeneral(width, axis=(-2, -1), dtype=self.dtype, name='out')(y)
    x = x[:, asking] + residual.Dropout(self.dropout)(y, deterministic)
    mlp = residual.ResidualMlp(self.expansion, self.dropout, self.dtype,
                               name='mlp')
    return mlp(x.reshape(-1, width), deterministic).reshape(x.shape)

  def _heads(self, num: int, width: int, name: str) -> nn.DenseGeneral:
    return nn.DenseGeneral((num, self.num_heads, width // self.num_heads),
                           dtype=self.dtype, name=name)


def attend(
    query: Float[jax.Array, 'b q h e'], key: Float[jax.Array, 'b n h e'],
    value: Float[jax.Array, 'b n h e'], present: Bool[jax.Array, 'b n'] | None,
) -> Float[jax.Array, 'b q h e']:
  """Softmax attention; where nothing is present the answer is finite."""
  if present is None:
    return transformer.attend(query, key, value, None)
  logits = jnp.einsum('bqhe,bkhe->bhqk', query * query.shape[-1]**-.5, key,
                      preferred_element_type=jnp.float32)
  logits = jnp.where(present[:, None, None, :], logits, _NEVER)
  weights = jax.nn.softmax(logits, axis=-1).astype(value.dtype)
  return jnp.einsum('bhqk,bkhe->bqhe', weights, value)
