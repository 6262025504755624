"""What training carries from step to step, and where it lies."""

from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from jax.sharding import Mesh
import optax
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.parallel import rules as rules_lib

Tree = Any

# Kernels [in, out] are split by their outputs; all else is small.
SHARDING_RULES: tuple[rules_lib.Rule, ...] = (
    # One score a candidate; queries, keys and values by their heads.
    (r'(^|/)head/kernel$', ()),
    (r'(query|key_value)/kernel$', (None, None, 'fsdp')),
    # First the axis of the loop.
    (r'(^|/)layers/(up|down)/kernel$', (None, None, 'fsdp')),
    (r'kernel$', (None, 'fsdp')),
    (r'_norm/(mean|std)$', ()),
    (r'(^|/)(kinds|support_none|gate)$', ()),
    (r'(^|/)cells/(owner|mean)$', ()),
    (r'(norm|norm1|norm2|norm_out)/(scale|bias)$', ()),
    (r'(/bias|bank(_\d+)?|log_temperature_\w+|/bias_\w+)$', ()),
    (r'(count|step|ns_coeffs)$', ()),
    (r'^queue/', ()),
)


@flax.struct.dataclass
class TrainState:
  """All that a checkpoint holds.

  Attributes:
    step: updates made so far, int32 [].
    params: what moves.
    ema: running mean of the params; what is evaluated and exported.
    opt_state: of the optimiser.
    queue: places of earlier batches by source, where the loss keeps some.
  """

  # As shapes, shardings or arrays: none of the fields can have one type.
  step: Any
  params: Tree
  ema: Tree
  opt_state: Tree
  queue: Tree


def make(init_fn: Callable[[jax.Array], Tree],
         optimizer: optax.GradientTransformation, seed: int, mesh: Mesh,
         queue: Tree | None = None) -> TrainState:
  """A fresh state, each array made where it belongs."""
  def begin(key: jax.Array) -> TrainState:
    params = init_fn(key)
    return TrainState(jnp.zeros((), jnp.int32), params,
                      jax.tree.map(jnp.copy, params), optimizer.init(params),
                      queue or {})
  key = jax.random.key(seed)
  placed = shardings(jax.eval_shape(begin, key), mesh)
  return jax.jit(begin, out_shardings=placed)(key)


def shardings(state: TrainState, mesh: Mesh) -> TrainState:
  """Sharding of every array in a state (arrays or shapes)."""
  return rules_lib.shardings(state, SHARDING_RULES, mesh)


def shapes(state: TrainState) -> TrainState:
  """Shapes, dtypes and shardings of a state, for restoring into."""
  return jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding),
      state)


def gathered(state: TrainState, mesh: Mesh) -> TrainState:
  """The state with whole params on every device, to compute with.

  Left to itself the compiler splits what is computed like the weights, and sums
  activations and tables of pairs between chips: slower, and too large for an
  embedder's 2 × 65,536 rows.
  """
  return state.replace(params=jax.lax.with_sharding_constraint(
      state.params, meshes.whole(mesh)))


def apply_gradients(state: TrainState, grads: Tree,
                    optimizer: optax.GradientTransformation, ema_decay: float,
                    queue: Tree) -> TrainState:
  """The state after one update."""
  updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
  params = optax.apply_updates(state.params, updates)
  # A young average would be mostly the random start.
  decay = jnp.minimum(ema_decay, (1. + state.step) / (10. + state.step))
  # In this form the mean of what does not move is that, to the bit.
  ema = jax.tree.map(lambda old, new: old + (1. - decay) * (new - old),
                     state.ema, params)
  return TrainState(state.step + 1, params, ema, opt_state, queue)
