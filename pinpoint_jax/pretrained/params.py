"""A file's tensors, by a table of names, into the parameters of our ViT."""

from collections.abc import Iterator
import dataclasses
from typing import Any

from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.disk.weights import Tensors, WeightsError
from pinpoint_jax.models import vit
from pinpoint_jax.pretrained.names import CONVERT, Row, Table

_LAYERS = 'blocks/layers/'
# Buffers without weights that old files hold.
_BUFFERS = ('position_ids',)


@dataclasses.dataclass(frozen=True)
class Report:
  """Names of the file's tensors: used, and not (a text tower, a mask)."""

  mapped: tuple[str, ...]
  unused: tuple[str, ...]


def param_shapes(model: vit.ViT) -> dict[str, tuple[int, ...]]:
  """Shape of every parameter by its path, 'blocks/layers/mlp/up/kernel'."""
  pixels = jax.ShapeDtypeStruct((1, *model.image_size, 3), jnp.float32)
  tree = jax.eval_shape(model.init, jax.random.key(0), pixels)['params']
  flat = traverse_util.flatten_dict(tree, sep='/')
  return {name: value.shape for name, value in flat.items()}


def assemble(model: vit.ViT, table: Table, tensors: Tensors,
             prefix: str) -> tuple[dict[str, Any], Report]:
  """Parameters of `model` (scanned), and what became of the tensors."""
  expected = _expected(model, table, prefix)
  _refuse(expected, tensors)
  unused = sorted(set(tensors.shapes) - set(expected))
  _refuse_extra_layers(unused, prefix + table.block.split('{')[0], tensors,
                       model.depth)
  params = {}
  for name, shape in param_shapes(model).items():
    params[name] = _value(name, shape, model.depth, table, tensors, prefix)
  report = Report(tuple(sorted(expected)), tuple(unused))
  return {'params': traverse_util.unflatten_dict(params, sep='/')}, report


def _value(name: str, shape: tuple[int, ...], depth: int, table: Table,
           tensors: Tensors, prefix: str) -> np.ndarray:
  """One parameter; those of the layers are stacked."""
  rows = {row.ours: row for row in table.outside}
  if name in rows:
    return _convert(rows[name], prefix, tensors).reshape(shape)
  row = {_LAYERS + row.ours: row for row in table.layers}[name]
  value = np.empty(shape, np.float32)
  for i in range(depth):
    layer = _convert(row, prefix + table.block.format(i), tensors)
    value[i] = layer.reshape(shape[1:])
  return value


def _convert(row: Row, prefix: str, tensors: Tensors) -> np.ndarray:
  values = [tensors.read(prefix + text.split(' [')[0]) for text in row.theirs]
  return np.ascontiguousarray(CONVERT[row.convert](*values), np.float32)


def _expected(model: vit.ViT, table: Table,
              prefix: str) -> dict[str, tuple[int, ...]]:
  """Shape of each tensor that the file must hold."""
  return {start + name: shape for start, rows in _places(model, table, prefix)
          for row in rows for name, shape in _theirs(row, model)}


def _places(model: vit.ViT, table: Table,
            prefix: str) -> Iterator[tuple[str, tuple[Row, ...]]]:
  yield prefix, table.outside
  for i in range(model.depth if table.layers else 0):
    yield prefix + table.block.format(i), table.layers


def _theirs(row: Row,
            model: vit.ViT) -> Iterator[tuple[str, tuple[int, ...]]]:
  num_patches = model.grid[0] * model.grid[1]
  axes = dict(
      d=model.width, m=model.mlp_dim, g=2 * model.mlp_dim, p=model.patch,
      n=num_patches, q=num_patches + 1, r=model.num_registers,
      h=model.num_heads, e=model.width // model.num_heads, t=3 * model.width)
  for text in row.theirs:
    name, shape = text.removesuffix(']').split(' [')
    yield name, tuple(int(axes.get(s, s)) for s in shape.split())


def _refuse(expected: dict[str, tuple[int, ...]], tensors: Tensors) -> None:
  missing = [name for name in expected if name not in tensors.shapes]
  if missing:
    raise WeightsError(
        f'{tensors.origin}: {len(missing)} weights are missing: '
        f'{_some(missing)}; the file and its config belong together')
  wrong = [f'{name} is {tensors.shapes[name]}, the config wants {shape}'
           for name, shape in expected.items() if tensors.shapes[name] != shape]
  if wrong:
    raise WeightsError(f'{tensors.origin}: {len(wrong)} weights have another '
                       f'shape: {_some(wrong)}')


def _refuse_extra_layers(unused: list[str], stem: str, tensors: Tensors,
                         depth: int) -> None:
  extra = [name for name in unused if stem and name.startswith(stem)
           and not name.endswith(_BUFFERS)]
  if extra:
    raise WeightsError(
        f'{tensors.origin}: {len(extra)} weights of the image tower have no '
        f'place in a model of {depth} layers: {_some(extra)}')


def _some(names: list[str]) -> str:
  more = f' and {len(names) - 4} more' if len(names) > 4 else ''
  return ', '.join(names[:4]) + more
