"""Training examples of a reranker on disk, and what is fitted on them.

  gallery, queries ─▶ prior ─▶ examples, round by round ─▶ weights of the
                                                           single stages
"""

from collections.abc import Mapping
import dataclasses
import pathlib

from flax import linen as nn
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.candidates import filters
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.disk import lock, parts, sealed
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
  training_queries,
)
from pinpoint_jax.rerank import files as rerank_files

# Examples that the weights of the single stages are fitted on.
_NUM_FUSED = 20_000
_WEIGHTS = sealed.Kind(
    'folder of training examples', ValueError,
    'remove that file to have it fitted again', {'fused': dict, 'beside': dict},
    manifest='fusion.json')
# Of what examples mean: 2 since a radius hides rows from the search alone.
_VERSION = 2
# Queries that the recall of an index is measured on.
_NUM_RECALL = 256


@dataclasses.dataclass(frozen=True)
class Settings:
  """What a training set is made of; every field is a config field.

  Attributes:
    queries: the photos.
    examples: their candidates.
    prior: size of the geographic prior.
    search: one of searcher.SEARCHES; the held-out queries search exactly.
    residual: whether a single stage is part of the score.
  """

  queries: training_queries.Settings
  examples: examples.Settings
  prior: geo_prior.Settings = geo_prior.Settings()
  search: str = 'exact'
  residual: bool = True


@dataclasses.dataclass(frozen=True)
class TrainingSet:
  """Stored examples, and the single stages fitted on the first round of them.

  Attributes:
    train, held_out: the examples.
    fused: the single stage of similarities.
    prior: arrays of geo_prior.py, None for a reranker without.
    info: what the reranker is for.
  """

  train: example_rows.ExampleRows
  held_out: example_rows.ExampleRows
  fused: fusion.Fusion
  prior: geo_prior.GeoPrior | None
  info: rerank_files.RerankerInfo


def build(embedder: str, gallery_path: str, module: nn.Module,
          settings: Settings, folder: pathlib.Path) -> TrainingSet:
  """Opens what is named, makes the examples that `folder` lacks."""
  trained = embedder_files.load(embedder)
  gallery = galleries.open_gallery(gallery_path, trained)
  geo_prior.check(settings.prior, settings.residual, gallery)
  split = training_queries.split(settings.queries, trained, gallery)
  # Validation searches as a stranger would: all that is known is left out.
  once = dataclasses.replace(settings.examples, rounds=1, radii_km=(0.,),
                             deep_negatives=0, leave_one_out=True)
  task = settings.queries.task
  with lock.hold(folder):
    prior, prior_ids = None, np.zeros(0, np.str_)
    if settings.prior.centres:
      # No row that shares an origin with a query has part in it.
      rows = geo_prior.rows_to_fit(gallery, task, np.concatenate([
          filters.same_origin(gallery, queries.photos).rows
          for queries in (split.train, split.held_out)]))
      prior_ids = gallery.ids(rows)
      prior = geo_prior.load_or_fit(
          settings.prior, gallery, rows, folder / 'prior')
    maker = _Maker(module, settings, inputs.Reader(
        gallery, neighbours.load_or_build(gallery), prior), folder)
    train = maker.rows('train', split.train, settings.examples, settings.search)
    held_out = maker.rows('held_out', split.held_out, once, 'exact')
    weights = _weights(folder, train)
  about_prior = {**dataclasses.asdict(settings.prior),
                 'ids': prior_ids.tolist(),
                 'weights': dict(weights['beside'])} if prior else {}
  return TrainingSet(
      train, held_out, fusion.Fusion(**weights['fused']), prior,
      rerank_files.RerankerInfo(
          task, trained.fingerprint, gallery.fingerprint(),
          dict(settings.examples.sizes), dict(weights['fused']),
          settings.residual,
          scoring.Dims(gallery.manifest['dim'], gallery.manifest['raw_dim']),
          about_prior))


@dataclasses.dataclass(frozen=True)
class _Maker:
  """Makes the tables of one training set."""

  module: nn.Module
  settings: Settings
  reader: inputs.Reader
  folder: pathlib.Path

  def rows(self, name: str, labeled: examples.LabeledQueries,
           settings: examples.Settings,
           how: str) -> example_rows.ExampleRows:
    """One table, as far as it is not there yet."""
    gallery = self.reader.gallery
    searcher = search.open_searcher(gallery, how)
    folder = parts.Folder(self.folder / name, {
        'version': _VERSION,
        'kind': 'light' if scoring.is_light(self.module) else 'attention',
        'embedder': gallery.manifest['embedder'],
        'gallery': gallery.fingerprint(),
        'queries': labeled.photos.fingerprint(),
        'prior': dataclasses.asdict(self.settings.prior),
        **({} if how == 'exact' else {'search': how}),
        **dataclasses.asdict(settings)})
    if how != 'exact':
      _print_recall(searcher, labeled, settings)
    shown = progress.Progress(settings.rounds * len(labeled),
                              unit='shortlists')
    return example_rows.make(
        folder, examples.ExampleBuilder(searcher, self.reader, settings),
        self.reader, self.module, labeled, shown.add)


def _print_recall(searcher: search.Searcher, labeled: examples.LabeledQueries,
                  settings: examples.Settings) -> None:
  some = labeled.take(blocks.evenly_spread(len(labeled), _NUM_RECALL))
  shares = examples.recall(searcher, search.Searcher(searcher.gallery), some,
                           settings)
  listed = ', '.join(f'{name} {share:.4f}' for name, share in shares.items())
  print(f'examples: recall of the index on {len(some)} queries: {listed}',
        flush=True)


def _weights(
    folder: pathlib.Path,
    rows: example_rows.ExampleRows) -> Mapping[str, Mapping[str, float]]:
  """Weights of the single stages; a resumed run reads them, bit by bit."""
  if not (folder / _WEIGHTS.manifest).exists():
    lists = rows.proposed(_NUM_FUSED)
    fused, beside = fusion.fit(lists.shortlist, lists.dist_km), {}
    if lists.prior is not None:
      fitted = fusion.fit_with_features(
          lists.shortlist, lists.dist_km, lists.prior)
      beside = dict(zip((*types.CHANNELS, *geo_prior.COLUMNS),
                        np.asarray(fitted).tolist()))
    sealed.write_manifest(folder, _WEIGHTS, {
        'fused': fused.as_dict(), 'beside': beside})
  return sealed.read_manifest(folder, _WEIGHTS)
