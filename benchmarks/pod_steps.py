"""The product's steps, traced on shapes for a mesh that need not be here.

Each is what the binaries run, from their configs through the functions that
train, extract and search; no array is made.
"""

from collections.abc import Sequence
import dataclasses
import math
from typing import Any

from experiments import train_embedder, train_reranker
from experiments.run import config_file, training_run
import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from ml_collections import config_dict
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.features import backbones
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.pretrained import vit_sizes
from pinpoint_jax.rerank import columns, nearby, scoring
from pinpoint_jax.search import scan_sharded
from pinpoint_jax.train import embedder, reranker

FEATURE_DIM, EMBEDDING_DIM = 1536, 256
BACKBONE = 'siglip2-g-opt16-384'
_OPS = "resize(384, 'bilinear')|unit_range|normalize(0.5, 0.5)"


@dataclasses.dataclass(frozen=True)
class Step:
  """A traced step and what its rules are about.

  Attributes:
    traced: the jitted function with its shapes.
    gradient_bytes: of the float32 gradient of all that moves; 0 without one.
    gallery_bytes: of the rows that are searched, over all devices; 0 without.
    answer_bytes: of what every device answers, together; 0 without a gallery.
  """

  traced: Any
  gradient_bytes: int = 0
  gallery_bytes: int = 0
  answer_bytes: int = 0


def train_embedder_step(devices: Sequence[Any], batch: int,
                        preset: str = '') -> Step:
  """A step of train_embedder; so many rows of each source."""
  config = _config('train_embedder', preset)
  mesh = meshes.make(config.mesh.data, config.mesh.fsdp, devices)
  module, objective = (train_embedder.model(config),
                       train_embedder.objective(config))
  method = training_run.method(config)
  dims = dict.fromkeys(config.model.sources, FEATURE_DIM)
  state = jax.eval_shape(lambda: embedder.make_state(
      module, dims, method, objective, config.seed, mesh))
  step = embedder.make_step(module, method, objective, config.seed, mesh, state)
  rows = {source: {
      'features': jax.ShapeDtypeStruct((batch, dim), jnp.float16),
      'xyz': jax.ShapeDtypeStruct((batch, 3), jnp.float32)}
          for source, dim in dims.items()}
  return Step(step.trace(state, rows), gradient_bytes=_bytes(state.params))


def train_reranker_step(devices: Sequence[Any], batch: int,
                        preset: str = '') -> Step:
  """A step of train_reranker; so many queries."""
  config = _config('train_reranker', preset)
  mesh = meshes.make(config.mesh.data, config.mesh.fsdp, devices)
  module, method = train_reranker.model(config), training_run.method(config)
  groups = tuple(config.columns)
  dims = scoring.Dims(EMBEDDING_DIM, FEATURE_DIM,
                      len(columns.meta_names(groups)))
  state = jax.eval_shape(lambda: reranker.make_state(
      module, dims, {}, method, config.seed, mesh))
  step = reranker.make_step(
      module, method, reranker.Objective(**config.objective.to_dict()),
      config.seed, mesh, state)
  examples = _examples(
      scoring.example(module, dims), batch,
      sum(config.examples.sizes.values()) + config.examples.deep_negatives,
      len(columns.names(groups)))
  return Step(step.trace(state, examples), gradient_bytes=_bytes(state.params))


# Words of a preset that are no arguments of a config, and what they change.
_CHANGES = {'float32': {}, 'ring': {'objective.chunk': 1024},
            'unrolled': {'model.loop': 'unrolled'}}


def _config(name: str, preset: str) -> config_dict.ConfigDict:
  """A published config; the preset has its arguments and our words."""
  words = preset.split(',')
  config = config_file.load(
      f'{name}:{",".join(word for word in words if word not in _CHANGES)}')
  if name == 'train_embedder':
    config.model.loop = 'rolled'  # As on a TPU.
  for word in words:
    config.update_from_flattened_dict(_CHANGES.get(word, {}))
  return config


def _examples(one: scoring.Batch, batch: int, slots: int,
              num_columns: int) -> dict[str, Any]:
  """Shapes of `batch` lists, from those of one query with one candidate."""
  def grown(x: Any) -> jax.ShapeDtypeStruct:
    sizes = (batch, slots, nearby.NUM_ROWS)
    shape = (sizes[0], *(sizes[axis] if axis < 3 and size == 1 else size
                         for axis, size in enumerate(x.shape) if axis))
    return jax.ShapeDtypeStruct(shape, x.dtype)
  lists = jax.tree.map(grown, one)._replace(
      columns=jax.ShapeDtypeStruct((batch, slots, num_columns), jnp.float32))
  return {'batch': lists,
          'dist_km': jax.ShapeDtypeStruct((batch, slots), jnp.float32),
          'weights': jax.ShapeDtypeStruct(
              (batch, len(types.CHANNELS) + num_columns), jnp.float32)}


def extraction_step(devices: Sequence[Any], batch: int,
                    preset: str = BACKBONE) -> Step:
  """A batch of extract_features in bfloat16; so many photos on each device.

  preset: name of a backbone and, after a comma, how its weights are kept.
  """
  mesh = Mesh(np.asarray(devices), ('data',))
  name, _, weights = preset.partition(',weights=')
  model = vit_sizes.build(name, dtype=jnp.bfloat16)
  size = model.image_size
  params = jax.eval_shape(
      lambda key, x: backbones.kept(model.init(key, x), weights or 'float32'),
      jax.random.key(0), jax.ShapeDtypeStruct((1, *size, 3), jnp.float32))
  pixels = jax.ShapeDtypeStruct((batch * len(devices), *size, 3), jnp.uint8)
  return Step(backbones.program(model, _OPS, mesh).trace(
      _placed(params, NamedSharding(mesh, PartitionSpec())),
      _placed(pixels, NamedSharding(mesh, PartitionSpec('data')))))


def exact_search_step(devices: Sequence[Any], rows: int, preset: str = '',
                      k: int = 100) -> Step:
  """A block of queries through float16 rows that are split over all devices."""
  del preset  # It has none.
  mesh = meshes.make(devices=devices)
  traced = scan_sharded.trace(rows, EMBEDDING_DIM, k, mesh)
  gallery = rows * EMBEDDING_DIM * np.dtype(np.float16).itemsize
  return Step(traced, gallery_bytes=gallery,
              answer_bytes=_bytes(traced.out_info))


def _placed(tree: Any, sharding: NamedSharding) -> Any:
  return jax.tree.map(lambda x: jax.ShapeDtypeStruct(
      x.shape, x.dtype, sharding=sharding), tree)


def _bytes(tree: Any) -> int:
  return sum(math.prod(x.shape) * x.dtype.itemsize
             for x in jax.tree.leaves(tree))


STEPS = {'train_embedder': train_embedder_step,
         'train_reranker': train_reranker_step,
         'extract_features': extraction_step,
         'exact_search': exact_search_step}
