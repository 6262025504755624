"""The model directory of an embedder; disk/model_dir.py says what is in it.

It has each residual MLP under a name of its own, whether or not training had
them in one stack.
"""

from collections.abc import Mapping
import dataclasses
import pathlib
from typing import Any

from flax import traverse_util
import jax
import jax.numpy as jnp
from pinpoint_jax.disk import model_dir
from pinpoint_jax.models import embedder, layers

MODEL_TYPE = 'pinpoint_embedder'
# How a model runs, not what it is.
_RUNTIME = ('dtype', 'scan', 'unroll', 'parent', 'name')
_FIELDS = tuple(f.name for f in dataclasses.fields(embedder.Embedder)
                if f.name not in _RUNTIME)


@dataclasses.dataclass(frozen=True)
class Trained:
  """An embedder with its parameters.

  Attributes:
    model: the module.
    params: its parameters, float32 numpy.
    inputs: by source, the origin of the features it was trained on (backbone,
      weight_hash, preprocess, dim) and which rows those were (trained_on).
    fingerprint: changes with any weight, field or input.
  """

  model: embedder.Embedder
  params: Any
  inputs: Mapping[str, Mapping[str, Any]]
  fingerprint: str


def save(folder: pathlib.Path, model: embedder.Embedder, params: Any,
         inputs: Mapping[str, Mapping[str, Any]], card: str) -> str:
  """Writes the directory whole or not at all; returns the fingerprint."""
  fields = {name: model_dir.plain(getattr(model, name)) for name in _FIELDS}
  return model_dir.save(folder, {
      'model_type': MODEL_TYPE, 'inputs': inputs, 'fields': fields},
                        layers.unstacked(params), card)


def load(folder: str | pathlib.Path, dtype: Any = jnp.float32) -> Trained:
  """Reads a model directory; refuses changed files."""
  folder = pathlib.Path(folder)
  return from_saved(folder, model_dir.load(folder, MODEL_TYPE), dtype)


def from_saved(folder: pathlib.Path, saved: model_dir.Saved,
               dtype: Any = jnp.float32) -> Trained:
  """The embedder of what was read from `folder`."""
  with model_dir.building(folder):
    model = embedder.Embedder(
        **model_dir.fields(folder, saved, _FIELDS), dtype=dtype)
    inputs = saved.config['inputs']
    shapes = param_shapes(model, inputs)
  model_dir.check_shapes(folder, saved.shapes, shapes)
  return Trained(model, saved.params, inputs, saved.fingerprint)


def param_shapes(model: embedder.Embedder,
                 inputs: Mapping[str, Mapping[str, Any]]) -> dict[
                     str, tuple[int, ...]]:
  """Shape of every parameter by its path."""
  features = {s: jnp.zeros((1, about['dim'])) for s, about in inputs.items()}
  shapes = jax.eval_shape(
      lambda key: model.init(key, features,
                             {s: jnp.zeros((1, 3)) for s in features}),
      jax.random.key(0))['params']
  return {name: leaf.shape for name, leaf in
          traverse_util.flatten_dict(shapes, sep='/').items()}
