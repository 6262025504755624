"""Any model directory: config.json, model.safetensors, fingerprint.json.

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
import numpy as np
from pinpoint_jax.disk import weights
from pinpoint_jax.disk.weights import WeightsError
import safetensors.numpy

CONFIG, WEIGHTS = 'config.json', 'model.safetensors'
FINGERPRINT, CARD = 'fingerprint.json', 'README.md'


@dataclasses.dataclass(frozen=True)
class Saved:
  """What a model directory holds.

  Attributes:
    config: of config.json, lists as lists.
    params: the tree of tensors, float32 numpy.
    shapes: shape of each tensor by its path.
    fingerprint: changes with any weight and any entry of the config.
  """

  config: Mapping[str, Any]
  params: Any
  shapes: Mapping[str, tuple[int, ...]]
  fingerprint: str


def save(folder: pathlib.Path, config: Mapping[str, Any], params: Any,
         card: str) -> str:
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
  (partial / CONFIG).write_text(json.dumps(config, indent=2) + '\n')
  found = fingerprint(partial)
  (partial / FINGERPRINT).write_text(json.dumps(found, indent=2) + '\n')
  (partial / CARD).write_text(card, encoding='utf-8')
  shutil.rmtree(folder, ignore_errors=True)
  partial.rename(folder)
  return found['fingerprint']


def load(folder: pathlib.Path, model_type: str) -> Saved:
  """Reads a directory; refuses changed files and another type of model."""
  for name in (CONFIG, WEIGHTS, FINGERPRINT):
    if not (folder / name).is_file():
      raise WeightsError(f'{folder / name} is missing: {folder} is no model '
                         f'directory, or not all of it')
  saved, found = _json(folder / FINGERPRINT), fingerprint(folder)
  if saved != found:
    changed = [name for name in found if saved.get(name) != found[name]]
    raise WeightsError(f'{folder}: {changed} differ from {FINGERPRINT}; fetch '
                       f'or export it again')
  config = _json(folder / CONFIG)
  if config.get('model_type') != model_type:
    raise WeightsError(f'{folder / CONFIG}: model_type is '
                       f'{config.get("model_type")!r}, wanted is '
                       f'{model_type!r}: name the directory of another model')
  tensors = weights.open_safetensors(folder / WEIGHTS)
  flat = {name: tensors.read(name) for name in tensors.shapes}
  return Saved(config, traverse_util.unflatten_dict(flat, sep='/'),
               dict(tensors.shapes), found['fingerprint'])


def fingerprint(folder: pathlib.Path) -> dict[str, str]:
  """What fingerprint.json should say: a sum of each file, one of both."""
  sums = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
          for name in (CONFIG, WEIGHTS)}
  text = json.dumps(sums, sort_keys=True)
  return sums | {'fingerprint': hashlib.sha256(text.encode()).hexdigest()[:16]}


def check_shapes(folder: pathlib.Path, found: Mapping[str, tuple[int, ...]],
                 wanted: Mapping[str, tuple[int, ...]]) -> None:
  """Refuses tensors that are not those of the model."""
  lines = [f'{name} is {found.get(name, "missing")}, the model wants '
           f'{wanted.get(name, "none")}' for name in sorted({**found, **wanted})
           if found.get(name) != wanted.get(name)]
  if lines:
    raise WeightsError(f'{folder / WEIGHTS}: {"; ".join(lines[:5])}'
                       f'{" …" if len(lines) > 5 else ""}')


def fields(folder: pathlib.Path, config: Mapping[str, Any],
           names: tuple[str, ...]) -> dict[str, Any]:
  """Fields of the module as it takes them; refused are others than `names`."""
  found = config.get('fields', {})
  if set(found) != set(names):
    raise WeightsError(f'{folder / CONFIG}: needs the fields {sorted(names)}; '
                       f'has {sorted(found)}')
  return {name: _frozen(value) for name, value in found.items()}


def plain(value: Any) -> Any:
  """Mappings and tuples as JSON has them."""
  if isinstance(value, Mapping):
    return {name: plain(item) for name, item in value.items()}
  if isinstance(value, list | tuple):
    return [plain(item) for item in value]
  return value


def _frozen(value: Any) -> Any:
  if isinstance(value, dict):
    return {name: _frozen(item) for name, item in value.items()}
  return tuple(value) if isinstance(value, list) else value


def _json(path: pathlib.Path) -> dict[str, Any]:
  try:
    return dict(json.loads(path.read_text(encoding='utf-8')))
  except (ValueError, TypeError) as error:
    raise WeightsError(f'{path}: no JSON object: {error}') from error
