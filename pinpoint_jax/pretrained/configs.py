"""The model's fields and preprocessing, from the files next to the weights.

Fields that a published config.json leaves out take the defaults of the
class it names; they are written here, not guessed.
"""

from collections.abc import Callable, Mapping
import dataclasses
import math
from typing import Any

from pinpoint_jax.disk.weights import Tensors, WeightsError
from pinpoint_jax.pretrained import names

_ACTIVATIONS = {'gelu_pytorch_tanh': 'gelu_tanh', 'gelu': 'gelu',
                'quick_gelu': 'quick_gelu'}
_RESAMPLE = {2: 'bilinear', 3: 'bicubic'}
_BASE = dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12,
             image_size=224, num_channels=3)
_SIGLIP = _BASE | dict(
    patch_size=16, intermediate_size=3072, hidden_act='gelu_pytorch_tanh',
    layer_norm_eps=1e-6, vision_use_head=True)
_CLIP = _BASE | dict(patch_size=32, intermediate_size=3072,
                     hidden_act='quick_gelu', layer_norm_eps=1e-5)
_DINO = _BASE | dict(
    patch_size=14, mlp_ratio=4, hidden_act='gelu', layer_norm_eps=1e-6,
    qkv_bias=True, use_swiglu_ffn=False, apply_layernorm=True)

# (patch, grid) → pixels, where the model was trained on a size that its patch
# does not divide: So400m/14 takes 384, and its valid convolution leaves out
# the last 6. Its positions alone would say 27·14 = 378.
_UNEVEN_SIDES = {(14, 27): 384}


@dataclasses.dataclass(frozen=True)
class Described:
  """A published model in our words.

  Attributes:
    fields: of models.vit.ViT, at the resolution of its position table.
    table: where each parameter comes from.
    antialias: how its positions are resampled (pretrained/positions.py).
    any_size: whether the family resamples positions to whatever pixels come.
  """

  fields: dict[str, Any]
  table: names.Table
  antialias: bool = False
  any_size: bool = False


def _pair(size: Any) -> tuple[int, int]:
  return tuple(size) if isinstance(size, list | tuple) else (size, size)


def _common(config: Mapping[str, Any], where: str) -> dict[str, Any]:
  patch = _pair(config['patch_size'])
  must = {'num_channels': 3, 'vision_use_head': True, 'qkv_bias': True,
          'apply_layernorm': True}
  for name, value in must.items():
    if config.get(name, value) != value:
      raise WeightsError(
          f'{where}: {name} is {config[name]}; only {value} is supported')
  if patch[0] != patch[1]:
    raise WeightsError(f'{where}: patch_size {patch}; only square patches')
  if config['hidden_act'] not in _ACTIVATIONS:
    raise WeightsError(f'{where}: hidden_act {config["hidden_act"]!r}; '
                       f'choices are {sorted(_ACTIVATIONS)}')
  return dict(
      image_size=_pair(config['image_size']), patch=patch[0],
      width=config['hidden_size'], depth=config['num_hidden_layers'],
      num_heads=config['num_attention_heads'],
      activation=_ACTIVATIONS[config['hidden_act']],
      eps=float(config['layer_norm_eps']))


def _siglip(config: Mapping[str, Any], where: str) -> Described:
  config = _SIGLIP | dict(config.get('vision_config', config))
  return Described(
      _common(config, where) | dict(mlp_dim=config['intermediate_size']),
      names.SIGLIP)


def _clip(config: Mapping[str, Any], where: str) -> Described:
  config = _CLIP | dict(config.get('vision_config', config))
  return Described(
      _common(config, where) | dict(
          mlp_dim=config['intermediate_size'], pool='class', pre_norm=True,
          patch_bias=False),
      names.CLIP)


def _dinov2(config: Mapping[str, Any], where: str) -> Described:
  registers = config['model_type'] == 'dinov2_with_registers'
  default = _DINO | (dict(num_register_tokens=4, patch_size=16)
                     if registers else {})
  config = default | dict(config)
  fields = _common(config, where) | dict(
      pool='class', layer_scale=True,
      mlp_dim=int(config['hidden_size'] * config['mlp_ratio']),
      num_registers=config.get('num_register_tokens', 0) if registers else 0)
  gated = config['use_swiglu_ffn']
  if gated:  # Two thirds, rounded up to a multiple of eight.
    fields |= dict(activation='swiglu', mlp_dim=-(
        -int(fields['mlp_dim'] * 2 / 3) // 8) * 8)
  table = names.dinov2(registers, gated)
  return Described(fields, table, antialias=registers, any_size=True)


FAMILIES: dict[str, Callable[[Mapping[str, Any], str], Described]] = {
    'siglip': _siglip, 'siglip_vision_model': _siglip,
    'clip': _clip, 'clip_vision_model': _clip,
    'dinov2_with_registers': _dinov2, 'dinov2': _dinov2,
}


def describe(config: Mapping[str, Any], where: str) -> Described:
  """The model that a Hugging Face config.json means."""
  kind = config.get('model_type')
  if kind not in FAMILIES:
    extra = (' (this is NaFlex, of variable resolution; take a '
             'fixed-resolution SigLIP 2)' if kind == 'siglip2' else '')
    raise WeightsError(f'{where}: model_type {kind!r}{extra}; choices are '
                       f'{sorted([*FAMILIES, "pinpoint_vit"])}')
  return FAMILIES[kind](config, where)


def describe_big_vision(tensors: Tensors, prefix: str) -> Described:
  """The SigLIP image tower of a big_vision archive, from its shapes."""
  layer = prefix + 'Transformer/encoderblock'
  query = 'MultiHeadDotProductAttention_0/query/kernel'
  try:
    patch, _, _, width = tensors.shapes[f'{prefix}embedding/kernel']
    num_patches = tensors.shapes[f'{prefix}pos_embedding'][1]
    if f'{layer}/{query}' in tensors.shapes:
      depth = tensors.shapes[f'{layer}/{query}'][0]
    else:
      depth = sum(name.startswith(f'{layer}_') and name.endswith(query)
                  for name in tensors.shapes)
    _, num_heads, _ = tensors.shapes[f'{prefix}MAPHead_0/{query}']
    mlp_dim = tensors.shapes[f'{prefix}MAPHead_0/MlpBlock_0/Dense_0/kernel'][1]
  except (KeyError, ValueError, IndexError) as error:
    raise WeightsError(f'{tensors.origin}: no SigLIP image tower below '
                       f'{prefix!r}: {error}') from error
  grid = math.isqrt(num_patches)
  if grid * grid != num_patches:
    raise WeightsError(f'{tensors.origin}: {num_patches} positions are not '
                       'a square grid')
  side = _UNEVEN_SIDES.get((patch, grid), grid * patch)
  return Described(dict(
      image_size=(side, side), patch=patch, width=width,
      depth=depth, num_heads=num_heads, mlp_dim=mlp_dim),
                   names.BIG_VISION)


def preprocess_ops(config: Mapping[str, Any], where: str) -> str:
  """The string of ops that a preprocessor_config.json means."""
  get = lambda name, default: config.get(name, default)
  ops = []
  if get('do_resize', True):
    if get('resample', 3) not in _RESAMPLE:
      raise WeightsError(f'{where}: resample {config["resample"]!r}; choices '
                         f'are {_RESAMPLE}')
    method = _RESAMPLE[get('resample', 3)]
    ops.append(_resize_op(get('size', None), method, where))
  if get('do_center_crop', 'crop_size' in config):
    ops.append(f'center_crop({_size(get("crop_size", None), where)})')
  if not get('do_rescale', True) or abs(
      get('rescale_factor', 1 / 255) - 1 / 255) > 1e-9:
    raise WeightsError(f'{where}: rescaling other than by 1/255')
  ops.append('unit_range')
  if get('do_normalize', True):
    mean, std = (_numbers(get(name, None), f'{where}: {name}')
                 for name in ('image_mean', 'image_std'))
    ops.append(f'normalize({mean}, {std})')
  return '|'.join(ops)


def _resize_op(size: Any, method: str, where: str) -> str:
  if isinstance(size, Mapping) and set(size) == {'shortest_edge'}:
    return f'resize_short({size["shortest_edge"]}, {method!r})'
  # In CLIP's first files a bare number is the shorter edge.
  name = 'resize_short' if isinstance(size, int) else 'resize'
  return f'{name}({_size(size, where)}, {method!r})'


def _size(size: Any, where: str) -> str:
  if isinstance(size, int):
    return str(size)
  if isinstance(size, Mapping) and set(size) == {'height', 'width'}:
    pair = (size['height'], size['width'])
    return str(pair[0] if pair[0] == pair[1] else pair)
  raise WeightsError(f'{where}: size {size!r}; choices are a number, height '
                     'and width, or shortest_edge')


def _numbers(values: Any, where: str) -> str:
  if not (isinstance(values, list) and len(values) == 3):
    raise WeightsError(f'{where} is {values!r}, not three numbers')
  return str(values[0] if len(set(values)) == 1 else tuple(values))
