"""What a training state is made of, by path, and how two of them differ."""

from collections.abc import Mapping
import pathlib
from typing import Any

import jax
import jax.numpy as jnp

_SHOWN = 10


def leaves(state: Any) -> dict[str, list[Any]]:
  """Path to (dtype, shape) of every array in the tree, ready for JSON."""
  found, _ = jax.tree_util.tree_flatten_with_path(state)
  return {
      jax.tree_util.keystr(path, simple=True, separator='/'):
          [str(_dtype(leaf)), list(jnp.shape(leaf))]
      for path, leaf in found
  }


def size(state: Any) -> int:
  """Bytes of all arrays in the tree."""
  return sum(
      _dtype(leaf).itemsize * jnp.size(leaf) for leaf in jax.tree.leaves(state))


def refuse_differences(
    step: pathlib.Path, stored: Mapping[str, list[Any]], like: Any) -> None:
  """Refuses a checkpoint whose paths, shapes or dtypes the model lacks."""
  found = _differences(step, stored, leaves(like))
  if found:
    more = f'; and {len(found) - _SHOWN} more' if len(found) > _SHOWN else ''
    raise ValueError(
        '; '.join(found[:_SHOWN]) + more + ': take the config this checkpoint '
        'was trained with, or another workdir')


def targets(like: Any) -> Any:
  """The tree that Orbax restores into: every leaf with a sharding."""
  return jax.tree.map(_target, like)


def _differences(
    step: pathlib.Path, stored: Mapping[str, list[Any]],
    wanted: Mapping[str, list[Any]]) -> list[str]:
  found = []
  for path in sorted({*stored, *wanted}):
    place = f'checkpoint {step}/{path}'
    if path not in stored:
      found.append(f'{place} is missing, the model wants '
                   f'{_described(wanted[path])}')
    elif path not in wanted:
      found.append(f'{place} is {_described(stored[path])}, the model has no '
                   f'such path')
    elif stored[path] != wanted[path]:
      found.append(f'{place} is {_described(stored[path])}, the model wants '
                   f'{_described(wanted[path])}')
  return found


def _described(leaf: list[Any]) -> str:
  return f'{leaf[0]} {leaf[1]}'


def _dtype(leaf: Any) -> Any:
  return leaf.dtype if hasattr(leaf, 'dtype') else jnp.result_type(leaf)


def _target(leaf: Any) -> jax.ShapeDtypeStruct:
  # Without a sharding Orbax takes the one of the run that saved, whose devices
  # may not be here.
  sharding = getattr(leaf, 'sharding', None)
  if sharding is None:
    sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
  return jax.ShapeDtypeStruct(
      jnp.shape(leaf), _dtype(leaf), sharding=sharding)
