"""Files of a reference model, written again from its names and shapes."""

import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.pretrained import load as pretrained
import safetensors.numpy

from tests.parity import seeded

REFERENCES = pathlib.Path(__file__).parent / 'references'
OPS = 'resize({0})|unit_range|normalize(0.5, 0.5)'


def write_model(folder: pathlib.Path, described: dict) -> pathlib.Path:
  """Writes config and weights of one entry of models.json."""
  folder.mkdir(parents=True, exist_ok=True)
  (folder / 'config.json').write_text(json.dumps(described['config']))
  files = described['files']
  for file, shapes in files.items():
    safetensors.numpy.save_file(
        {name: np.asarray(seeded.tensor(name, tuple(shape)))
         for name, shape in shapes.items()}, folder / file)
  if len(files) > 1:
    weight_map = {name: file for file, shapes in files.items()
                  for name in shapes}
    (folder / 'model.safetensors.index.json').write_text(
        json.dumps({'weight_map': weight_map}))
  return folder


def load(folder: pathlib.Path, described: dict, **overrides):
  """The rebuilt model, loaded by us at the reference's resolution."""
  size = tuple(described['image_size'])
  return pretrained.load(write_model(folder, described), OPS.format(size),
                         image_size=size, **overrides)


def worst_difference(name: str, described: dict, pooled: np.ndarray,
                     folder: pathlib.Path) -> float:
  """Largest absolute difference between our output and the reference's."""
  loaded = load(folder, described)
  images = seeded.pixels(name, (len(pooled), *described['image_size'], 3))
  # Compiling costs more than running here.
  apply = jax.jit(loaded.model.apply, compiler_options={
      'xla_backend_optimization_level': 0})
  ours = apply(loaded.params, jnp.asarray(images))
  return float(np.abs(np.asarray(ours) - pooled).max())
