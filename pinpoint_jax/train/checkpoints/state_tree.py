"""What a training state is made of, by path, and how two of them differ."""

from collections.abc import Iterator, Mapping
import pathlib
from typing import Any

import jax
import jax.numpy as jnp

_SHOWN = 10


def leaves(state: Any) -> dict[str, list[Any]]:
  """Path to (dtype, shape) of every array in the tree, ready for JSON."""
  flat, _ = jax.tree_util.tree_flatten_with_path(state)
  return {
      jax.tree_util.keystr(path, simple=True, separator='/'):
          [str(_dtype(leaf)), list(jnp.shape(leaf))]
      for path, leaf in flat
  }


def size(state: Any) -> int:
  """Bytes of all arrays in the tree."""
  return sum(
      _dtype(leaf).itemsize * jnp.size(leaf) for leaf in jax.tree.leaves(state))


def refuse_differences(
    step: pathlib.Path, stored: Mapping[str, list[Any]], like: Any) -> None:
  """Refuses a checkpoint whose paths, shapes or dtypes the model lacks."""
  lines = list(_differences(step, stored, leaves(like)))
  if lines:
    more = f'; and {len(lines) - _SHOWN} more' if len(lines) > _SHOWN else ''
    raise ValueError(
        '; '.join(lines[:_SHOWN]) + more + ': take the config this checkpoint '
        'was trained with, or another workdir')


def targets(like: Any) -> Any:
  """The tree that Orbax restores into: every leaf with a sharding."""
  return jax.tree.map(_target, like)


def _differences(
    step: pathlib.Path, stored: Mapping[str, list[Any]],
    expected: Mapping[str, list[Any]]) -> Iterator[str]:
  for path in sorted({*stored, *expected}):
    if stored.get(path) == expected.get(path):
      continue
    has = (f'is {_described(stored[path])}' if path in stored
           else 'is missing')
    wants = (f'the model wants {_described(expected[path])}'
             if path in expected else 'the model has no such path')
    yield f'checkpoint {step}/{path} {has}, {wants}'


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
