"""The light reranker, cross-fitted like the fusion that it corrects.

The network that answers a fold has learned from the held-out lists of the
other folds; see fused.py.
"""

from collections.abc import Iterator, Sequence
import dataclasses
import time
from typing import Any

from flax import linen as nn
import jax
import numpy as np
from pinpoint_jax.crossval import fused
from pinpoint_jax.crossval import lists as lists_lib
from pinpoint_jax.models import layers, light_reranker
from pinpoint_jax.parallel import arrays
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.rerank import light_features, scoring
from pinpoint_jax.train import optimizer as optimizers
from pinpoint_jax.train import reranker as training

# With fewer queries the network has nothing to add to three weights.
MIN_ROWS = 2000
_MOST, _EPOCHS = 10_000, 5


@dataclasses.dataclass(frozen=True)
class Settings:
  """How the network learns.

  Attributes:
    widths: of its hidden layers.
    dropout: share of the hidden numbers that a step forgets.
    objective: what is optimised.
    optimizer: how parameters move.
    batch_size: queries of a step.
    min_steps: steps at least; more where the queries are many.
  """

  widths: tuple[int, ...] = (64, 64)
  dropout: float = 0.1
  objective: training.Objective = training.Objective()
  optimizer: optimizers.Settings = optimizers.Settings()
  batch_size: int = 128
  min_steps: int = 300


def answer(folds: Sequence[lists_lib.Lists], settings: Settings,
           seed: int) -> Iterator[dict[str, fused.Answered]]:
  """Answers to each fold, by decoding."""
  for number, lists in enumerate(folds):
    began = time.monotonic()
    others = [other for i, other in enumerate(folds) if i != number]
    score_fn, note = _trained(
        lists_lib.several(others, _MOST), lists.channels, settings, seed)
    by_decoding = fused.decoded(lists, score_fn)
    seconds = time.monotonic() - began
    yield {decode: fused.Answered(errors, seconds, note=note)
           for decode, errors in by_decoding.items()}


def _trained(examples: lists_lib.Proposals, channels: Sequence[str],
             settings: Settings, seed: int) -> tuple[fused.ScoreFn, str]:
  """Scores of candidates after learning from the examples, and a note."""
  module = light_reranker.LightReranker(settings.widths, settings.dropout)
  start = fused.fit(examples, channels)
  weights = tuple(start.fusion.as_dict().values())
  params = _learn(module, weights, examples, settings, seed)
  scorer = scoring.Scorer(module, weights)
  return lambda batch: scorer(params, _batch(batch)), start.note


def _learn(module: nn.Module, weights: scoring.Weights,
           examples: lists_lib.Proposals, settings: Settings,
           seed: int) -> Any:
  num = len(examples.dist_km)
  num_steps = max(settings.min_steps, _EPOCHS * num // settings.batch_size)
  mesh, batch = meshes.make(), _batch(examples)
  method = optimizers.make(settings.optimizer, num_steps)
  norms = {'features_norm': layers.fit_standardise(batch.features, batch.valid)}
  state = training.make_state(module, scoring.Dims(0, 0), norms, method,
                              seed, mesh)
  step = training.make_step(module, method, settings.objective, seed, mesh,
                            state)
  columns = {'batch': batch, 'dist_km': examples.dist_km.astype(np.float32),
             'weights': scoring.tile_weights(weights, num)}
  for at in _draws(num, num_steps, settings.batch_size, seed):
    state, _ = step(state, arrays.put_batch(
        jax.tree.map(lambda x, at=at: x[at], columns), mesh))
    # Steps that pile up make the devices of one CPU wait for each other, for
    # ever.
    jax.block_until_ready(state)
  return arrays.to_numpy(state.ema)


def _draws(num: int, num_steps: int, size: int,
           seed: int) -> Iterator[np.ndarray]:
  """Queries of each step, each once in an epoch but for the last few."""
  rng = np.random.default_rng(seed)
  order = np.zeros(0, np.int64)
  for _ in range(num_steps):
    if len(order) < size:
      order = rng.permutation(num)
    yield order[:size]
    order = order[size:]


def _batch(proposals: lists_lib.Proposals) -> scoring.Batch:
  return scoring.batch(
      proposals.shortlist, features=light_features.features(
          proposals.shortlist, proposals.latlng_deg, proposals.counts))
