"""One score per candidate: how good an answer it is to this query.

  [CLS] query_image query_raw │ image location raw support [products] meta
        └─ the same for all ─┘ └──── of this candidate ────────────────┘
          ▼ projected to one width, + what kind of token it is
  num_layers × (attention among these tokens, MLP)
          ▼ [CLS]
  strict_independent: head ─▶ score             a candidate stands alone
  else: set_layers among the candidates' [CLS] ─▶ head ─▶ score
"""

from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float
from pinpoint_jax.models import layers, rerank_inputs, transformer
from pinpoint_jax.models.layers import Standardise

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
    y = layers.norm(self.dtype, 'norm')(x)
    asking = slice(0, 1) if first_only else slice(None)
    query = self._heads(1, width, 'query')(y[:, asking])[:, :, 0]
    both = self._heads(2, width, 'key_value')(y)
    y = attend_present(query, both[:, :, 0], both[:, :, 1], present)
    y = nn.DenseGeneral(width, axis=(-2, -1), dtype=self.dtype, name='out')(y)
    x = x[:, asking] + layers.Dropout(self.dropout)(y, deterministic)
    mlp = layers.ResidualMlp(self.expansion, self.dropout, self.dtype,
                             name='mlp')
    return mlp(x.reshape(-1, width), deterministic).reshape(x.shape)

  def _heads(self, num: int, width: int, name: str) -> nn.DenseGeneral:
    return nn.DenseGeneral((num, self.num_heads, width // self.num_heads),
                           dtype=self.dtype, name=name)


def attend_present(
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


class Reranker(nn.Module):
  """Scores candidates; every number is a config field of the same name.

  Attributes:
    cls_only: the last layer is computed for [CLS] alone, whose answer is the
      only one used; False is the plain twin.
    products: tokens of what query and candidate have in common, coordinate by
      coordinate of a learned projection: a token cannot find that by adding.
    support_temperature: of the softmax that weighs the support rows.
  """

  width: int = 512
  num_layers: int = 4
  num_heads: int = 8
  expansion: int = 4
  dropout: float = 0.1
  use_raw: bool = True
  use_location: bool = True
  use_support: bool = True
  products: bool = False
  strict_independent: bool = True
  set_layers: int = 1
  support_temperature: float = 0.05
  cls_only: bool = True
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, inputs: rerank_inputs.Inputs,
               deterministic: bool = True) -> Float[jax.Array, 'b k']:
    """Scores, -inf in padded slots."""
    check(self, inputs)
    batch, k = inputs.valid.shape
    x = self._tokens(inputs).reshape(batch * k, -1, self.width)
    for i in range(self.num_layers):
      last = self.cls_only and i == self.num_layers - 1
      x = self._layer(f'layer_{i}')(x, deterministic, first_only=last)
    x = x[:, 0].reshape(batch, k, self.width)
    if not self.strict_independent:
      for i in range(self.set_layers):
        x = self._layer(f'set_{i}')(x, deterministic, present=inputs.valid)
    x = layers.norm(jnp.float32, 'norm')(x)
    scores = nn.Dense(1, name='head')(x)[..., 0]
    return jnp.where(inputs.valid, scores, -jnp.inf)

  def _layer(self, name: str) -> Layer:
    return Layer(self.num_heads, self.expansion, self.dropout, self.dtype,
                 name=name)

  def _tokens(self, inputs: rerank_inputs.Inputs) -> Float[
      jax.Array, 'b k n w']:
    """The tokens of each candidate, [CLS] first."""
    valid = inputs.valid
    image = self._project('image')
    # [CLS] is nothing but the kind of token it is.
    tokens = [jnp.zeros((1, 1, self.width), self.dtype),
              self._project('query_image')(
                  vectors(inputs.query_image))[:, None]]
    if self.use_raw:
      tokens += [self._project('query_raw')(
          vectors(inputs.query_raw))[:, None]]
    tokens += [image(vectors(inputs.image, valid))]
    if self.use_location:
      tokens += [self._project('location')(vectors(inputs.location, valid))]
    if self.use_raw:
      tokens += [self._project('raw')(vectors(inputs.raw, valid))]
    meta = Standardise(name='meta_norm')(filled(inputs.meta, valid))
    if self.use_support:
      near = valid & jnp.any(jnp.isfinite(inputs.support.image_sims), axis=-1)
      meta = jnp.concatenate(
          [meta, near[..., None].astype(meta.dtype)], axis=-1)
      tokens += [self._support(inputs.support, near, image)]
    if self.products:
      tokens += self._products(inputs)
    tokens += [self._project('meta')(meta)]
    shape = (*valid.shape, self.width)
    kinds = self.param('kinds', nn.initializers.normal(0.02),
                       (len(tokens), self.width)).astype(self.dtype)
    return jnp.stack([jnp.broadcast_to(t, shape) for t in tokens],
                     axis=2) + kinds[None, None]

  def _support(self, support: rerank_inputs.Support,
               near: Bool[jax.Array, 'b k'],
               image: nn.Dense) -> Float[jax.Array, 'b k w']:
    """Pooled rows and their scalars; a learned token where there are none."""
    scalars = Standardise(name='support_norm')(filled(support.scalars, near))
    # The rows are of the gallery too: they share the candidates' projection.
    token = self._project('support')(scalars) + image(
        pooled(support.image, support.image_sims, self.support_temperature))
    if self.use_raw:
      token += self._project('support_raw')(
          pooled(support.raw, support.raw_sims, self.support_temperature))
    none = self.param('support_none', nn.initializers.normal(0.02),
                      (self.width,)).astype(token.dtype)
    return jnp.where(near[..., None], token, none[None, None])

  def _project(self, name: str) -> nn.Dense:
    return nn.Dense(self.width, dtype=self.dtype, name=name)

  def _products(self, inputs: rerank_inputs.Inputs) -> list[
      Float[jax.Array, 'b k w']]:
    """A token for each pair of vectors of query and candidate."""
    pairs = {'image': (inputs.query_image, inputs.image)}
    if self.use_location:
      pairs['location'] = inputs.query_image, inputs.location
    if self.use_raw:
      pairs['raw'] = inputs.query_raw, inputs.raw
    tokens = []
    for name, (query, candidates) in pairs.items():
      project = nn.Dense(
          self.width, use_bias=False, dtype=self.dtype,
          kernel_init=nn.initializers.orthogonal(), name=f'compare_{name}')
      tokens.append(self._project(f'product_{name}')(
          project(vectors(query))[:, None]
          * project(vectors(candidates, inputs.valid))))
    return tokens


def check(module: nn.Module, inputs: rerank_inputs.Inputs) -> None:
  """Refuses inputs that lack what the module is to use."""
  needed = {'use_raw': ('query_raw', 'raw'), 'use_location': ('location',),
            'use_support': ('support',)}
  for option, names in needed.items():
    absent = [name for name in names if getattr(inputs, name) is None]
    if getattr(module, option) and absent:
      raise ValueError(f'the reranker has {option}=True but its inputs lack '
                       f'{absent}: give them, or set {option}=False')


def vectors(x: Float[jax.Array, '*b d'],
            valid: Bool[jax.Array, '*b'] | None = None) -> Float[
                jax.Array, '*b d']:
  """x at a length that makes its numbers about 1, whatever it was before."""
  if valid is not None:
    x = filled(x, valid)
  return layers.unit(x) * x.shape[-1]**0.5


def filled(x: Float[jax.Array, '*b d'],
           valid: Bool[jax.Array, '*b']) -> Float[jax.Array, '*b d']:
  """x with 0 where it is padding, so that NaN there reaches no gradient."""
  return jnp.where(valid[..., None], x, jnp.zeros((), x.dtype))


def pooled(rows: Float[jax.Array, 'b k s d'], sims: Float[jax.Array, 'b k s'],
           temperature: float) -> Float[jax.Array, 'b k d']:
  """Support rows weighed by softmax(sim / temperature), 0 where none."""
  present = jnp.isfinite(sims)
  sims = jnp.where(present, sims.astype(jnp.float32), 0.)
  weights = jax.nn.softmax(sims / temperature, axis=-1, where=present)
  weights = jnp.where(present, weights, 0.)
  return jnp.einsum('bks,bksd->bkd', weights, vectors(rows, present))
