"""Published weights to our ViT: Hugging Face folders, big_vision archives.

  model = pretrained.load('siglip2-so400m-patch14-384')      a folder
  model = pretrained.load('siglip2_b16_256.npz')             an archive
  vectors = model.model.apply(model.params, pixels)

Every tensor is accounted for: mapped, or named as unused; a missing or
misshapen one is an error that names it. Nothing is ever unpickled.
"""

import dataclasses
import hashlib
import json
import pathlib
from typing import Any

from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.disk import weights
from pinpoint_jax.disk.weights import Tensors, WeightsError
from pinpoint_jax.images import preprocess as preprocess_lib
from pinpoint_jax.models import convnet, efficientnet_lite, transformer, vit
from pinpoint_jax.pretrained import configs, names, positions
from pinpoint_jax.pretrained.params import Report, assemble

_BIG_VISION_OPS = "resize({0}, 'bilinear')|unit_range|normalize(0.5, 0.5)"


@dataclasses.dataclass(frozen=True)
class Pretrained:
  """A backbone ready to use.

  Attributes:
    model: the module; `model.image_size` is what `preprocess` gives.
    params: float32 variables for `model.apply`.
    preprocess: ops of images/preprocess.py from a decoded photo to pixels.
    report: what became of the file's tensors.
    weight_hash: sha256 over names, shapes and values of `params`.
  """

  model: vit.ViT | efficientnet_lite.EfficientNetLite | convnet.ConvNet
  params: dict[str, Any]
  preprocess: str
  report: Report
  weight_hash: str


def load(
    path: str | pathlib.Path, preprocess: str | None = None,
    image_size: tuple[int, int] | None = None, **overrides: Any,
) -> Pretrained:
  """Reads a folder or .npz.

  `preprocess` replaces the file's own. `image_size` requests another
  resolution: sizes in the preprocessing and the positions follow.
  `overrides` are fields of models.vit.ViT (dtype, remat, attention, …).
  """
  path = pathlib.Path(path)
  if not path.exists():
    raise WeightsError(f'{path}: no such file or folder')
  weights.refuse_pickled(path)
  if path.is_dir():
    described, tensors, prefix, own = _open_folder(path, preprocess)
  elif path.suffix == '.npz':
    described, tensors, prefix, own = _open_big_vision(path)
  else:
    raise WeightsError(f'{path}: choices are a folder with config.json and '
                       'model.safetensors, or a big_vision .npz')
  ops = preprocess or own
  if image_size is not None:
    ops = preprocess_lib.with_output_size(ops, image_size)
  native = vit.ViT(**described.fields)
  params, report = assemble(native, described.table, tensors, prefix)
  size = preprocess_lib.output_size(ops)
  if size != native.image_size:
    if image_size is None and not _fits(described, native, size):
      raise WeightsError(
          f'{path}: preprocessing gives {size} pixels, the model was made '
          f'for {native.image_size}; pass image_size to resample it')
    params = _resampled(params, native, size, described.antialias)
  model = vit.ViT(**described.fields | dict(image_size=size) | overrides)
  if not model.scan:
    params = transformer.unstacked(params)
  return Pretrained(model, jax.tree.map(jnp.asarray, params), ops, report,
                    weight_hash(params))


def weight_hash(params: Any) -> str:
  """sha256 over the names, shapes and values of all parameters."""
  digest = hashlib.sha256()
  flat = traverse_util.flatten_dict(params, sep='/')
  for name in sorted(flat):
    value = np.ascontiguousarray(flat[name])
    digest.update(f'{name} {value.dtype} {value.shape}\n'.encode())
    digest.update(value.data)
  return digest.hexdigest()


def _open_folder(folder: pathlib.Path, preprocess: str | None) -> tuple:
  where = str(folder / 'config.json')
  config = _json(folder / 'config.json')
  described = configs.describe(config, where)
  tensors = weights.open_folder(folder)
  processor = folder / 'preprocessor_config.json'
  if preprocess is None and not processor.exists():
    raise WeightsError(
        f'{processor} is missing: fetch it, or pass preprocess, for example '
        f'{_BIG_VISION_OPS.format(described.fields["image_size"][0])!r}')
  own = (configs.preprocess_ops(_json(processor), str(processor))
         if preprocess is None else preprocess)
  return described, tensors, _prefix(described.table, tensors), own


def _open_big_vision(path: pathlib.Path) -> tuple:
  tensors = weights.open_npz(path)
  prefix = _prefix(names.BIG_VISION, tensors)
  described = configs.describe_big_vision(tensors, prefix)
  tensors = weights.by_layer(
      tensors, f'{prefix}Transformer/encoderblock')
  ops = _BIG_VISION_OPS.format(described.fields['image_size'][0])
  return described, tensors, prefix, ops


def _json(path: pathlib.Path) -> dict[str, Any]:
  try:
    return dict(json.loads(path.read_text()))
  except (OSError, ValueError, TypeError) as error:
    raise WeightsError(f'{path}: no readable JSON object: {error}') from error


def _prefix(table: names.Table, tensors: Tensors) -> str:
  for prefix in table.prefixes:
    if prefix + table.anchor in tensors.shapes:
      return prefix
  raise WeightsError(
      f'{tensors.origin}: no {table.anchor!r} under any of the prefixes '
      f'{table.prefixes}; the file holds {sorted(tensors.shapes)[:3]}')


def _fits(described: configs.Described, native: vit.ViT,
          size: tuple[int, int]) -> bool:
  """Whether the family takes any size, or the grid of patches is the same."""
  grid = tuple(side // native.patch for side in size)
  return described.any_size or grid == native.grid


def _resampled(params: dict, native: vit.ViT, size: tuple[int, int],
               antialias: bool) -> dict:
  grid = tuple(side // native.patch for side in size)
  position = positions.resample(
      params['params']['position'], native.grid, grid, antialias)
  return {'params': params['params'] | dict(position=position)}
