"""What training a reranker needs, built from a config."""

from typing import Any

from flax import linen as nn
from input_pipeline import order, pipeline
import jax
from ml_collections import config_dict
from pinpoint_jax import types
from pinpoint_jax.evals import reranking as evaluation
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.rerank import (
  example_rows,
  examples,
  geo_prior,
  priors,
  region_prior,
  scoring,
  training_queries,
  training_set,
)

_MADE_BY = {'embedder': 'train_embedder', 'gallery': 'build_gallery'}


def settings(config: config_dict.ConfigDict) -> training_set.Settings:
  """What the examples are made of."""
  for name, maker in _MADE_BY.items():
    if not config[name]:
      raise ValueError(f'--config.{name} is empty: name the folder that '
                       f'{maker} made')
  split, paths = config.embedder_split, config.stores.get(config.task, '')
  return training_set.Settings(
      training_queries.Settings(
          config.task, tuple(filter(None, paths.split(','))), config.queries,
          rows_lib.SplitRule(split.validation_percent, split.folds.count,
                             split.folds.index),
          config.max_queries, config.validation_percent,
          config.eval.max_queries),
      examples.Settings(seed=config.seed, **config.examples.to_dict()),
      tuple(config.columns), priors.Settings(
          geo_prior.Settings(**config.ridge.to_dict()),
          region_prior.Settings(**config.region.to_dict())),
      config.search, config.objective.residual, config.system)


class Batches(pipeline.Batches):
  """Shuffled examples, each once in an epoch; this process's part of each."""

  def __init__(self, config: config_dict.ConfigDict,
               rows: example_rows.ExampleRows):
    self._rows, self.rows_per_step = rows, config.data.batch_size
    super().__init__(
        pipeline.Pipeline(rows, order.Order(len(rows), config.seed),
                          config.data.batch_size, rows.fingerprint(),
                          'examples', _same, order.Host(
                              jax.process_index(), jax.process_count())),
        config.data.num_threads, config.data.read_ahead)

  def describe(self, batch: Any) -> list[str]:
    """The ids of a batch, for messages."""
    return self._rows.ids(batch['row'])


def _same(batch: Any) -> Any:
  return batch  # Examples come stacked.


def evaluators(config: config_dict.ConfigDict, module: nn.Module,
               dataset: training_set.TrainingSet) -> list[evaluation.Reranking]:
  """The held-out queries, once each."""
  if not len(dataset.held_out):
    return []
  weights = tuple(dataset.info.fusion[name] for name in types.CHANNELS)
  return [evaluation.Reranking(
      'validation', config.eval.every,
      scoring.Scorer(module, dataset.info.weights), dataset.held_out, weights,
      evaluation.reward_fn(config.objective.within_1km,
                           config.objective.within_25km))]


def describe(dataset: training_set.TrainingSet) -> str:
  """One line about the examples."""
  weights = ', '.join(f'{name} {value:.1f}'
                      for name, value in dataset.fused.as_dict().items())
  return (f'{len(dataset.train):,} examples, {len(dataset.held_out):,} '
          f'held-out queries; fusion {weights}')
