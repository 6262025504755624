"""Preprocessing as a string of named ops, e.g. 'resize(64)|unit_range'.

Every name resolves in this module and every argument is a literal, so the
string written into a feature's manifest says all there is to say about it.
"""

import ast
from collections.abc import Callable

import numpy as np
from PIL import Image as PilImage

Op = Callable[[np.ndarray], np.ndarray]


def resize(size: int) -> Op:
  """Square of `size` without crop, antialiased bilinear, uint8 [s, s, 3]."""
  def apply(image: np.ndarray) -> np.ndarray:
    picture = PilImage.fromarray(image)
    return np.asarray(picture.resize((size, size), PilImage.BILINEAR))
  return apply


def unit_range() -> Op:
  """Values 0..255 to float32 0..1."""
  return lambda image: image.astype(np.float32) / 255


OPS = {'resize': resize, 'unit_range': unit_range}


def parse(ops: str) -> Op:
  """The function that the string describes, ops applied left to right."""
  steps = [_parse_op(text.strip(), ops) for text in ops.split('|')]
  def apply(image: np.ndarray) -> np.ndarray:
    for step in steps:
      image = step(image)
    return image
  return apply


def _parse_op(text: str, ops: str) -> Op:
  try:
    node = ast.parse(text, mode='eval').body
    call = node if isinstance(node, ast.Call) else ast.Call(node, [], [])
    name = call.func.id
    args = [ast.literal_eval(a) for a in call.args]
    kwargs = {k.arg: ast.literal_eval(k.value) for k in call.keywords}
  except (SyntaxError, ValueError, AttributeError) as error:
    raise ValueError(f'preprocess {ops!r}: cannot read {text!r}; ops look like '
                     f'resize(64), arguments are literals') from error
  if name not in OPS:
    raise ValueError(f'preprocess {ops!r}: no op {name!r}; '
                     f'choices are {sorted(OPS)}')
  try:
    return OPS[name](*args, **kwargs)
  except TypeError as error:
    raise ValueError(f'preprocess {ops!r}: {text!r}: {error}') from error
