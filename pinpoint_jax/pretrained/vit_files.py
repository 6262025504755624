"""Our own file format for a ViT: config.json next to model.safetensors.

`pretrained.load` reads it back. The config holds the fields of models.vit.ViT
and the preprocessing; the tensors are named by their path in the tree.
"""

from collections.abc import Mapping
import dataclasses
import json
import pathlib
from typing import Any

from flax import traverse_util
import numpy as np
from pinpoint_jax.disk.weights import WeightsError
from pinpoint_jax.images import preprocess as preprocess_lib
from pinpoint_jax.models import vit
from pinpoint_jax.pretrained import names
from pinpoint_jax.pretrained import params as pretrained_params
from pinpoint_jax.pretrained.configs import Described
import safetensors.numpy

MODEL_TYPE = 'pinpoint_vit'
DTYPES = ('float32', 'float16')
# How a model runs, not what it is.
_RUNTIME = ('dtype', 'attention', 'scan', 'remat', 'parent', 'name')
_FIELDS = tuple(f.name for f in dataclasses.fields(vit.ViT)
                if f.name not in _RUNTIME)


def save(folder: str | pathlib.Path, model: vit.ViT, params: Any,
         preprocess: str, dtype: str = 'float32') -> None:
  """Writes a scanned model; float16 halves the file."""
  if dtype not in DTYPES:
    raise ValueError(f'dtype {dtype!r}: choices are {DTYPES}')
  if preprocess_lib.output_size(preprocess) != tuple(model.image_size):
    raise ValueError(f'preprocess {preprocess!r} does not give the '
                     f'{tuple(model.image_size)} pixels of the model')
  folder = pathlib.Path(folder)
  folder.mkdir(parents=True, exist_ok=True)
  flat = traverse_util.flatten_dict(params['params'], sep='/')
  # Not save_file: it leaves a file that only its owner can read.
  (folder / 'model.safetensors').write_bytes(safetensors.numpy.save(
      {name: _cast(value, dtype, name) for name, value in flat.items()}))
  config = {'model_type': MODEL_TYPE, 'preprocess': preprocess,
            'fields': {name: getattr(model, name) for name in _FIELDS}}
  (folder / 'config.json').write_text(json.dumps(config, indent=2) + '\n')


def _cast(value: Any, dtype: str, name: str) -> np.ndarray:
  with np.errstate(over='ignore'):  # Refused below, by name.
    cast = np.ascontiguousarray(np.asarray(value).astype(dtype))
  if not np.isfinite(cast).all():
    raise ValueError(f'{name} does not fit into {dtype}: not finite')
  return cast


def describe(config: Mapping[str, Any], where: str) -> Described:
  """The model that one of our own config.json files means."""
  fields = dict(config.get('fields', {}))
  if set(fields) != set(_FIELDS) or 'preprocess' not in config:
    raise WeightsError(
        f'{where}: needs preprocess and the fields {sorted(_FIELDS)}; '
        f'it has {sorted(fields)}')
  fields['image_size'] = tuple(fields['image_size'])
  shapes = pretrained_params.param_shapes(vit.ViT(**fields))
  rows = tuple(
      names.Row(
          name, 'same', (f'{name} [{" ".join(map(str, shape))}]',))
      for name, shape in shapes.items())
  return Described(fields, names.Table('', ('',), '', rows, ()))
