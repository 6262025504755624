"""Validation of a reranker: held-out queries, their lists, the best of them.

The lists are made without the query itself, its author and its sequence,
whatever training did.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.evals import metrics
from pinpoint_jax.losses import ranking
from pinpoint_jax.parallel import arrays, processes
from pinpoint_jax.rerank import scoring

# Queries whose vectors are in memory at a time.
_BLOCK = 64
_SHOWN = ('acc@1km', 'acc@25km', 'acc@200km', 'geoscore')


@runtime_checkable
class TrainingExamples(Protocol):
  """Held-out queries with their candidates, by number."""

  def __len__(self) -> int: ...
  def __getitems__(self, rows: Any) -> Mapping[str, Any]: ...
  def photos(self, rows: Any) -> types.Photos: ...


class Reranking:
  """Evaluator: what the best candidate of each held-out query is worth."""

  def __init__(self, name: str, every: int, scorer: scoring.Scorer,
               examples: TrainingExamples, fusion: scoring.Weights,
               reward: Callable[[np.ndarray], np.ndarray]):
    """`fusion` answers beside the network, as the linear part does; `reward`
    is of a distance."""
    self.name, self.every = name, every
    self._scorer, self._examples = scorer, examples
    self._fusion, self._reward = np.asarray(fusion, np.float32), reward

  def run(self, state: Any) -> dict[str, float]:
    """Figures of the mean weights, linear_… without the network, and fusion_…
    of the single stage."""
    params = jax.device_put(arrays.to_numpy(state.ema))
    model, linear, fused = processes.in_parts(
        lambda at: np.concatenate([
            self._block(params, np.arange(at.start, at.stop)[some])
            for some in blocks.slices(at.stop - at.start, _BLOCK)]),
        len(self._examples)).T
    kept = np.isfinite(model)
    if not kept.any():
      raise ValueError(f'{self.name}: no held-out query has a candidate')
    shown = {'num_queries': float(kept.sum()),
             'without_candidates': float((~kept).sum())}
    clusters = self._examples.photos(np.flatnonzero(kept)).clusters
    return (shown | self._figures('', model[kept], clusters)
            | self._figures('linear_', linear[kept], clusters)
            | self._figures('fusion_', fused[kept], clusters))

  def _block(self, params: Any, rows: Int[np.ndarray, 'n']) -> Float[
      np.ndarray, 'n 3']:
    """Error of the reranker's answer, of its linear part's and of fusion's,
    inf where none is."""
    examples = self._examples.__getitems__(rows)
    batch, dist_km = examples['batch'], examples['dist_km']
    fused = np.where(batch.valid, (batch.similarities * self._fusion).sum(
        axis=-1), -np.inf)
    linear, network = self._scorer.parts(params, batch)
    best = np.stack([np.argmax(scores, axis=1) for scores in (
        linear + network, linear, fused)], axis=1)
    return np.take_along_axis(dist_km, best, axis=1)

  def _figures(self, prefix: str, dist_km: Float[np.ndarray, 'n'],
               clusters: types.Strings) -> dict[str, float]:
    figures = metrics.summarise(metrics.Errors(
        dist_km.astype(np.float64), clusters))
    reward = float(np.mean(self._reward(dist_km)))
    return {f'{prefix}reward': reward} | {
        f'{prefix}{name}': figures[name] for name in _SHOWN}


def reward_fn(within_1km: float | int, within_25km: float | int) -> Callable[
    [np.ndarray], np.ndarray]:
  """What answers are worth, by their distances [n], as numpy."""
  def reward(dist_km: Float[np.ndarray, 'n']) -> Float[np.ndarray, 'n']:
    return np.asarray(ranking.rewards(
        jnp.asarray(dist_km)[:, None], within_1km, within_25km))[:, 0]
  return reward
