"""What training a reranker needs, built from a config."""

import dataclasses
import json
import pathlib
from typing import Any

from experiments import embedder_parts, training_queries
from flax import linen as nn
from input_pipeline import order, pipeline
from ml_collections import config_dict
from pinpoint_jax import types
from pinpoint_jax.disk import files, lock, parts
from pinpoint_jax.evals import reranking as evaluation
from pinpoint_jax.features import progress
from pinpoint_jax.models import embedder_files, rerank_files, rerank_scoring
from pinpoint_jax.retrieval import (
  fusion,
  gallery_neighbourhoods,
  rerank_arrays,
  search,
)
from pinpoint_jax.retrieval import gallery as galleries
from pinpoint_jax.train import lesson_rows, lessons
from pinpoint_jax.train import reranker as training

# Lessons that the weights of the single stage are fitted on.
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
  def dims(self) -> rerank_scoring.Dims:
    """Numbers in a vector."""
    return rerank_scoring.Dims(self.gallery.manifest['dim'],
                               self.gallery.manifest['raw_dim'])


@dataclasses.dataclass(frozen=True)
class Lessons:
  """Stored lessons, and the single stage fitted on the first round of them."""

  train: lesson_rows.LessonRows
  held_out: lesson_rows.LessonRows
  fused: fusion.Fusion


def world(config: config_dict.ConfigDict) -> World:
  """Opens the embedder, its gallery and the queries."""
  for name, maker in _MADE_BY.items():
    if not config[name]:
      raise ValueError(f'--config.{name} is empty: name the folder that '
                       f'{maker} made')
  trained = embedder_files.load(config.embedder)
  gallery = galleries.open_gallery(config.gallery, trained)
  with_raw = gallery.manifest['raw'] != 'off'
  return World(trained, gallery,
               training_queries.split(config, trained, with_raw))


def model(config: config_dict.ConfigDict) -> nn.Module:
  """The module; config fields are its fields."""
  fields = config.model.to_dict()
  if config.kind not in rerank_scoring.MODULES:
    raise ValueError(f'--config.kind={config.kind}: choices are '
                     f'{sorted(rerank_scoring.MODULES)}')
  if fields['dtype'] not in embedder_parts.DTYPES:
    raise ValueError(f'--config.model.dtype={fields["dtype"]}: choices are '
                     f'{sorted(embedder_parts.DTYPES)}')
  return rerank_scoring.MODULES[config.kind](
      **fields | {'dtype': embedder_parts.DTYPES[fields['dtype']]})


def objective(config: config_dict.ConfigDict) -> training.Objective:
  """The loss and its form."""
  return training.Objective(**config.objective.to_dict())


def make_lessons(config: config_dict.ConfigDict, world: World,
                 workdir: pathlib.Path) -> Lessons:
  """Lessons of all queries, from disk as far as they are there."""
  settings = lessons.Settings(seed=config.seed, **config.lessons.to_dict())
  # Validation asks as a stranger would: all that is known of it left out.
  asked_once = dataclasses.replace(
      settings, rounds=1, radii_km=(0.,), deep_negatives=0, leave_one_out=True)
  folder = pathlib.Path(config.shortlists or workdir / 'shortlists')
  with lock.hold(folder):
    found = {
        name: _make(config, world, folder / name, name, chosen)
        for name, chosen in (('train', settings), ('held_out', asked_once))}
    fused = _fused(folder / 'fusion.json', found['train'])
  return Lessons(found['train'], found['held_out'], fused)


def _make(config: config_dict.ConfigDict, world: World, path: pathlib.Path,
          name: str, settings: lessons.Settings) -> lesson_rows.LessonRows:
  searcher = search.Searcher(world.gallery)
  reader = rerank_arrays.Reader(
      world.gallery, gallery_neighbourhoods.of(world.gallery))
  asked, module = getattr(world.split, name), model(config)
  folder = parts.Folder(path, {
      'kind': config.kind, 'embedder': world.trained.fingerprint,
      'gallery': world.gallery.fingerprint(),
      'queries': asked.photos.fingerprint(),
      **dataclasses.asdict(settings)})
  shown = progress.Progress(settings.rounds * len(asked), unit='shortlists')
  return lesson_rows.make(folder, lessons.Teacher(searcher, reader, settings),
                          reader, module, asked, shown.add)


def _fused(path: pathlib.Path,
           rows: lesson_rows.LessonRows) -> fusion.Fusion:
  """Weights of the single stage; a run that goes on has the same, to the bit.
  """
  if not path.exists():
    given = rows.proposed(_NUM_FUSED)
    found = fusion.fit(given.shortlist, given.dist_km)
    files.write_json(path, found.as_dict())
  return fusion.Fusion(**json.loads(path.read_text(encoding='utf-8')))


def facts(config: config_dict.ConfigDict, world: World,
          fused: fusion.Fusion) -> rerank_files.Facts:
  """What the reranker is for."""
  return rerank_files.Facts(
      config.task, world.trained.fingerprint, world.gallery.fingerprint(),
      config.lessons.sizes.to_dict(), dict(fused.as_dict()),
      config.objective.residual, world.dims)


class Batches(pipeline.Batches):
  """Shuffled lessons, each once in an epoch."""

  def __init__(self, config: config_dict.ConfigDict,
               rows: lesson_rows.LessonRows):
    self._rows, self.rows_per_step = rows, config.data.batch_size
    super().__init__(
        pipeline.Pipeline(rows, order.Order(len(rows), config.seed),
                          config.data.batch_size, rows.fingerprint(), 'lessons',
                          _same),
        config.data.num_threads, config.data.read_ahead)

  def describe(self, batch: Any) -> list[str]:
    """The ids of a batch, for messages."""
    return self._rows.ids(batch['row'])


def _same(batch: Any) -> Any:
  return batch  # Lessons come stacked.


def evaluators(config: config_dict.ConfigDict, module: nn.Module,
               found: Lessons,
               facts: rerank_files.Facts) -> list[evaluation.Reranking]:
  """The held-out queries, asked once."""
  if not len(found.held_out):
    return []
  weights = tuple(facts.fusion[name] for name in types.CHANNELS)
  return [evaluation.Reranking(
      'validation', config.eval.every,
      rerank_scoring.Scorer(module, facts.weights), found.held_out, weights,
      evaluation.reward_fn(config.objective.within_1km,
                           config.objective.within_25km))]


def describe(found: Lessons) -> str:
  """One line about the lessons."""
  weights = ', '.join(f'{name} {value:.1f}'
                      for name, value in found.fused.as_dict().items())
  return (f'{len(found.train):,} lessons, {len(found.held_out):,} held-out '
          f'queries; fusion {weights}')

