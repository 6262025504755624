"""What training an embedder needs, built from a config."""

from collections.abc import Mapping
import dataclasses
from typing import Any

from input_pipeline import order, pipeline, several
import jax
from ml_collections import config_dict
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.evals import location_retrieval
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.models import embedder as embedders
from pinpoint_jax.models import encoding
from pinpoint_jax.ridge import near_pairs

Rows = Mapping[str, rows_lib.StoreRows]


@dataclasses.dataclass(frozen=True)
class Split:
  """Rows of each source to train on, and rows held out."""

  train: Rows
  held_out: Rows


def split(config: config_dict.ConfigDict) -> Split:
  """Opens the stores and divides their rows into trained on and held out."""
  rows = {source: rows_lib.open_named(source, config.stores.get(source, ''),
                                      f'--config.stores.{source}')
          for source in config.model.sources}
  rule = rows_lib.SplitRule(config.validation_percent, config.folds.count,
                            config.folds.index,
                            config.folds.get('block_km', 0))
  train, left_out = {}, {}
  for source, whole in rows.items():
    others = [other for name, other in rows.items() if name != source]
    late, near = (which(whole, *others)
                  for which in (rule.held_out, rule.too_near))
    train[source] = _in_blocks(
        config, whole.take(np.flatnonzero(~late & ~near)))
    left_out[source] = whole.take(np.flatnonzero(late))
    if not len(train[source]):
      raise ValueError(f'{config.stores[source]}: no row is left to train on, '
                       f'{len(left_out[source])} are held out')
  return Split(train, left_out)


def _in_blocks(config: config_dict.ConfigDict,
               rows: rows_lib.StoreRows) -> rows_lib.StoreRows:
  # A window in use, the next one being read, and a block at the seam; of each
  # lane that is read here.
  lanes = max(config.data.lanes, 1)  # The pipeline refuses none.
  here, window = -(-lanes // jax.process_count()), config.data.window_blocks
  return dataclasses.replace(rows, block_rows=config.data.block_rows,
                             held_blocks=here * (2 * (window // lanes) + 1))


def batches(config: config_dict.ConfigDict, train: Rows) -> several.Several:
  """Both sources' batches, this process's part of each."""
  return several.Several(
      {source: _pipeline(config, rows) for source, rows in train.items()},
      config.data.num_threads, config.data.read_ahead)


def _pipeline(config: config_dict.ConfigDict,
              rows: rows_lib.StoreRows) -> pipeline.Pipeline:
  shuffled = order.Order(len(rows), config.seed, True, config.data.block_rows,
                         config.data.window_blocks)
  return pipeline.Pipeline(
      rows, shuffled, config.data.batch_size, rows.fingerprint(), 'features',
      _same, order.Host(jax.process_index(), jax.process_count()),
      config.data.lanes)


def _same(batch: Any) -> Any:
  return batch  # Rows come stacked.


def pictures(train: Rows, most: int) -> dict[str, near_pairs.Pictures]:
  """At most so many rows of each source, for what is solved from them."""
  read = {}
  for source, rows in train.items():
    few = _some(rows, most)
    origin = np.unique(few.photos.clusters, return_inverse=True)[1]
    read[source] = near_pairs.Pictures(few.read(), few.xyz, origin)
  return read


def evaluators(config: config_dict.ConfigDict, module: embedders.Embedder,
               rows: Split) -> list[location_retrieval.LocationRetrieval]:
  """Held-out photos of each source against all places trained on."""
  encoder = encoding.Encoder(module)
  gallery = rows_lib.concatenate([_some(
      r, config.eval.max_gallery).photos for r in rows.train.values()])
  xyz = np.concatenate([_some(r, config.eval.max_gallery).xyz
                        for r in rows.train.values()])
  listed = []
  for source, held_out in rows.held_out.items():
    if len(held_out) and config.eval.max_queries:
      few = _some(held_out, config.eval.max_queries)
      features = few.read()
      listed.append(location_retrieval.LocationRetrieval(
          f'validation_{source}', config.eval.every, encoder,
          location_retrieval.Queries(few.photos, features), gallery, xyz))
  return listed


def _some(rows: rows_lib.StoreRows, most: int) -> rows_lib.StoreRows:
  """At most so many rows, evenly spread."""
  if len(rows) <= most:
    return rows
  return rows.take(blocks.evenly_spread(len(rows), most))


def inputs(train: Rows) -> dict[str, dict[str, Any]]:
  """What made each source's features, and which rows were trained on."""
  return {source: {name: rows.stores[0].manifest[name]
                   for name in types.BACKBONE_KEYS}
          | {'trained_on': rows.trained_on()}
          for source, rows in train.items()}
