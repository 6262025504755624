"""The model directory of a ConvNet; disk/model_dir.py says what is in it."""

import dataclasses
import pathlib
from typing import Any

from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.disk import model_dir
from pinpoint_jax.models import convnet

MODEL_TYPE = 'pinpoint_convnet'
# How a model runs, not what it is.
_RUNTIME = ('dtype', 'parent', 'name')
_FIELDS = tuple(f.name for f in dataclasses.fields(convnet.ConvNet)
                if f.name not in _RUNTIME)


@dataclasses.dataclass(frozen=True)
class Trained:
  """A backbone: the module, its float32 parameters, and their fingerprint."""

  model: convnet.ConvNet
  params: Any
  fingerprint: str


def save(folder: pathlib.Path, model: convnet.ConvNet, params: Any,
         card: str) -> str:
  """Writes the directory whole or not at all; returns the fingerprint."""
  fields = {name: model_dir.plain(getattr(model, name)) for name in _FIELDS}
  # Half the file, for a model that is shipped: pixels have eight bits.
  return model_dir.save(
      folder, {'model_type': MODEL_TYPE, 'fields': fields}, params, card,
      np.float16)


def load(folder: str | pathlib.Path, dtype: Any = jnp.float32) -> Trained:
  """Reads a model directory; refuses changed files."""
  folder = pathlib.Path(folder)
  saved = model_dir.load(folder, MODEL_TYPE)
  with model_dir.building(folder):
    model = convnet.ConvNet(
        **model_dir.fields(folder, saved, _FIELDS), dtype=dtype)
    shapes = jax.eval_shape(
        model.init, jax.random.key(0),
        jnp.zeros((1, *model.image_size, 3)))['params']
  model_dir.check_shapes(folder, saved.shapes, {
      name: leaf.shape for name, leaf in
      traverse_util.flatten_dict(shapes, sep='/').items()})
  return Trained(model, saved.params, saved.fingerprint)
