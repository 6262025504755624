"""A small convolutional backbone for small pictures.

  pixels ─ strided convolutions, residual ones between ─ a grid of columns
     └▶ each head looks where its thing is: softmax over the grid
         └▶ what the heads read, side by side ─ feature ─ numbers of the cues
"""

from collections.abc import Sequence
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float, UInt8
from pinpoint_jax.models import layers

Dtype = Any


def unit_range(pixels: UInt8[jax.Array, 'b h w 3']) -> Float[
    jax.Array, 'b h w 3']:
  """Pixels from -1 to 1."""
  return pixels.astype(jnp.float32) / 127.5 - 1


class ConvNet(nn.Module):
  """Pictures of one size to features.

  Attributes:
    image_size: height and width in pixels.
    widths: channels of each stage; each halves the grid.
    depths: residual convolutions of each stage.
    num_heads, head_dim: heads that look at the grid, and numbers each reads.
    dim: of a feature.
  """

  image_size: Sequence[int] = (96, 96)
  widths: Sequence[int] = (32, 64, 128, 256)
  depths: Sequence[int] = (0, 1, 1, 2)
  num_heads: int = 16
  head_dim: int = 32
  dim: int = 256
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, images: Float[jax.Array, 'b h w 3']) -> Float[
      jax.Array, 'b d']:
    """Features, float32, of pixels from -1 to 1."""
    if images.shape[1:3] != tuple(self.image_size):
      raise ValueError(f'pictures of {images.shape[1:3]} pixels: the model '
                       f'takes {tuple(self.image_size)}')
    x = images.astype(self.dtype)
    for i, (width, depth) in enumerate(zip(self.widths, self.depths)):
      x = self._conv(x, width, 5 if i == 0 else 3, 2, f'conv_down_{i}')
      for j in range(depth):
        y = nn.relu(layers.norm(self.dtype, f'stage_{i}_{j}_norm')(x))
        x = x + self._conv(y, width, 3, 1, f'conv_{i}_{j}')
      # No norm here: it would take away how light and how strong a colour is.
      x = nn.relu(x)
    x = x.reshape(len(x), -1, x.shape[-1])
    where = nn.softmax(nn.Dense(self.num_heads, name='look')(x), axis=1)
    seen = jnp.einsum('bph,bpc->bhc', where, x)
    kernel = self.param(
        'read_kernel', nn.initializers.lecun_normal(batch_axis=0),
        (self.num_heads, x.shape[-1], self.head_dim))
    read = jnp.einsum('bhc,hcd->bhd', seen, kernel.astype(x.dtype))
    read = nn.relu(read.reshape(len(x), -1))
    return nn.Dense(self.dim, dtype=self.dtype, name='feature')(
        read).astype(jnp.float32)

  def _conv(self, x: jax.Array, width: int, size: int, stride: int,
            name: str) -> jax.Array:
    return nn.Conv(width, (size, size), stride, dtype=self.dtype,
                   kernel_init=nn.initializers.he_normal(), name=name)(x)


class CueReader(nn.Module):
  """A backbone with a linear head that names the numbers of the cues."""

  backbone: ConvNet
  num_cues: int

  @nn.compact
  def __call__(self, images: Float[jax.Array, 'b h w 3']) -> Float[
      jax.Array, 'b k']:
    """The cue numbers that the pictures seem to show."""
    # At first it names the mean of every number: what hidden ones ask for.
    head = nn.Dense(self.num_cues, name='head',
                    kernel_init=nn.initializers.zeros)
    return head(self.backbone(images))
