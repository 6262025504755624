"""Training of the rerankers: their state and their step.

  batch {batch: Batch, dist_km [b, k], weights [b, c]} ─▶ scores ─▶ loss over
  each list ─▶ update; without weights the network alone scores
"""

from collections.abc import Callable, Mapping
import dataclasses
import functools
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Float
import optax
from pinpoint_jax.losses import ranking
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.rerank import scoring
from pinpoint_jax.train import state as states

TrainingExamples = Mapping[str, Any]
Metrics = dict[str, jax.Array]
Step = Callable[[states.TrainState, TrainingExamples],
                tuple[states.TrainState, Metrics]]


@dataclasses.dataclass(frozen=True)
class Objective:
  """Training objective; every field is a config field.

  Attributes:
    loss: pairwise_margin, expected_reward or plackett_luce.
    margin: of pairwise_margin.
    second_order: of plackett_luce: weight of the order of the gaps.
    within_1km, within_25km: of expected_reward: shares of the reward for
      answers that near, in addition to the GeoScore.
    residual: the score is the fused similarities plus the network, which then
      begins as the single-stage answer; False leaves the network alone.
    ema: decay of the running mean of the parameters.
  """

  loss: str = 'expected_reward'
  margin: float | int = 1.0
  within_1km: float | int = 0.2
  within_25km: float | int = 0.4
  second_order: float | int = 1.0
  residual: bool = True
  ema: float = 0.99

  def __post_init__(self):
    if self.loss not in ranking.LOSSES:
      raise ValueError(f'loss {self.loss!r}: choices are '
                       f'{sorted(ranking.LOSSES)}')
    if not 0 <= self.ema < 1:
      raise ValueError(f'ema={self.ema}: must be at least 0 and below 1')

  def cost(self, scores: Float[jax.Array, 'b k'],
           dist_km: Float[jax.Array, 'b k'],
           valid: jax.Array) -> Float[jax.Array, '']:
    """Mean over the queries that teach something."""
    options = {'pairwise_margin': {'margin': self.margin},
               'expected_reward': {'within_1km': self.within_1km,
                                   'within_25km': self.within_25km},
               'plackett_luce': {'second_order': self.second_order}}[self.loss]
    return ranking.mean(
        ranking.LOSSES[self.loss](scores, dist_km, valid, **options))


def make_state(module: nn.Module, dims: scoring.Dims,
               norms: Mapping[str, Any],
               optimizer: optax.GradientTransformation, seed: int,
               mesh: Mesh) -> states.TrainState:
  """A fresh state that standardises by `norms` and scores all alike."""
  def begin(key: jax.Array) -> Any:
    params = scoring.init(module, dims, key)
    # At first the network says nothing: the answer is that of the fusion.
    params['head'] = jax.tree.map(jnp.zeros_like, params['head'])
    return params | jax.tree.map(jnp.asarray, dict(norms))
  return states.make(begin, optimizer, seed, mesh)


def make_step(module: nn.Module, optimizer: optax.GradientTransformation,
              objective: Objective, seed: int, mesh: Mesh,
              state: states.TrainState) -> Step:
  """The compiled step: state and global batch to the next state and metrics."""
  # Not compiling.options(): for products this small XLA's own choice compiles
  # in two thirds of the time and runs in as much.
  placed = states.shardings(state, mesh)
  step = functools.partial(_step, module, optimizer, objective, seed, mesh)
  return jax.jit(
      step, in_shardings=(placed, meshes.split(mesh)),
      out_shardings=(placed, meshes.whole(mesh)), donate_argnums=0)


def _step(module: nn.Module, optimizer: optax.GradientTransformation,
          objective: Objective, seed: int, mesh: Mesh,
          state: states.TrainState, examples: TrainingExamples) -> tuple[
              states.TrainState, Metrics]:
  key = jax.random.fold_in(jax.random.key(seed), state.step)
  batch = examples['batch']
  def loss_fn(params: Any) -> jax.Array:
    scores = scoring.scores(
        module, params, batch, examples.get('weights'), key)
    return objective.cost(scores, examples['dist_km'], batch.valid)
  loss, grads = jax.value_and_grad(loss_fn)(
      states.gathered(state, mesh).params)
  metrics = {'loss': loss, 'grad_norm': optax.tree.norm(grads)}
  return states.apply_gradients(
      state, grads, optimizer, objective.ema, {}), metrics
