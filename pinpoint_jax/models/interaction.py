"""One score per candidate from what it and the query have in common.

  query  ─▶ P·q ─┐ coordinate by coordinate: product, and distance
  vector ─▶ P·c ─┴▶ of image, image against place, raw, [support]  ─┐
  meta ────────────────────────────────────────────────────────────┴▶ x
  score = head(x, one hidden layer of x)

Which cues a picture shows differs from picture to picture: no fixed metric is
best, and a learned projection may find where both show the same.
"""

from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float
from pinpoint_jax.models import layers, rerank_inputs, reranker, transformer
from pinpoint_jax.models.layers import Standardise

Dtype = Any
# Brings products of standardised coordinates to about the size of meta.
_SCALE = 0.25


class Interaction(nn.Module):
  """Scores candidates; every number is a config field of the same name.

  Attributes:
    projections: coordinates in which query and candidate are compared.
    hidden: width of the hidden layer.
    support_temperature: of the softmax that weighs the support rows.
  """

  projections: int = 64
  hidden: int = 96
  dropout: float = 0.1
  use_raw: bool = True
  use_location: bool = True
  use_support: bool = False
  support_temperature: float = 0.05
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, inputs: rerank_inputs.Inputs,
               deterministic: bool = True) -> Float[jax.Array, 'b k']:
    """Scores, -inf in padded slots."""
    reranker.check(self, inputs)
    valid = inputs.valid
    meta = reranker.filled(inputs.meta, valid)
    parts = [Standardise(name='meta_norm')(meta), *self._compared(
        'image', inputs.query_image, inputs.image, valid)]
    if self.use_location:
      parts += self._compared(
          'location', inputs.query_image, inputs.location, valid)
    if self.use_raw:
      parts += self._compared('raw', inputs.query_raw, inputs.raw, valid)
    if self.use_support:
      parts += self._support(inputs)
    x = jnp.concatenate(parts, axis=-1).astype(self.dtype)
    hidden = nn.Dense(self.hidden, dtype=self.dtype, name='hidden')(
        layers.Dropout(self.dropout)(x, deterministic))
    x = jnp.concatenate([x, transformer.gelu_erf(hidden)], axis=-1)
    scores = nn.Dense(1, name='head')(x.astype(jnp.float32))[..., 0]
    return jnp.where(valid, scores, -jnp.inf)

  def _compared(self, name: str, query: Float[jax.Array, 'b d'],
                candidates: Float[jax.Array, 'b k d'],
                valid: Bool[jax.Array, 'b k']) -> list[
                    Float[jax.Array, 'b k p']]:
    """Product and distance in each learned coordinate, 0 where not valid."""
    project = nn.Dense(self.projections, use_bias=False, dtype=self.dtype,
                       kernel_init=nn.initializers.orthogonal(), name=name)
    asked = project(reranker.vectors(query))[:, None]
    seen = project(reranker.vectors(candidates, valid))
    return [reranker.filled(_SCALE * x, valid)
            for x in (asked * seen, jnp.abs(asked - seen))]

  def _support(self, inputs: rerank_inputs.Inputs) -> list[
      Float[jax.Array, 'b k _']]:
    """The same of the pooled support rows, and their scalars."""
    support, temperature = inputs.support, self.support_temperature
    near = inputs.valid & jnp.any(jnp.isfinite(support.image_sims), axis=-1)
    parts = self._compared(
        'support_image', inputs.query_image, reranker.pooled(
            support.image, support.image_sims, temperature), near)
    if self.use_raw:
      parts += self._compared(
          'support_raw', inputs.query_raw, reranker.pooled(
              support.raw, support.raw_sims, temperature), near)
    scalars = Standardise(name='support_norm')(
        reranker.filled(support.scalars, near))
    return [*parts, reranker.filled(scalars, near),
            near[..., None].astype(jnp.float32)]
