"""Named tensors in files, read one at a time and never unpickled."""

from collections.abc import Callable, Mapping
import dataclasses
import functools
import json
import pathlib
import zipfile

import ml_dtypes
import numpy as np
import safetensors

_PICKLED = ('.bin', '.pt', '.pth', '.ckpt', '.pkl', '.msgpack', '.h5')
_SINGLE = 'model.safetensors'
_INDEX = 'model.safetensors.index.json'


class WeightsError(ValueError):
  """Weights that cannot be used, with the file, the reason and the way out."""


@dataclasses.dataclass(frozen=True)
class Tensors:
  """What a weight file holds.

  Attributes:
    origin: the file or folder, for messages.
    shapes: shape of every tensor by name.
    read: the tensor called so, float32.
  """

  origin: str
  shapes: Mapping[str, tuple[int, ...]]
  read: Callable[[str], np.ndarray]


def shape_faults(actual: Mapping[str, tuple[int, ...]],
                 wanted: Mapping[str, tuple[int, ...]]) -> str:
  """What keeps tensors from being those of a model; '' if nothing does."""
  lines = [f'{name} is {actual.get(name, "missing")}, the model wants '
           f'{wanted.get(name, "none")}'
           for name in sorted({**actual, **wanted})
           if actual.get(name) != wanted.get(name)]
  return '; '.join(lines[:5]) + (' …' if len(lines) > 5 else '')


def refuse_pickled(path: pathlib.Path) -> None:
  """Refuses a file that only unpickling could read."""
  if path.suffix in _PICKLED:
    raise WeightsError(
        f'{path}: {path.suffix} files run code when they are read and are '
        'never opened; convert to safetensors where the file is trusted, or '
        'fetch the same model as model.safetensors or big_vision .npz')


def open_folder(folder: pathlib.Path) -> Tensors:
  """Tensors of model.safetensors, or of the shards its index names."""
  if (folder / _INDEX).exists():
    return _join(folder, _shards(folder))
  if (folder / _SINGLE).exists():
    return open_safetensors(folder / _SINGLE)
  for path in sorted(folder.glob('*')):
    refuse_pickled(path)
  raise WeightsError(f'{folder}: neither {_SINGLE} nor {_INDEX} is there')


def open_safetensors(path: pathlib.Path) -> Tensors:
  """Tensors of one safetensors file."""
  try:
    with safetensors.safe_open(path, 'numpy') as file:
      shapes = {name: tuple(file.get_slice(name).get_shape())
                for name in file.keys()}
  except (safetensors.SafetensorError, OSError) as error:
    raise WeightsError(
        f'{path}: no safetensors file ({error}); fetch it again, and compare '
        'its size with the publisher\'s: a text pointer is not the weights'
    ) from error
  return Tensors(str(path), shapes, functools.partial(_read_one, path))


def _read_one(path: pathlib.Path, name: str) -> np.ndarray:
  with safetensors.safe_open(path, 'numpy') as file:
    return _to_float32(file.get_tensor(name), f'{path}: {name}')


def _shards(folder: pathlib.Path) -> dict[str, str]:
  """Shard file of each tensor."""
  path = folder / _INDEX
  try:
    shards = dict(json.loads(path.read_text())['weight_map'])
  except (ValueError, KeyError, TypeError) as error:
    raise WeightsError(f'{path}: no shard index with a weight_map') from error
  for shard in set(shards.values()):
    if not isinstance(shard, str) or pathlib.Path(shard).name != shard:
      raise WeightsError(f'{path}: shard {shard!r} lies outside the folder')
    refuse_pickled(folder / shard)
    if not (folder / shard).exists():
      raise WeightsError(f'{path}: shard {shard} is missing; fetch it')
  return shards


def _join(folder: pathlib.Path, shards: Mapping[str, str]) -> Tensors:
  files = {shard: open_safetensors(folder / shard)
           for shard in sorted(set(shards.values()))}
  lost = sorted(n for n, s in shards.items() if n not in files[s].shapes)
  if lost:
    raise WeightsError(f'{folder / _INDEX}: {lost[0]!r} and {len(lost) - 1} '
                       f'more are not in {shards[lost[0]]}')
  shapes = {name: files[shard].shapes[name] for name, shard in shards.items()}
  return Tensors(str(folder), shapes,
                 lambda name: files[shards[name]].read(name))


def open_npz(path: pathlib.Path) -> Tensors:
  """Tensors of a numpy archive; arrays of objects are refused."""
  try:
    with zipfile.ZipFile(path) as archive:
      shapes = {name.removesuffix('.npy'): _npy_shape(archive, name)
                for name in archive.namelist()}
    file = np.load(path, allow_pickle=False)
  except (ValueError, OSError, zipfile.BadZipFile) as error:
    raise WeightsError(f'{path}: no plain numpy archive ({error})') from error

  @functools.lru_cache(maxsize=4)  # A stacked tensor is asked for by layer.
  def read(name: str) -> np.ndarray:
    return _to_float32(file[name], f'{path}: {name}')

  return Tensors(str(path), shapes, read)


def by_layer(tensors: Tensors, stem: str) -> Tensors:
  """Names tensors stacked under `stem`/ layer by layer, as `stem`_0/, …"""
  shapes, places = {}, {}
  for name, shape in tensors.shapes.items():
    stacked = name.startswith(f'{stem}/') and shape
    for i in range(shape[0]) if stacked else ():
      layer = name.replace(f'{stem}/', f'{stem}_{i}/', 1)
      shapes[layer], places[layer] = shape[1:], (name, i)
    if not stacked:
      shapes[name] = shape

  def read(name: str) -> np.ndarray:
    if name not in places:
      return tensors.read(name)
    stack, i = places[name]
    return tensors.read(stack)[i]

  return Tensors(tensors.origin, shapes, read)


def _npy_shape(archive: zipfile.ZipFile, name: str) -> tuple[int, ...]:
  with archive.open(name) as member:
    version = np.lib.format.read_magic(member)
    header = (np.lib.format.read_array_header_1_0 if version == (1, 0)
              else np.lib.format.read_array_header_2_0)
    shape, _, dtype = header(member)
  if dtype.hasobject:
    raise ValueError(f'{name} holds Python objects, which need unpickling')
  return shape


def _to_float32(values: np.ndarray, where: str) -> np.ndarray:
  if values.dtype == np.dtype('V2'):  # numpy's name for an unknown bfloat16.
    values = values.view(ml_dtypes.bfloat16)
  if values.dtype not in (np.float32, np.float16, np.float64,
                          ml_dtypes.bfloat16):
    raise WeightsError(f'{where}: dtype {values.dtype}; choices are float32, '
                       'float16, bfloat16, float64')
  return values.astype(np.float32)
