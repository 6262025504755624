"""Training examples of a reranker on disk, and what is fitted on them.

  gallery, queries ─▶ priors ─▶ examples, round by round ─▶ weights of the
                                                            single stages
"""

from collections.abc import Callable, Mapping
import dataclasses
import functools
import pathlib

from flax import linen as nn
import jax
import numpy as np
from pinpoint_jax import blocks
from pinpoint_jax.candidates import filters
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.disk import lock, parts, sealed
from pinpoint_jax.features import progress
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import neighbours
from pinpoint_jax.models import embedder_files
from pinpoint_jax.parallel import processes
from pinpoint_jax.rerank import (
  channel_lists,
  columns,
  example_rows,
  examples,
  fusion,
  inputs,
  scoring,
  training_queries,
)
from pinpoint_jax.rerank import files as rerank_files
from pinpoint_jax.rerank import priors as priors_lib

# Examples that the weights of the single stages are fitted on.
_NUM_FUSED = 20_000
_WEIGHTS = sealed.Kind(
    'folder of training examples', ValueError,
    'remove that file to have it fitted again',
    {'fused': dict, 'linear': dict, 'region': dict, 'temperatures': dict},
    manifest='fusion.json')
# Of what examples mean: 3 since rows of both sources near a candidate count.
_VERSION = 3
# Queries that the recall of an index is measured on.
_NUM_RECALL = 256


@dataclasses.dataclass(frozen=True)
class Settings:
  """What a training set is made of; every field is a config field.

  Attributes:
    queries: the photos.
    examples: their candidates.
    groups: of columns.GROUPS that the reranker reads.
    priors: sizes of the priors that the examples have columns of.
    search: one of searcher.SEARCHES; the held-out queries search exactly.
    residual: whether a linear part is in the score.
    system: what results.json calls the reranker.
  """

  queries: training_queries.Settings
  examples: examples.Settings
  groups: tuple[str, ...] = ()
  priors: priors_lib.Settings = priors_lib.Settings()
  search: str = 'exact'
  residual: bool = True
  system: str = ''

  def __post_init__(self):
    columns.check(self.groups)


@dataclasses.dataclass(frozen=True)
class TrainingSet:
  """Stored examples, and the single stages fitted on the first round of them.

  Attributes:
    train, held_out: the examples.
    fused: the single stage of similarities.
    priors: arrays of each prior by its name.
    info: what the reranker is for.
  """

  train: example_rows.ExampleRows
  held_out: example_rows.ExampleRows
  fused: fusion.Fusion
  priors: priors_lib.Priors
  info: rerank_files.RerankerInfo


def build(embedder: str, gallery_path: str, module: nn.Module,
          settings: Settings, folder: pathlib.Path,
          priors_folder: pathlib.Path | None = None,
          stopping: Callable[[], bool] = lambda: False) -> TrainingSet:
  """Opens what is named, makes the examples that `folder` lacks.

  priors_folder: where priors are kept; None is within `folder`. If
  `stopping()` is true after a part of the examples, raises parts.Interrupted.
  """
  trained = embedder_files.load(embedder)
  gallery = galleries.open_gallery(gallery_path, trained)
  _check_columns(module, settings)
  priors_lib.check(gallery, settings.groups, settings.priors)
  split = training_queries.split(settings.queries, trained, gallery)
  # Validation searches as a stranger would: all that is known is left out.
  once = dataclasses.replace(settings.examples, rounds=1, radii_km=(0.,),
                             deep_negatives=0, leave_one_out=True)
  sizes = settings.priors.sizes()
  # What one process can do alone, the first one does and the others read.
  with processes.held_by_first(lock.hold(folder)):
    rows = _prior_rows(gallery, split) if sizes else np.zeros(0, np.int64)
    priors = processes.first_then_all(lambda: priors_lib.load_or_fit(
        gallery, rows, settings.queries.task, settings.priors,
        priors_folder or folder / 'priors'))
    maker = _Maker(module, settings, inputs.Reader(
        gallery, neighbours.load_or_build(gallery)), priors, folder,
        stopping)
    train = maker.rows('train', split.train, settings.examples, settings.search)
    held_out = maker.rows('held_out', split.held_out, once, 'exact')
    weights = processes.first_then_all(lambda: _weights(
        folder, train, settings.groups, functools.partial(
            channel_lists.fit, search.Searcher(gallery), split.train,
            priors.get('region'))))
  # Examples may have columns that this reranker does not read.
  order = settings.examples.order
  sizes = {name: sizes[name] for name in sizes
           if name in settings.groups or name == order}
  ids = gallery.ids(rows).tolist() if sizes else []
  return TrainingSet(
      train, held_out, fusion.Fusion(**weights['fused']),
      {name: priors[name] for name in sizes},
      rerank_files.RerankerInfo(
          settings.queries.task, trained.fingerprint, gallery.fingerprint(),
          dict(settings.examples.sizes), dict(weights['fused']),
          dict(weights['linear']) if settings.residual else {},
          settings.groups,
          scoring.Dims(gallery.manifest['dim'], gallery.manifest['raw_dim'],
                       len(columns.meta_names(settings.groups))),
          sizes, ids, settings.system,
          region=dict(weights['region']) if 'region' in sizes else {},
          temperatures=dict(weights['temperatures']),
          order=order))


def _check_columns(module: nn.Module, settings: Settings) -> None:
  """Refuses columns that the light reranker cannot use."""
  if not scoring.is_light(module):
    return
  near = [name for name in settings.groups if name in columns.NEARBY]
  if near:
    raise ValueError(f'--config.columns names {near}: the light reranker reads '
                     f'no neighbours, leave them out or train another kind')
  if settings.groups and not settings.residual:
    raise ValueError(
        f'--config.columns={settings.groups}: the light reranker has them in '
        f'its linear part alone, which --config.objective.residual=False '
        f'leaves out: set --config.columns="()"')


def _prior_rows(gallery: galleries.Gallery,
                split: training_queries.Split) -> np.ndarray:
  """Rows that a prior may learn from: none shares an origin with a query."""
  return priors_lib.rows_to_fit(gallery, np.concatenate([
      filters.same_origin(gallery, queries.photos).rows
      for queries in (split.train, split.held_out)]))


@dataclasses.dataclass(frozen=True)
class _Maker:
  """Makes the tables of one training set."""

  module: nn.Module
  settings: Settings
  reader: inputs.Reader
  priors: priors_lib.Priors
  folder: pathlib.Path
  stopping: Callable[[], bool]

  def rows(self, name: str, labeled: examples.LabeledQueries,
           settings: examples.Settings,
           how: str) -> example_rows.ExampleRows:
    """One table, as far as it is not there yet."""
    gallery = self.reader.gallery
    searcher = search.open_searcher(gallery, how)
    about = {
        'version': _VERSION,
        'kind': 'light' if scoring.is_light(self.module) else 'network',
        'embedder': gallery.manifest['embedder'],
        'gallery': gallery.fingerprint(),
        'queries': labeled.photos.fingerprint(),
        'priors': self.settings.priors.sizes(),
        **({} if how == 'exact' else {'search': how}),
        **dataclasses.asdict(settings)}
    folder = processes.first_then_all(
        lambda: parts.Folder(self.folder / name, about))
    shown = lambda _: None
    if jax.process_index() == 0:
      if how != 'exact':
        _print_recall(searcher, labeled, settings)
      shown = progress.Progress(settings.rounds * len(labeled),
                                unit='shortlists').add
    return example_rows.make(
        folder, examples.ExampleBuilder(
            searcher, self.reader, settings, self.priors),
        self.reader, self.module, labeled, self.settings.groups, shown,
        self.stopping)


def _print_recall(searcher: search.Searcher, labeled: examples.LabeledQueries,
                  settings: examples.Settings) -> None:
  some = labeled.take(blocks.evenly_spread(len(labeled), _NUM_RECALL))
  shares = examples.recall(searcher, search.Searcher(searcher.gallery), some,
                           settings)
  listed = ', '.join(f'{name} {share:.4f}' for name, share in shares.items())
  print(f'examples: recall of the index on {len(some)} queries: {listed}',
        flush=True)


def _weights(folder: pathlib.Path, rows: example_rows.ExampleRows,
             groups: tuple[str, ...],
             of_channels: Callable[[], channel_lists.Weights],
             ) -> Mapping[str, Mapping[str, float]]:
  """Weights of the single stages; a resumed run reads them, bit by bit."""
  # Rerankers that share the examples may read other columns of them.
  kind = dataclasses.replace(
      _WEIGHTS, manifest='-'.join(['fusion', *groups]) + '.json')
  if not (folder / kind.manifest).exists():
    lists = rows.proposed(_NUM_FUSED)
    linear = fusion.fit_with_features(
        lists.shortlist, lists.dist_km, lists.columns)
    sealed.write_manifest(folder, kind, {
        **dataclasses.asdict(of_channels()),
        'fused': fusion.fit(lists.shortlist, lists.dist_km).as_dict(),
        'linear': dict(zip(rerank_files.weight_names(groups),
                           np.asarray(linear).tolist()))})
  return sealed.read_manifest(folder, kind)
