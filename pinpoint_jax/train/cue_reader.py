"""Training of a backbone that names what pictures show: its state and step.

  batch = {pixels [b, h, w, 3], values [b, k], shown [b, k]}
     └▶ named numbers ─▶ squared error, less of what is hidden ─▶ update
"""

from collections.abc import Callable, Mapping
import dataclasses
import functools
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Bool, Float
import optax
from pinpoint_jax.models import convnet, transformer
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.train import state as states

Batch = Mapping[str, jax.Array]
Metrics = dict[str, jax.Array]
Step = Callable[[states.TrainState, Batch], tuple[states.TrainState, Metrics]]


@dataclasses.dataclass(frozen=True)
class Objective:
  """Training objective; every field is a config field.

  Attributes:
    hidden_weight: weight of the error on what a picture does not show; the best
      answer there is the mean, and a feature that gives it says "not seen".
    ema: decay of the running mean of the parameters.
  """

  hidden_weight: float = 0.1
  ema: float = 0.996

  def __post_init__(self):
    if self.hidden_weight < 0 or not 0 <= self.ema < 1:
      raise ValueError(f'hidden_weight={self.hidden_weight}, ema={self.ema}: '
                       f'must be at least 0, and the latter below 1')

  def cost(self, named: Float[jax.Array, 'b k'],
           values: Float[jax.Array, 'b k'],
           shown: Bool[jax.Array, 'b k']) -> Float[jax.Array, '']:
    """Mean squared error, weighted by what is shown."""
    weight = jnp.where(shown, 1.0, self.hidden_weight)
    return jnp.sum(weight * (named - values)**2) / jnp.maximum(
        jnp.sum(weight), 1e-9)


def make_state(module: nn.Module, image_size: tuple[int, int],
               optimizer: optax.GradientTransformation, seed: int,
               mesh: Mesh) -> states.TrainState:
  """A fresh state."""
  init = lambda key: module.init(key, jnp.zeros((1, *image_size, 3)))['params']
  return states.make(init, optimizer, seed, mesh)


def make_step(module: nn.Module, optimizer: optax.GradientTransformation,
              objective: Objective, mesh: Mesh,
              state: states.TrainState) -> Step:
  """The compiled step: state and global batch to the next state and metrics."""
  placed = states.shardings(state, mesh)
  return jax.jit(
      functools.partial(_step, module, optimizer, objective),
      in_shardings=(placed, meshes.split(mesh)),
      out_shardings=(placed, meshes.whole(mesh)), donate_argnums=0,
      compiler_options=transformer.compiler_options())


def _step(module: nn.Module, optimizer: optax.GradientTransformation,
          objective: Objective, state: states.TrainState,
          batch: Batch) -> tuple[states.TrainState, Metrics]:
  def loss_fn(params: Any) -> jax.Array:
    named = module.apply({'params': params},
                         convnet.unit_range(batch['pixels']))
    return objective.cost(named, batch['values'], batch['shown'])
  loss, grads = jax.value_and_grad(loss_fn)(state.params)
  metrics = {'loss': loss, 'grad_norm': optax.tree.norm(grads)}
  return states.apply_gradients(
      state, grads, optimizer, objective.ema, {}), metrics
