"""Pre-LN Transformer blocks, plain or stacked for scan.

  x ─┬─▶ norm1 ─▶ attention ─▶ (scale1) ─(+)─┬─▶ norm2 ─▶ mlp ─▶ (scale2) ─(+)─▶
     └──────────────────────────────────▶────┘ └───────────────────────▶────┘

Parameters are float32; `dtype` is what the arithmetic runs in. Softmax and
norm statistics stay float32 under every dtype.
"""

from collections.abc import Callable
import functools
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

Dtype = Any
Queries = Float[jax.Array, 'b q h e']
Keys = Float[jax.Array, 'b n h e']


def gelu_tanh(x: Float[jax.Array, '...']) -> Float[jax.Array, '...']:
  """GELU in its tanh form, as SigLIP was trained."""
  # 0.5 (1 + tanh u) = sigmoid(2u); on CPU one exp beats XLA's long tanh.
  inner = x * (1.5957691216057308 + 0.07135481627 * x * x)
  return x * jax.nn.sigmoid(inner)


def gelu_erf(x: Float[jax.Array, '...']) -> Float[jax.Array, '...']:
  """GELU in its exact form."""
  # Not jax.nn's erfc: XLA's takes seven times as long on CPU.
  x32 = x.astype(jnp.float32)
  return (x32 * (0.5 + 0.5 * jax.lax.erf(x32 * 0.5**0.5))).astype(x.dtype)


def quick_gelu(x: Float[jax.Array, '...']) -> Float[jax.Array, '...']:
  """x · sigmoid(1.702 x), as CLIP was trained."""
  return x * jax.nn.sigmoid(1.702 * x)


ACTIVATIONS: dict[str, Callable] = {
    'gelu_tanh': gelu_tanh, 'gelu': gelu_erf, 'quick_gelu': quick_gelu,
    'swiglu': jax.nn.silu,
}


def activation_fn(name: str) -> Callable:
  """The activation called `name`."""
  if name not in ACTIVATIONS:
    raise ValueError(
        f'activation {name!r}: choices are {sorted(ACTIVATIONS)}')
  return ACTIVATIONS[name]


def attend(q: Queries, k: Keys, v: Keys,
           implementation: str | None) -> Queries:
  """Softmax attention; None is our plain code, else jax.nn's by that name."""
  if implementation is not None:
    return jax.nn.dot_product_attention(
        q, k, v, implementation=implementation)
  # Heads first: batched products over contiguous [n, e] are what CPU likes.
  q, k, v = (x.swapaxes(1, 2) for x in (q, k, v))
  scale = jnp.asarray(q.shape[-1]**-0.5, q.dtype)
  logits = jnp.einsum('bhqe,bhke->bhqk', q * scale, k,
                      preferred_element_type=jnp.float32)
  weights = jax.nn.softmax(logits, axis=-1).astype(v.dtype)
  return jnp.einsum('bhqk,bhke->bhqe', weights, v).swapaxes(1, 2)


class Attention(nn.Module):
  """Multi-head self-attention; query, key and value in one product."""

  num_heads: int
  dtype: Dtype = jnp.float32
  implementation: str | None = None

  @nn.compact
  def __call__(self, x: Float[jax.Array, 'b n d']) -> Float[
      jax.Array, 'b n d']:
    width = x.shape[-1]
    head = width // self.num_heads
    qkv = nn.DenseGeneral((3, self.num_heads, head), dtype=self.dtype,
                          name='qkv')(x)
    q, k, v = (qkv[:, :, i] for i in range(3))
    mixed = attend(q, k, v, self.implementation)
    return nn.DenseGeneral(width, axis=(-2, -1), dtype=self.dtype,
                           name='out')(mixed)


class Mlp(nn.Module):
  """Two layers; 'swiglu' gates the upper half of `up` by the lower half."""

  mlp_dim: int
  activation: str = 'gelu_tanh'
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, x: Float[jax.Array, '*b d']) -> Float[jax.Array, '*b d']:
    gated = self.activation == 'swiglu'
    act = activation_fn(self.activation)
    hidden = nn.Dense(self.mlp_dim * (2 if gated else 1), dtype=self.dtype,
                      name='up')(x)
    if gated:
      gate, hidden = jnp.split(hidden, 2, axis=-1)
      hidden = act(gate) * hidden
    else:
      hidden = act(hidden)
    return nn.Dense(x.shape[-1], dtype=self.dtype, name='down')(hidden)


class Block(nn.Module):
  """One pre-LN layer; `layer_scale` multiplies each branch by a vector."""

  num_heads: int
  mlp_dim: int
  activation: str = 'gelu_tanh'
  eps: float = 1e-6
  layer_scale: bool = False
  dtype: Dtype = jnp.float32
  attention: str | None = None

  @nn.compact
  def __call__(self, x: Float[jax.Array, 'b n d']) -> Float[
      jax.Array, 'b n d']:
    norm = lambda name: nn.LayerNorm(
        epsilon=self.eps, dtype=self.dtype, name=name)
    y = Attention(self.num_heads, self.dtype, self.attention,
                  name='attention')(norm('norm1')(x))
    x = x + self._scaled(y, 'scale1')
    y = Mlp(self.mlp_dim, self.activation, self.dtype,
            name='mlp')(norm('norm2')(x))
    return x + self._scaled(y, 'scale2')

  def _scaled(self, y: jax.Array, name: str) -> jax.Array:
    if not self.layer_scale:
      return y
    scale = self.param(name, nn.initializers.ones, y.shape[-1:])
    return y * scale.astype(y.dtype)[None, None]


class Stack(nn.Module):
  """`depth` blocks. Scanned: parameters [depth, ...] under 'layers'.

  Not scanned, each block has its own 'layer_0', 'layer_1', …; the plain twin.
  """

  depth: int
  block: dict[str, Any]
  scan: bool = True
  remat: bool = False

  @nn.compact
  def __call__(self, x: Float[jax.Array, 'b n d']) -> Float[
      jax.Array, 'b n d']:
    if not self.scan:
      layer = nn.remat(Block) if self.remat else Block
      for i in range(self.depth):
        x = layer(**self.block, name=f'layer_{i}')(x)
      return x
    # The loop itself keeps the recomputation apart: no CSE barrier needed.
    layer = nn.remat(Block, prevent_cse=False) if self.remat else Block
    step = lambda module, carry, _: (module(carry), None)
    x, _ = nn.scan(
        step, variable_axes={'params': 0}, split_rngs={'params': True},
        length=self.depth)(layer(**self.block, name='layers'), x, None)
    return x


def unstacked(params: Any) -> Any:
  """Parameters of the scanned model for its plain twin (scan=False)."""
  layers = params['params']['blocks']['layers']
  depth = jax.tree.leaves(layers)[0].shape[0]
  blocks = {f'layer_{i}': jax.tree.map(lambda x, i=i: x[i], layers)
            for i in range(depth)}
  return {'params': dict(params['params'], blocks=blocks)}


# XLA hands CPU products to YNNPACK by default; without it they go to Eigen,
# which was a few percent faster for these shapes (benchmarks/vit_bench.py).
_CPU = {'xla_cpu_experimental_ynn_fusion_type': ''}


@functools.cache
def compiler_options() -> dict[str, str]:
  """What makes products fast on the default backend; {} where nothing does."""
  if jax.default_backend() != 'cpu':
    return {}
  try:
    jax.jit(lambda: 0, compiler_options=_CPU).lower().compile()
  except jax.errors.JaxRuntimeError:  # A jaxlib without that option.
    return {}
  return dict(_CPU)
