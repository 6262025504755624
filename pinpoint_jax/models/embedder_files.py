"""The model directory: config.json, model.safetensors, fingerprint.json.

Nothing is pickled; the tensors are named by their path in the tree, float32.
README.md, the model card, lies beside them.
"""

from collections.abc import Mapping
import dataclasses
import hashlib
import json
import pathlib
import shutil
from typing import Any

from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.models import embedder, weight_files
from pinpoint_jax.models.weight_files import WeightsError
import safetensors.numpy

MODEL_TYPE = 'pinpoint_embedder'
CONFIG, WEIGHTS = 'config.json', 'model.safetensors'
FINGERPRINT, CARD = 'fingerprint.json', 'README.md'
# How a model runs, not what it is.
_RUNTIME = ('dtype', 'parent', 'name')
_FIELDS = tuple(f.name for f in dataclasses.fields(embedder.Embedder)
                if f.name not in _RUNTIME)


@dataclasses.dataclass(frozen=True)
class Trained:
  """An embedder with its parameters.

  Attributes:
    model: the module.
    params: its parameters, float32 numpy.
    inputs: by source, what made the features it was trained on: backbone,
      weight_hash, preprocess, dim.
    fingerprint: changes with any weight, field or input.
  """

  model: embedder.Embedder
  params: Any
  inputs: Mapping[str, Mapping[str, Any]]
  fingerprint: str


def save(folder: pathlib.Path, model: embedder.Embedder, params: Any,
         inputs: Mapping[str, Mapping[str, Any]], card: str) -> str:
  """Writes the directory whole or not at all; returns the fingerprint."""
  # Not ascontiguousarray, which gives a number a dimension.
  flat = {name: np.array(value, np.float32, order='C')
          for name, value in
          traverse_util.flatten_dict(params, sep='/').items()}
  bad = [name for name, value in flat.items() if not np.isfinite(value).all()]
  if bad:
    raise ValueError(f'{folder}: {bad} hold NaN or infinity; not exported')
  partial = folder.with_name(f'.{folder.name}.tmp')
  shutil.rmtree(partial, ignore_errors=True)
  partial.mkdir(parents=True)
  # Not save_file: it leaves a file that only its owner can read.
  (partial / WEIGHTS).write_bytes(safetensors.numpy.save(flat))
  config = {'model_type': MODEL_TYPE, 'inputs': inputs,
            'fields': {name: _plain(getattr(model, name)) for name in _FIELDS}}
  (partial / CONFIG).write_text(json.dumps(config, indent=2) + '\n')
  found = _fingerprint(partial)
  (partial / FINGERPRINT).write_text(json.dumps(found, indent=2) + '\n')
  (partial / CARD).write_text(card, encoding='utf-8')
  shutil.rmtree(folder, ignore_errors=True)
  partial.rename(folder)
  return found['fingerprint']


def load(folder: str | pathlib.Path, dtype: Any = jnp.float32) -> Trained:
  """Reads a model directory; refuses files that changed since it was made."""
  folder = pathlib.Path(folder)
  for name in (CONFIG, WEIGHTS, FINGERPRINT):
    if not (folder / name).is_file():
      raise WeightsError(f'{folder / name} is missing: {folder} is no model '
                         f'directory, or not all of it')
  saved, found = _json(folder / FINGERPRINT), _fingerprint(folder)
  if saved != found:
    changed = [name for name in found if saved.get(name) != found[name]]
    raise WeightsError(f'{folder}: {changed} differ from {FINGERPRINT}; fetch '
                       f'or export it again')
  config = _json(folder / CONFIG)
  model = embedder.Embedder(**_fields(config, folder), dtype=dtype)
  tensors = weight_files.open_safetensors(folder / WEIGHTS)
  _refuse_differences(folder, dict(tensors.shapes),
                      param_shapes(model, config['inputs']))
  flat = {name: tensors.read(name) for name in tensors.shapes}
  return Trained(model, traverse_util.unflatten_dict(flat, sep='/'),
                 config['inputs'], found['fingerprint'])


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


def _fields(config: Mapping[str, Any], folder: pathlib.Path) -> dict[str, Any]:
  fields = config.get('fields', {})
  if config.get('model_type') != MODEL_TYPE or set(fields) != set(_FIELDS):
    raise WeightsError(f'{folder / CONFIG}: needs model_type {MODEL_TYPE} and '
                       f'the fields {sorted(_FIELDS)}; has {sorted(fields)}')
  return {name: _frozen(value) for name, value in fields.items()}


def _refuse_differences(folder: pathlib.Path,
                        found: Mapping[str, tuple[int, ...]],
                        wanted: Mapping[str, tuple[int, ...]]) -> None:
  lines = [f'{name} is {found.get(name, "missing")}, the model wants '
           f'{wanted.get(name, "none")}' for name in sorted({**found, **wanted})
           if found.get(name) != wanted.get(name)]
  if lines:
    raise WeightsError(f'{folder / WEIGHTS}: {"; ".join(lines[:5])}'
                       f'{" …" if len(lines) > 5 else ""}')


def _fingerprint(folder: pathlib.Path) -> dict[str, str]:
  sums = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
          for name in (CONFIG, WEIGHTS)}
  text = json.dumps(sums, sort_keys=True)
  return sums | {'fingerprint': hashlib.sha256(text.encode()).hexdigest()[:16]}


def _json(path: pathlib.Path) -> dict[str, Any]:
  try:
    return dict(json.loads(path.read_text(encoding='utf-8')))
  except (ValueError, TypeError) as error:
    raise WeightsError(f'{path}: no JSON object: {error}') from error


def _plain(value: Any) -> Any:
  if isinstance(value, Mapping):
    return {name: _plain(item) for name, item in value.items()}
  if isinstance(value, list | tuple):
    return [_plain(item) for item in value]
  return value


def _frozen(value: Any) -> Any:
  if isinstance(value, dict):
    return {name: _frozen(item) for name, item in value.items()}
  return tuple(value) if isinstance(value, list) else value
