"""EfficientNet-Lite0 over the four quadrants of a picture (Tan and Le, 2019).

  picture ─▶ four tiles ─▶ stem ─▶ blocks ─▶ head ─▶ mean over pixels, tiles
  448 × 448   224 × 224

  block: x ─┬─▶ expand ─▶ depthwise ─▶ project ─(+)─▶   (+ where shapes agree)
            └───────────────────────────────────┘

Lite is without squeeze-and-excitation, and ReLU6 is its activation. Batch norm
is folded into the kernels when weights are loaded. A 1×1 convolution is a
product of matrices and a depthwise one a sum of shifted products: on a CPU
XLA's grouped convolution is four times slower.
"""

import dataclasses
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

_INIT = nn.initializers.normal(0.1)
Maps = Float[jax.Array, 'b h w c']
NewMaps = Float[jax.Array, 'b y x d']


@dataclasses.dataclass(frozen=True)
class Stage:
  """Blocks of one width.

  Attributes:
    expand: factor of the width within a block; 1 has no expanding product.
    width: channels.
    depth: number of blocks; only the first one has `stride`.
    kernel: side of the depthwise kernel.
  """

  expand: int
  width: int
  depth: int
  kernel: int
  stride: int


LITE0 = (Stage(1, 16, 1, 3, 1), Stage(6, 24, 2, 3, 2), Stage(6, 40, 2, 5, 2),
         Stage(6, 80, 3, 3, 2), Stage(6, 112, 3, 5, 1), Stage(6, 192, 4, 5, 2),
         Stage(6, 320, 1, 3, 1))


def relu6(x: Float[jax.Array, '...']) -> Float[jax.Array, '...']:
  """x between 0 and 6."""
  return jnp.clip(x, 0, 6)


def depthwise(x: Maps, kernel: Float[jax.Array, 'k k c'],
              stride: int) -> Float[jax.Array, 'b y x c']:
  """Each channel with its own kernel, padded as TensorFlow's 'same' does."""
  side = kernel.shape[0]
  rows, columns = (_same_padding(size, side, stride) for size in x.shape[1:3])
  height, width = (-(-size // stride) for size in x.shape[1:3])
  padded = jnp.pad(x, ((0, 0), rows, columns, (0, 0)))
  def tap(i: int, j: int) -> jax.Array:
    seen = padded[:, i:i + stride * height:stride,
                  j:j + stride * width:stride]
    return seen[:, :height, :width] * kernel[i, j].reshape(1, 1, 1, -1)
  return sum(tap(i, j) for i in range(side) for j in range(side))


def quadrants(images: Maps) -> Float[jax.Array, 'b 4 y x c']:
  """Upper left, upper right, lower left and lower right of each picture."""
  batch, height, width, channels = images.shape
  tiles = images.reshape(batch, 2, height // 2, 2, width // 2, channels)
  return tiles.swapaxes(2, 3).reshape(
      batch, 4, height // 2, width // 2, channels)


class Block(nn.Module):
  """Expand, look around in each channel, project back."""

  stage: Stage
  stride: int
  dtype: Any

  @nn.compact
  def __call__(self, x: Maps) -> NewMaps:
    stage, y = self.stage, x
    if stage.expand > 1:
      y = relu6(nn.Dense(x.shape[-1] * stage.expand, dtype=self.dtype,
                         name='expand')(x))
    width = y.shape[-1]
    kernel = self.param('kernel', _INIT, (stage.kernel, stage.kernel, width))
    bias = self.param('bias', nn.initializers.zeros, (width,))
    y = depthwise(y, kernel.astype(self.dtype), self.stride)
    y = relu6(y + bias.astype(self.dtype).reshape(1, 1, 1, -1))
    y = nn.Dense(stage.width, dtype=self.dtype, name='project')(y)
    return x + y if x.shape == y.shape else y


class EfficientNetLite(nn.Module):
  """Pictures, already normalised, to one vector each.

  Attributes:
    image_size: height and width of a picture, twice those of a tile.
    stages: of blocks, in order.
    stem, dim, num_classes: channels before and after the blocks, and logits.
    dtype: of the arithmetic; parameters and results are float32.
  """

  image_size: tuple[int, int] = (448, 448)
  stages: tuple[Stage, ...] = LITE0
  stem: int = 32
  dim: int = 1280
  num_classes: int = 1000
  dtype: Any = jnp.float32

  def setup(self) -> None:
    """Builds the parts."""
    self.first = nn.Conv(self.stem, (3, 3), 2, padding='SAME',
                         dtype=self.dtype)
    self.blocks = [Block(stage, 1 if i else stage.stride, self.dtype)
                   for stage in self.stages for i in range(stage.depth)]
    self.head = nn.Dense(self.dim, dtype=self.dtype)
    self.classifier = nn.Dense(self.num_classes)

  def __call__(self, images: Float[jax.Array, 'b h w 3']) -> Float[
      jax.Array, 'b d']:
    """Mean over the quadrants of what `pooled` gives, not normalised."""
    if images.shape[1:3] != tuple(self.image_size):
      raise ValueError(
          f'pictures of {images.shape[1:3]} pixels for quadrants of '
          f'{tuple(self.image_size)}: resize them (images/preprocess.py)')
    tiles = quadrants(images)
    pooled = self.pooled(tiles.reshape(-1, *tiles.shape[2:]))
    return pooled.reshape(len(images), 4, -1).mean(1)

  def pooled(self, tiles: Float[jax.Array, 'b h w 3']) -> Float[
      jax.Array, 'b d']:
    """Mean of the last maps of single tiles, float32."""
    x = relu6(self.first(tiles.astype(self.dtype)))
    for block in self.blocks:
      x = block(x)
    return relu6(self.head(x)).astype(jnp.float32).mean((1, 2))

  def logits(self, tiles: Float[jax.Array, 'b h w 3']) -> Float[
      jax.Array, 'b n']:
    """Scores of the classes that the network was trained on."""
    return self.classifier(self.pooled(tiles))


def _same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
  total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
  return total // 2, total - total // 2
