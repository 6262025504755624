"""Which photos a reranker learns from, and which validate it."""

from collections.abc import Sequence
import dataclasses
import sys

import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.candidates import queries
from pinpoint_jax.features import folds
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.models import embedder_files, encoding
from pinpoint_jax.rerank import examples

QUERIES = ('held_out', 'apart', 'all')


@dataclasses.dataclass(frozen=True)
class Settings:
  """Which queries; every field is a config field.

  Attributes:
    task: source of the queries.
    stores: feature stores of that source.
    queries: rows the embedder held_out, photos apart from embedder and
      gallery, or all rows.
    embedder_split: what the embedder held out.
    max_queries: evenly spread, at most.
    validation_percent: of their authors and sequences, held out.
    max_held_out: queries that validate, at most.
  """

  task: types.Source
  stores: Sequence[str]
  queries: str = 'held_out'
  embedder_split: rows_lib.SplitRule = rows_lib.SplitRule()
  max_queries: int = 200_000
  validation_percent: float | int = 10.
  max_held_out: int = 2000

  def __post_init__(self):
    if self.task not in types.SOURCES or self.queries not in QUERIES:
      raise ValueError(f'--config.task={self.task} --config.queries='
                       f'{self.queries}: choices are {types.SOURCES} and '
                       f'{QUERIES}')
    if not self.stores:
      raise ValueError(f'--config.stores.{self.task} is empty: name the '
                       f'feature stores that the embedder was trained from, or '
                       f'with --config.queries=apart others, between commas')
    if not 0 < self.validation_percent <= 50:
      raise ValueError(f'--config.validation_percent='
                       f'{self.validation_percent}: must be above 0 and at '
                       f'most 50')


@dataclasses.dataclass(frozen=True)
class Split:
  """Queries of known place to learn from, and held-out ones."""

  train: examples.LabeledQueries
  held_out: examples.LabeledQueries


def split(settings: Settings, trained: embedder_files.Trained,
          gallery: galleries.Gallery) -> Split:
  """The queries of the settings; a share of their origins is held out."""
  rows = _rows(settings, trained, gallery)
  # Evenly spread: the same however large the stores are.
  rows = rows.take(blocks.evenly_spread(len(rows), settings.max_queries))
  features = rows.__getitems__(range(len(rows)))['features']
  labeled = examples.LabeledQueries(rows.photos, queries.encode(
      trained, encoding.Encoder(trained.model), rows.photos, features,
      gallery.manifest['raw'] != 'off'))
  count = round(100 / settings.validation_percent)
  late = folds.of_photos([rows.photos], count)[0] == 0
  few = np.flatnonzero(late)
  few = few[blocks.evenly_spread(len(few), settings.max_held_out)]
  return Split(labeled.take(np.flatnonzero(~late)), labeled.take(few))


def _rows(settings: Settings, trained: embedder_files.Trained,
          gallery: galleries.Gallery) -> rows_lib.StoreRows:
  """Rows of the task's stores that the embedder did not train on."""
  rows, paths = rows_lib.open_rows(settings.stores), ','.join(settings.stores)
  queries.check_inputs(trained, settings.task, rows.stores[0].manifest, paths)
  if settings.queries == 'all':
    print('warning: --config.queries=all: the embedder has seen these rows and '
          'knows them better than new photos; only the rows left out of each '
          'search protect the reranker', file=sys.stderr, flush=True)
    return rows
  if settings.queries == 'apart':
    return _apart(rows, gallery, paths)
  late = settings.embedder_split.held_out(rows)
  _check(settings, trained, rows.take(np.flatnonzero(~late)))
  if not late.any():
    raise ValueError(f'{paths}: the embedder held out no row: train it with '
                     f'--config.folds.count=5, or learn from rows it has seen '
                     f'with --config.queries=all')
  return rows.take(np.flatnonzero(late))


def _apart(rows: rows_lib.StoreRows, gallery: galleries.Gallery,
           paths: str) -> rows_lib.StoreRows:
  """The rows, if the gallery has none of them."""
  own = gallery.find(rows.photos.ids) >= 0
  if own.any():
    raise ValueError(
        f'--config.queries=apart: {own.sum():,} of {len(own):,} photos of '
        f'{paths} are rows of {gallery.path}, the first is '
        f'{rows.photos.ids[own.argmax()]!r}: name a store of other photos, or '
        f'take --config.queries=held_out')
  return rows


def _check(settings: Settings, trained: embedder_files.Trained,
           rows: rows_lib.StoreRows) -> None:
  """Refuses a split in which these are not what the embedder trained on."""
  was, now = trained.inputs[settings.task].get('trained_on'), rows.trained_on()
  if was != now:
    raise ValueError(
        f'--config.embedder_split leaves {now} of {",".join(settings.stores)} '
        f'to the embedder {trained.fingerprint}, which was trained on '
        f'{was or "rows it does not name"}: among the others may be rows it '
        f'has seen. Give validation_percent, folds and stores as in its '
        f'config, or --config.queries=all')
