"""One Vision Transformer that is SigLIP, CLIP or DINOv2 by its fields.

  pixels ─▶ patches ─▶ + positions ─▶ [class, registers, patches] ─▶ (pre-norm)
         ─▶ blocks ─▶ norm ─▶ pool: attention ('map') or class token ('class')

A class token's own position is folded into the token, so `position` always
belongs to the patches alone and can be resampled to another grid.
"""

from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float
from pinpoint_jax.models import transformer

POOLS = ('map', 'class', 'mean')
_INIT = nn.initializers.normal(0.02)


class MapHead(nn.Module):
  """Attention pooling: one learned query looks at all tokens, then an MLP."""

  num_heads: int
  mlp_dim: int
  activation: str
  eps: float
  dtype: Any

  @nn.compact
  def __call__(self, x: Float[jax.Array, 'b n d']) -> Float[
      jax.Array, 'b d']:
    width = x.shape[-1]
    heads = (self.num_heads, width // self.num_heads)
    probe = self.param('probe', _INIT, (1, 1, width)).astype(self.dtype)
    q = nn.DenseGeneral(heads, dtype=self.dtype, name='query')(probe)
    kv = nn.DenseGeneral((2, *heads), dtype=self.dtype, name='key_value')(x)
    q = jnp.broadcast_to(q, (x.shape[0], 1, *heads))
    mixed = transformer.attend(q, kv[:, :, 0], kv[:, :, 1], None)
    y = nn.DenseGeneral(width, axis=(-2, -1), dtype=self.dtype,
                        name='out')(mixed)[:, 0]
    z = nn.LayerNorm(epsilon=self.eps, dtype=self.dtype, name='norm')(y)
    return y + transformer.Mlp(
        self.mlp_dim, self.activation, self.dtype, name='mlp')(z)


class ViT(nn.Module):
  """Images, already normalised, to one vector each.

  Attributes:
    image_size: height and width in pixels; what does not fill a patch at the
      right and lower edge is not seen (So400m/14 at 384 sees 378).
    pool: 'map' (SigLIP), 'class' (CLIP, DINOv2) or 'mean'.
    activation: of models.transformer.ACTIVATIONS.
    num_registers: extra tokens without a position, after the class token.
    pre_norm: LayerNorm before the first block (CLIP).
    attention: None (plain), 'xla' or 'cudnn'.
    scan: parameters stacked over layers; `remat` recomputes in the backward.
    dtype: of the arithmetic; parameters and the result are float32.
  """

  image_size: tuple[int, int]
  patch: int
  width: int
  depth: int
  num_heads: int
  mlp_dim: int
  pool: str = 'map'
  activation: str = 'gelu_tanh'
  eps: float = 1e-6
  num_registers: int = 0
  pre_norm: bool = False
  patch_bias: bool = True
  layer_scale: bool = False
  dtype: Any = jnp.float32
  attention: str | None = None
  scan: bool = True
  remat: bool = False

  @property
  def grid(self) -> tuple[int, int]:
    """Patches down and across."""
    return (self.image_size[0] // self.patch, self.image_size[1] // self.patch)

  def setup(self) -> None:
    """Builds the parts; what a family lacks has no parameters."""
    if self.pool not in POOLS:
      raise ValueError(f'pool {self.pool!r}: choices are {POOLS}')
    num_patches = self.grid[0] * self.grid[1]
    token = lambda name, n: self.param(name, _INIT, (n, self.width))
    self.embed = nn.Dense(self.width, use_bias=self.patch_bias,
                          dtype=self.dtype, name='patch')
    self.position = token('position', num_patches)
    if self.pool == 'class':
      self.class_token = token('class_token', 1)
    if self.num_registers:
      self.registers = token('registers', self.num_registers)
    norm = lambda: nn.LayerNorm(epsilon=self.eps, dtype=self.dtype)
    if self.pre_norm:
      self.norm_before = norm()
    self.blocks = transformer.Stack(self.depth, dict(
        num_heads=self.num_heads, mlp_dim=self.mlp_dim,
        activation=self.activation, eps=self.eps,
        layer_scale=self.layer_scale, dtype=self.dtype,
        attention=self.attention), self.scan, self.remat)
    self.norm = norm()
    if self.pool == 'map':
      self.head = MapHead(self.num_heads, self.mlp_dim, self.activation,
                          self.eps, self.dtype)

  def __call__(self, images: Float[jax.Array, 'b h w 3']) -> Float[
      jax.Array, 'b d']:
    """Pooled output, float32, not normalised."""
    x = self.norm(self.tokens(images))
    if self.pool == 'map':
      pooled = self.head(x)
    else:
      pooled = x[:, 0] if self.pool == 'class' else x.mean(1)
    return pooled.astype(jnp.float32)

  def tokens(self, images: Float[jax.Array, 'b h w 3']) -> Float[
      jax.Array, 'b n d']:
    """Tokens after the last block, before the last norm."""
    x = self.embed(self._patches(images))
    x = x + self.position.astype(self.dtype)[None]
    extra = []
    if self.pool == 'class':
      extra.append(self.class_token)
    if self.num_registers:
      extra.append(self.registers)
    batch = x.shape[0]
    extra = [jnp.broadcast_to(e.astype(self.dtype)[None], (batch, *e.shape))
             for e in extra]
    x = jnp.concatenate([*extra, x], axis=1) if extra else x
    x = self.norm_before(x) if self.pre_norm else x
    return self.blocks(x)

  def _patches(self, images: Float[jax.Array, 'b h w 3']) -> Float[
      jax.Array, 'b n p']:
    if images.shape[1:3] != tuple(self.image_size):
      raise ValueError(
          f'images of {images.shape[1:3]} pixels for a model of '
          f'{tuple(self.image_size)}: resize them (images/preprocess.py) or '
          f'resample the model (pretrained/load.py)')
    (down, across), p = self.grid, self.patch
    # A reshape and one product: a convolution with stride p, but faster.
    x = images[:, :down * p, :across * p].astype(self.dtype)
    x = x.reshape(x.shape[0], down, p, across, p, 3).swapaxes(2, 3)
    return x.reshape(x.shape[0], down * across, p * p * 3)
