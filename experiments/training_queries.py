"""Which photos a reranker learns from, and which validate it."""

import dataclasses
import sys

from experiments import embedder_parts
from ml_collections import config_dict
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.candidates import queries
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.models import embedder_files, encoding
from pinpoint_jax.rerank import examples

QUERIES = ('held_out', 'apart', 'all')


class SeenRows(ValueError):
  """Rows that the embedder was, or may have been, trained on."""


@dataclasses.dataclass(frozen=True)
class Split:
  """Queries of known place to learn from, and held-out ones."""

  train: examples.LabeledQueries
  held_out: examples.LabeledQueries


def split(config: config_dict.ConfigDict, trained: embedder_files.Trained,
          gallery: galleries.Gallery) -> Split:
  """The queries of the config; a share of their origins is held out."""
  rows = _rows(config, trained, gallery)
  # Evenly spread: the same however large the stores are.
  rows = embedder_parts.take(
      rows, blocks.evenly_spread(len(rows), config.max_queries))
  features = rows.read()
  asked = examples.LabeledQueries(rows.photos, queries.encode(
      trained, encoding.Encoder(trained.model), rows.photos, features,
      gallery.manifest['raw'] != 'off'))
  late = _validate(config, rows.photos)
  few = np.flatnonzero(late)
  few = few[blocks.evenly_spread(len(few), config.eval.max_queries)]
  return Split(asked.take(np.flatnonzero(~late)), asked.take(few))


def _rows(config: config_dict.ConfigDict, trained: embedder_files.Trained,
          gallery: galleries.Gallery) -> rows_lib.StoreRows:
  """Rows of the task's stores that the embedder did not train on."""
  if config.task not in types.SOURCES or config.queries not in QUERIES:
    raise ValueError(f'--config.task={config.task} --config.queries='
                     f'{config.queries}: choices are {types.SOURCES} and '
                     f'{QUERIES}')
  paths = config.stores[config.task]
  if not paths:
    raise ValueError(f'--config.stores.{config.task} is empty: name the '
                     f'feature stores that the embedder was trained from, or '
                     f'with --config.queries=apart others, between commas')
  rows = rows_lib.open_rows(paths.split(','))
  queries.check_inputs(trained, config.task, rows.stores[0].manifest, paths)
  if config.queries == 'all':
    print('warning: --config.queries=all: the embedder has seen these rows and '
          'knows them better than new photos; only the rows left out of each '
          'search protect the reranker', file=sys.stderr, flush=True)
    return rows
  if config.queries == 'apart':
    return _apart(rows, gallery, paths)
  late = embedder_parts.held_out(config.embedder_split, rows)
  _check(config, trained, embedder_parts.take(rows, np.flatnonzero(~late)))
  if not late.any():
    raise SeenRows(f'{paths}: the embedder held out no row: train it with '
                   f'--config.folds.count=5, or learn from rows it has seen '
                   f'with --config.queries=all')
  return embedder_parts.take(rows, np.flatnonzero(late))


def _apart(rows: rows_lib.StoreRows, gallery: galleries.Gallery,
           paths: str) -> rows_lib.StoreRows:
  """The rows, if the gallery has none of them."""
  own = gallery.find(rows.photos.ids) >= 0
  if own.any():
    raise SeenRows(
        f'--config.queries=apart: {own.sum():,} of {len(own):,} photos of '
        f'{paths} are rows of {gallery.path}, the first is '
        f'{rows.photos.ids[own.argmax()]!r}: name a store of other photos, or '
        f'take --config.queries=held_out')
  return rows


def _check(config: config_dict.ConfigDict, trained: embedder_files.Trained,
           rows: rows_lib.StoreRows) -> None:
  """Refuses a split in which these are not what the embedder trained on."""
  was = trained.inputs[config.task].get('trained_on')
  found = embedder_parts.trained_on(rows)
  if was != found:
    raise SeenRows(
        f'--config.embedder_split leaves {found} of '
        f'{config.stores[config.task]} to the embedder {trained.fingerprint}, '
        f'which was trained on {was or "rows it does not tell"}: among the '
        f'others may be rows it has seen. Give validation_percent, folds and '
        f'stores as in its config, or --config.queries=all')


def _validate(config: config_dict.ConfigDict,
              photos: types.Photos) -> np.ndarray:
  """Which queries are held out: a share of authors and sequences."""
  if not 0 < config.validation_percent <= 50:
    raise ValueError(f'--config.validation_percent='
                     f'{config.validation_percent}: must be above 0 and at '
                     f'most 50')
  count = round(100 / config.validation_percent)
  return rows_lib.folds(photos.clusters, count) == 0
