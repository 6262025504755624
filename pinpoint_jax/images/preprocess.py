"""Preprocessing as a string of named ops, e.g. 'resize(64)|unit_range'.

Every name resolves in this module and every argument is a literal, so the
string in a store's manifest describes the preprocessing completely.

  bytes ─▶ uint8 ops (workers: resize, crop) ─▶ float ops (device: scale)

`split` cuts the string there, so that what travels between processes is a
quarter of the size. Sizes are one number or (height, width).
"""

import ast
from collections.abc import Callable
import dataclasses
import functools
from typing import Any

from jaxtyping import UInt8
import numpy as np
from PIL import Image as PilImage

Op = Callable[[np.ndarray], np.ndarray]
Size = Any  # A number or (height, width); `_pair` refuses the rest by name.
_FILTERS = {'bilinear': PilImage.BILINEAR, 'bicubic': PilImage.BICUBIC}


def resize(size: Size, method: str = 'bilinear') -> Op:
  """To `size` without crop, antialiased, uint8 [h, w, 3]."""
  height, width = _pair(size)
  return functools.partial(_resize, size=(height, width), kind=_filter(method))


def resize_short(size: int, method: str = 'bilinear') -> Op:
  """Shorter edge to `size`, antialiased; the longer one is rounded down."""
  short, kind = _pair(size)[0], _filter(method)
  def apply(image: UInt8[np.ndarray, 'h w 3']) -> np.ndarray:
    least = min(image.shape[:2])
    height, width = (short * side // least for side in image.shape[:2])
    return _resize(image, (height, width), kind)
  return apply


def resize_area(size: Size) -> Op:
  """To `size` without crop by OpenCV's INTER_AREA: fast, other pixels."""
  height, width = _pair(size)
  try:
    import cv2
  except ImportError as error:
    raise ImportError('preprocess resize_area needs OpenCV: install '
                      'pinpoint_jax[fast], or use resize') from error
  return lambda image: cv2.resize(
      image, (width, height), interpolation=cv2.INTER_AREA)


def center_crop(size: Size) -> Op:
  """The middle `size`; black where the image is smaller."""
  height, width = _pair(size)
  def apply(image: UInt8[np.ndarray, 'h w 3']) -> np.ndarray:
    missing = [max(0, want - have)
               for want, have in zip((height, width), image.shape)]
    if any(missing):
      image = np.pad(image, [*((-(-m // 2), m // 2) for m in missing), (0, 0)])
    top, left = ((have - want) // 2
                 for want, have in zip((height, width), image.shape))
    return image[top:top + height, left:left + width]
  return apply


def unit_range() -> Op:
  """Values 0..255 to float32 0..1."""
  return lambda image: image.astype(np.float32) / 255


def normalize(mean: Any, std: Any) -> Op:
  """Subtracts `mean`, divides by `std`: numbers, or one of each channel."""
  mean, std = (np.broadcast_to(np.asarray(v, np.float32), (3,))
               for v in (mean, std))
  if not (std > 0).all():
    raise TypeError(f'std {std.tolist()} must be positive')
  return functools.partial(_normalize, mean=mean, std=std)


_UINT8_OPS = {'resize': resize, 'resize_short': resize_short,
              'resize_area': resize_area, 'center_crop': center_crop}
_FLOAT_OPS = {'unit_range': unit_range, 'normalize': normalize}
OPS = _UINT8_OPS | _FLOAT_OPS


@dataclasses.dataclass(frozen=True)
class Halves:
  """The two halves of a string of ops, each a string again ('' if empty).

  Attributes:
    pixels: resizing and cropping, uint8 to uint8.
    values: scaling, float32; works on batches and on jax arrays too.
  """

  pixels: str
  values: str


def split(ops: str) -> Halves:
  """Cuts `ops` where pixels become floats."""
  calls = _calls(ops)
  kinds = [call.name in _FLOAT_OPS for call in calls]
  if kinds != sorted(kinds):
    raise ValueError(f'preprocess {ops!r}: {sorted(_UINT8_OPS)} work on bytes '
                     f'and must come before {sorted(_FLOAT_OPS)}')
  first = kinds.index(True) if any(kinds) else len(kinds)
  return Halves('|'.join(c.text for c in calls[:first]),
                '|'.join(c.text for c in calls[first:]))


def output_size(ops: str) -> tuple[int, int]:
  """Height and width of the output of `ops` for any input."""
  sizes = [call.size() for call in _calls(ops)
           if call.name in ('resize', 'resize_area', 'center_crop')]
  if not sizes:
    raise ValueError(f'preprocess {ops!r}: the size of its output depends on '
                     'the image; end it with resize or center_crop')
  return sizes[-1]


def with_output_size(ops: str, size: tuple[int, int]) -> str:
  """The same ops for another output; other sizes keep their proportion."""
  old = output_size(ops)
  return '|'.join(call.resized(old, size) for call in _calls(ops))


def parse(ops: str) -> Op:
  """The function that the string describes, ops applied left to right.

  It also takes a Pillow picture, which saves `resize` two copies.
  """
  calls = _calls(ops)
  steps = [call.op(ops) for call in calls]
  def apply(image: Any) -> Any:
    if isinstance(image, PilImage.Image) and calls[0].name != 'resize':
      image = np.asarray(image)
    for step in steps:
      image = step(image)
    return image
  return apply


@dataclasses.dataclass(frozen=True)
class _Call:
  text: str
  name: str
  args: tuple
  kwargs: dict

  def size(self) -> tuple[int, int]:
    return _pair(self.kwargs.get('size', *self.args[:1]))

  def resized(self, old: tuple[int, int], new: tuple[int, int]) -> str:
    if self.name in _FLOAT_OPS:
      return self.text
    pair = new if self.size() == old else tuple(
        round(own * b / a) for own, a, b in zip(self.size(), old, new))
    short = self.name == 'resize_short' or pair[0] == pair[1]
    rest = [repr(arg) for arg in self.args[1:]]
    rest += [f'{k}={v!r}' for k, v in self.kwargs.items() if k != 'size']
    size = repr(max(pair) if short else pair)
    return f'{self.name}({", ".join([size, *rest])})'

  def op(self, ops: str) -> Op:
    try:
      return OPS[self.name](*self.args, **self.kwargs)
    except (TypeError, KeyError) as error:
      raise ValueError(
          f'preprocess {ops!r}: {self.text!r}: {error}') from error


def _calls(ops: str) -> list[_Call]:
  return [_parse_call(text.strip(), ops) for text in ops.split('|')]


def _parse_call(text: str, ops: str) -> _Call:
  try:
    node = ast.parse(text, mode='eval').body
    call = node if isinstance(node, ast.Call) else ast.Call(node, [], [])
    name = call.func.id
    args = tuple(ast.literal_eval(a) for a in call.args)
    kwargs = {k.arg: ast.literal_eval(k.value) for k in call.keywords}
  except (SyntaxError, ValueError, AttributeError) as error:
    raise ValueError(f'preprocess {ops!r}: cannot read {text!r}; ops look like '
                     f'resize(64), arguments are literals') from error
  if name not in OPS:
    raise ValueError(f'preprocess {ops!r}: no op {name!r}; '
                     f'choices are {sorted(OPS)}')
  return _Call(text, name, args, kwargs)


def _pair(size: Size) -> tuple[int, int]:
  pair = size if isinstance(size, tuple) else (size, size)
  if len(pair) != 2 or not all(type(s) is int and s > 0 for s in pair):
    raise TypeError(f'size {size!r} is neither a positive number nor '
                    '(height, width)')
  return pair


def _filter(method: str) -> int:
  if method not in _FILTERS:
    raise TypeError(f'no method {method!r}; choices are {sorted(_FILTERS)}')
  return _FILTERS[method]


def _resize(image: UInt8[np.ndarray, 'h w 3'] | PilImage.Image,
            size: tuple[int, int], kind: int) -> np.ndarray:
  picture = (image if isinstance(image, PilImage.Image)
             else PilImage.fromarray(image))
  return np.asarray(picture.resize(size[::-1], kind))


def _normalize(image: Any, mean: np.ndarray, std: np.ndarray) -> Any:
  shape = (1,) * (image.ndim - 1) + (3,)
  return (image - mean.reshape(shape)) / std.reshape(shape)
