"""The light reranker, cross-fitted like the fusion that it corrects.

The network that answers a fold has learned from the held-out lists of the
other folds; see crossval_fused.py.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from experiments.configs import train_reranker as configs
from experiments.crossval_stages import fused
from experiments.crossval_stages import lists as crossval_lists
from flax import linen as nn
import jax
from ml_collections import config_dict
import numpy as np
from pinpoint_jax.models import layers, light_reranker
from pinpoint_jax.parallel import arrays
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.rerank import fusion, light_features, scoring
from pinpoint_jax.train import optimizer
from pinpoint_jax.train import reranker as training

# With fewer queries the network has nothing to add to three weights.
MIN_ROWS = 2000
_MOST, _EPOCHS = 10_000, 5


def answer(lists: Sequence[crossval_lists.Lists], seed: int) -> Iterator[
    dict[str, fused.Answered]]:
  """Fold by fold, what it answers, by decoding."""
  for fold, one in enumerate(lists):
    others = [other for i, other in enumerate(lists) if i != fold]
    given = crossval_lists.several(others, _MOST)
    score_fn = _trained(given, one.channels, seed)
    yield {name: fused.Answered(errors) for name, errors in
           fused.decoded(one, score_fn).items()}


def _trained(given: crossval_lists.Found, channels: Sequence[str],
             seed: int) -> Any:
  """What scores candidates, after learning from those given."""
  config = configs.get_config(f'kind=light,quick,seed={seed}')
  config.train.num_steps = max(
      config.train.num_steps,
      _EPOCHS * len(given.dist_km) // config.data.batch_size)
  module = light_reranker.LightReranker(
      tuple(config.model.widths), config.model.dropout)
  weights = tuple(fusion.fit(
      given.shortlist, given.dist_km, channels).as_dict().values())
  params = _learn(config, module, weights, given)
  scorer = scoring.Scorer(module, weights)
  return lambda found: scorer(params, _batch(found))


def _learn(config: config_dict.ConfigDict, module: nn.Module,
           weights: scoring.Weights,
           given: crossval_lists.Found) -> Any:
  mesh = meshes.make()
  method = optimizer.make(optimizer.Settings(**config.optimizer.to_dict()),
                          config.train.num_steps)
  batch = _batch(given)
  norms = {'features_norm': layers.fit_standardise(batch.features, batch.valid)}
  state = training.make_state(module, scoring.Dims(0, 0), norms, method,
                              config.seed, mesh)
  step = training.make_step(
      module, method, training.Objective(**config.objective.to_dict()),
      config.seed, mesh, state)
  examples = {'batch': batch, 'dist_km': given.dist_km.astype(np.float32),
             'weights': scoring.tile_weights(weights, len(given.dist_km))}
  for at in _draws(config, len(given.dist_km)):
    state, _ = step(state, arrays.put_batch(
        jax.tree.map(lambda x, at=at: x[at], examples), mesh))
  return arrays.to_numpy(state.ema)


def _draws(config: config_dict.ConfigDict, num: int) -> Iterator[np.ndarray]:
  """Queries of each step, each once in an epoch but for the last few."""
  rng, size = np.random.default_rng(config.seed), config.data.batch_size
  order = np.zeros(0, np.int64)
  for _ in range(config.train.num_steps):
    if len(order) < size:
      order = rng.permutation(num)
    yield order[:size]
    order = order[size:]


def _batch(found: crossval_lists.Found) -> scoring.Batch:
  return scoring.batch(found.shortlist, features=light_features.features(
      found.shortlist, found.latlng_deg, found.counts))
