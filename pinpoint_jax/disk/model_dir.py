"""Any model directory: config.json, model.safetensors, README.md (the card).

Nothing is pickled; the tensors are named by their path in the tree, float32
unless the model says otherwise, and are read as float32.
fingerprint.json is the manifest of a sealed folder, with the `fingerprint` of
config and weights; directories from before it listed `files` are still read.
"""

from collections.abc import Iterator, Mapping
import contextlib
import dataclasses
import hashlib
import json
import math
import pathlib
from typing import Any

from flax import traverse_util
import numpy as np
from pinpoint_jax.disk import files, sealed, weights
from pinpoint_jax.disk.weights import WeightsError
import safetensors
import safetensors.numpy

CONFIG, WEIGHTS, CARD = 'config.json', 'model.safetensors', 'README.md'
KIND = sealed.Kind(
    'model directory', WeightsError, 'fetch or export it again',
    {'fingerprint': str}, (sealed.FILES, CONFIG, WEIGHTS),
    manifest='fingerprint.json')


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
         card: str, dtype: type[np.floating] = np.float32) -> str:
  """Writes the directory whole or not at all; returns the fingerprint."""
  # Not ascontiguousarray, which gives a number a dimension.
  flat = {name: np.array(value, dtype, order='C')
          for name, value in
          traverse_util.flatten_dict(params, sep='/').items()}
  bad = [name for name, value in flat.items() if not np.isfinite(value).all()]
  if bad:
    raise ValueError(f'{folder}: {bad} hold NaN or infinity; not exported')
  content = {CONFIG: (json.dumps(config, indent=2) + '\n').encode(),
             WEIGHTS: safetensors.numpy.save(flat)}
  files.remove_partials(folder)
  with sealed.writing(folder, len(content[WEIGHTS])) as draft:
    for name, data in content.items():
      draft.write(name, data)
    draft.write(CARD, card.encode())
    entries = {'fingerprint': fingerprint(content)}
    draft.publish(folder, KIND, entries, replace=True)
  return entries['fingerprint']


def load(folder: pathlib.Path, model_type: str) -> Saved:
  """Reads a directory; refuses changed files and another type of model."""
  manifest, content = _open(folder)
  config = _json(folder / CONFIG, content[CONFIG])
  if config.get('model_type') != model_type:
    raise WeightsError(f'{folder / CONFIG}: model_type is '
                       f'{config.get("model_type")!r:.80}, expected '
                       f'{model_type!r}: name the directory of another model')
  try:
    flat = {name: value.astype(np.float32) for name, value in
            safetensors.numpy.load(content[WEIGHTS]).items()}
    params = traverse_util.unflatten_dict(flat, sep='/')
  except (safetensors.SafetensorError, ValueError, TypeError,
          KeyError) as error:
    raise WeightsError(f'{folder / WEIGHTS}: not readable as safetensors '
                       f'({error}); {KIND.remedy}') from error
  return Saved(config, params,
               {name: value.shape for name, value in flat.items()},
               manifest['fingerprint'])


def verify(folder: pathlib.Path) -> dict[str, Any]:
  """What is in a sound directory; refuses any changed file, also the card."""
  manifest, content = _open(folder)
  _listed(folder, manifest).verify()
  config = _json(folder / CONFIG, content[CONFIG])
  return {'model_type': config.get('model_type'),
          'fingerprint': manifest['fingerprint'],
          'bytes': sum(map(len, content.values()))} | sealed.note(manifest)


def seal(folder: pathlib.Path) -> None:
  """Lists the files of a verified directory in its manifest."""
  entries = {'fingerprint': _open(folder)[0]['fingerprint']}
  sums = sealed.Draft(folder).finish()
  del sums[KIND.manifest]
  sealed.write_manifest(folder, KIND, {**entries, sealed.FILES: sums})


def fingerprint(content: Mapping[str, bytes]) -> str:
  """Sixteen hex digits of the sha256 sums of config and weights."""
  sums = {name: hashlib.sha256(content[name]).hexdigest()
          for name in (CONFIG, WEIGHTS)}
  text = json.dumps(sums, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextlib.contextmanager
def building(folder: pathlib.Path) -> Iterator[None]:
  """Refuses, in one line, a config from which no model can be built."""
  try:
    yield
  except WeightsError:
    raise
  # Whatever values somebody wrote there: flax and jax raise many types.
  except Exception as error:
    raise WeightsError(
        f'{folder / CONFIG} does not describe a model of this program '
        f'({type(error).__name__}: {str(error)[:200]}); {KIND.remedy}'
    ) from error


def check_shapes(folder: pathlib.Path, saved: Mapping[str, tuple[int, ...]],
                 expected: Mapping[str, tuple[int, ...]]) -> None:
  """Refuses tensors that are not those of the model."""
  if faults := weights.shape_faults(saved, expected):
    raise WeightsError(f'{folder / WEIGHTS}: {faults}')


def fields(folder: pathlib.Path, saved: Saved,
           names: tuple[str, ...]) -> dict[str, Any]:
  """Fields of the module as it takes them; refuses others than `names`."""
  values = saved.config.get('fields')
  if not isinstance(values, dict) or set(values) != set(names):
    raise WeightsError(f'{folder / CONFIG}: needs the fields {sorted(names)}; '
                       f'has {values!r:.500}')
  # A depth of 10^400 would build layers forever.
  most = sum(math.prod(shape) for shape in saved.shapes.values())
  large = [f'{name} = {value!r:.80}' for name, value in values.items()
           if isinstance(value, int) and value > most]
  if large:
    raise WeightsError(f'{folder / CONFIG}: {", ".join(large)}, more than the '
                       f'{most:,} weights of the model')
  return {name: _frozen(value) for name, value in values.items()}


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


def _open(folder: pathlib.Path) -> tuple[dict[str, Any], dict[str, bytes]]:
  manifest = sealed.read_manifest(folder, KIND)
  listed = _listed(folder, manifest)
  content = {name: _read(listed, name) for name in (CONFIG, WEIGHTS)}
  if fingerprint(content) != manifest['fingerprint']:
    raise WeightsError(f'{folder}: {CONFIG} or {WEIGHTS} differs from '
                       f'{KIND.manifest}; {KIND.remedy}')
  return manifest, content


def _listed(folder: pathlib.Path, manifest: Mapping[str, Any]) -> sealed.Files:
  return sealed.Files(folder, manifest.get(sealed.FILES, {}), KIND)


def _read(listed: sealed.Files, name: str) -> bytes:
  if name in listed.sums:
    return listed.read(name)
  try:
    return (listed.folder / name).read_bytes()
  except FileNotFoundError:
    raise WeightsError(f'{listed.folder / name} is missing; '
                       f'{KIND.remedy}') from None


def _json(path: pathlib.Path, data: bytes) -> dict[str, Any]:
  try:
    return dict(json.loads(data))
  except (ValueError, TypeError, RecursionError) as error:
    raise WeightsError(f'{path}: not readable as a JSON object: {error}; '
                       f'{KIND.remedy}') from error
