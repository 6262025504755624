"""What training a reranker needs, built from a config."""

from collections.abc import Mapping
import dataclasses
import json
import pathlib
from typing import Any

from experiments import embedder_parts, reranker_prior, training_queries
from flax import linen as nn
from input_pipeline import order, pipeline
from ml_collections import config_dict
from pinpoint_jax import types
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.disk import files, lock, parts
from pinpoint_jax.evals import reranking as evaluation
from pinpoint_jax.features import progress
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import neighbours
from pinpoint_jax.models import embedder_files
from pinpoint_jax.rerank import (
  example_rows,
  examples,
  fusion,
  geo_prior,
  inputs,
  scoring,
)
from pinpoint_jax.rerank import files as rerank_files
from pinpoint_jax.train import reranker as training

# Examples that the weights of the single stage are fitted on.
_NUM_FUSED = 20_000
_MADE_BY = {'embedder': 'train_embedder', 'gallery': 'build_gallery'}


@dataclasses.dataclass(frozen=True)
class World:
  """What the queries are asked of.

  Attributes:
    trained: the embedder.
    gallery: made by it.
    split: the queries.
  """

  trained: embedder_files.Trained
  gallery: galleries.Gallery
  split: training_queries.Split

  @property
  def dims(self) -> scoring.Dims:
    """Dimension."""
    return scoring.Dims(self.gallery.manifest['dim'],
                               self.gallery.manifest['raw_dim'])


@dataclasses.dataclass(frozen=True)
class TrainingExamples:
  """Stored examples, and the single stages fitted on the first round of them.

  Attributes:
    train, held_out: the examples.
    fused: the single stage of similarities.
    prior: arrays of geo_prior.py, None for a reranker without.
    weights: of similarities and prior columns together, by name.
  """

  train: example_rows.ExampleRows
  held_out: example_rows.ExampleRows
  fused: fusion.Fusion
  prior: geo_prior.GeoPrior | None
  weights: Mapping[str, float]


def world(config: config_dict.ConfigDict) -> World:
  """Opens the embedder, its gallery and the queries."""
  for name, maker in _MADE_BY.items():
    if not config[name]:
      raise ValueError(f'--config.{name} is empty: name the folder that '
                       f'{maker} made')
  trained = embedder_files.load(config.embedder)
  gallery = galleries.open_gallery(config.gallery, trained)
  reranker_prior.check(config, gallery)
  return World(trained, gallery,
               training_queries.split(config, trained, gallery))


def model(config: config_dict.ConfigDict) -> nn.Module:
  """The module; config fields are its fields."""
  fields = config.model.to_dict()
  if config.kind not in scoring.MODULES:
    raise ValueError(f'--config.kind={config.kind}: choices are '
                     f'{sorted(scoring.MODULES)}')
  if fields['dtype'] not in embedder_parts.DTYPES:
    raise ValueError(f'--config.model.dtype={fields["dtype"]}: choices are '
                     f'{sorted(embedder_parts.DTYPES)}')
  return scoring.MODULES[config.kind](
      **fields | {'dtype': embedder_parts.DTYPES[fields['dtype']]})


def objective(config: config_dict.ConfigDict) -> training.Objective:
  """The loss and its form."""
  return training.Objective(**config.objective.to_dict())


def make_examples(config: config_dict.ConfigDict, world: World,
                 workdir: pathlib.Path) -> TrainingExamples:
  """Examples of all queries, from disk as far as they are there."""
  settings = examples.Settings(seed=config.seed, **config.examples.to_dict())
  # Validation asks as a stranger would: all that is known of it left out.
  asked_once = dataclasses.replace(
      settings, rounds=1, radii_km=(0.,), deep_negatives=0, leave_one_out=True)
  folder = pathlib.Path(config.shortlists or workdir / 'shortlists')
  with lock.hold(folder):
    prior = reranker_prior.make(
        config, world.gallery, [world.split.train, world.split.held_out],
        folder / 'prior.safetensors')
    reader = inputs.Reader(
        world.gallery, neighbours.load_or_build(world.gallery), prior)
    found = {
        name: _make(config, world, reader, folder / name, name, chosen)
        for name, chosen in (('train', settings), ('held_out', asked_once))}
    weights = _weights(folder / 'fusion.json', found['train'])
  fused = fusion.Fusion(**weights['fused'])
  return TrainingExamples(found['train'], found['held_out'], fused, prior,
                 weights['beside'])


def _make(config: config_dict.ConfigDict, world: World,
          reader: inputs.Reader, path: pathlib.Path,
          name: str, settings: examples.Settings) -> example_rows.ExampleRows:
  searcher = search.Searcher(world.gallery)
  asked, module = getattr(world.split, name), model(config)
  folder = parts.Folder(path, {
      'kind': config.kind, 'embedder': world.trained.fingerprint,
      'gallery': world.gallery.fingerprint(),
      'queries': asked.photos.fingerprint(),
      'prior': config.geo_prior.to_dict(),
      **dataclasses.asdict(settings)})
  shown = progress.Progress(settings.rounds * len(asked), unit='shortlists')
  return example_rows.make(folder,
                           examples.ExampleBuilder(searcher, reader, settings),
                          reader, module, asked, shown.add)


def _weights(
    path: pathlib.Path,
    rows: example_rows.ExampleRows) -> Mapping[str, Mapping[str, float]]:
  """Weights of the single stages; a run that goes on has the same, to the bit.
  """
  if not path.exists():
    given = rows.proposed(_NUM_FUSED)
    fused, beside = fusion.fit(given.shortlist, given.dist_km), {}
    if given.prior is not None:
      beside = dict(zip((*types.CHANNELS, *geo_prior.COLUMNS),
                        fusion.fit_with_features(
          given.shortlist, given.dist_km, given.prior).tolist()))
    files.write_json(path, {'fused': fused.as_dict(), 'beside': beside})
  return json.loads(path.read_text(encoding='utf-8'))


def info(config: config_dict.ConfigDict, world: World,
          found: TrainingExamples) -> rerank_files.RerankerInfo:
  """What the reranker is for."""
  with_prior = {**config.geo_prior.to_dict(), 'weights': dict(found.weights)}
  return rerank_files.RerankerInfo(
      config.task, world.trained.fingerprint, world.gallery.fingerprint(),
      config.examples.sizes.to_dict(), dict(found.fused.as_dict()),
      config.objective.residual, world.dims,
      with_prior if found.prior else {})


class Batches(pipeline.Batches):
  """Shuffled examples, each once in an epoch."""

  def __init__(self, config: config_dict.ConfigDict,
               rows: example_rows.ExampleRows):
    self._rows, self.rows_per_step = rows, config.data.batch_size
    super().__init__(
        pipeline.Pipeline(rows, order.Order(len(rows), config.seed),
                          config.data.batch_size, rows.fingerprint(),
                          'examples',
                          _same),
        config.data.num_threads, config.data.read_ahead)

  def describe(self, batch: Any) -> list[str]:
    """The ids of a batch, for messages."""
    return self._rows.ids(batch['row'])


def _same(batch: Any) -> Any:
  return batch  # Examples come stacked.


def evaluators(config: config_dict.ConfigDict, module: nn.Module,
               found: TrainingExamples,
               info: rerank_files.RerankerInfo) -> list[evaluation.Reranking]:
  """The held-out queries, asked once."""
  if not len(found.held_out):
    return []
  weights = tuple(info.fusion[name] for name in types.CHANNELS)
  return [evaluation.Reranking(
      'validation', config.eval.every,
      scoring.Scorer(module, info.weights), found.held_out, weights,
      evaluation.reward_fn(config.objective.within_1km,
                           config.objective.within_25km))]


def describe(found: TrainingExamples) -> str:
  """One line about the examples."""
  weights = ', '.join(f'{name} {value:.1f}'
                      for name, value in found.fused.as_dict().items())
  return (f'{len(found.train):,} examples, {len(found.held_out):,} held-out '
          f'queries; fusion {weights}')
