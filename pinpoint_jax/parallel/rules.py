"""Which part of a tree lies on which device: regular expressions on paths.

  rules = ((r'kernel$', (None, 'fsdp')), (r'.*', ()))

The first rule that matches decides; a path that none matches is refused, so
that a new parameter is never replicated by oversight.
"""

from collections.abc import Sequence
import re
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

Rule = tuple[str, tuple[str | None, ...]]


def path_name(path: Any) -> str:
  """'params/trunk/kernel' of a path of jax.tree_util."""
  return jax.tree_util.keystr(path, simple=True, separator='/')


def shardings(tree: Any, rules: Sequence[Rule], mesh: Mesh) -> Any:
  """A NamedSharding for every leaf of `tree` (arrays or shapes)."""
  return jax.tree_util.tree_map_with_path(
      lambda path, leaf: NamedSharding(
          mesh, _spec(path_name(path), leaf.shape, rules, mesh)), tree)


def _spec(name: str, shape: tuple[int, ...], rules: Sequence[Rule],
          mesh: Mesh) -> PartitionSpec:
  matches = [rule for rule in rules if re.search(rule[0], name)]
  if not matches:
    raise ValueError(f'{name} {list(shape)}: no sharding rule matches; the '
                     f'rules are {[pattern for pattern, _ in rules]}')
  pattern, axes = matches[0]
  if len(axes) > len(shape):
    raise ValueError(f'{name} {list(shape)}: rule {pattern!r} names '
                     f'{len(axes)} axes')
  for size, axis in zip(shape, axes):
    if axis is not None and size % mesh.shape[axis]:
      raise ValueError(f'{name} {list(shape)}: rule {pattern!r} splits {size} '
                       f'among {mesh.shape[axis]} devices of {axis!r}')
  return PartitionSpec(*axes)


def describe(tree: Any, rules: Sequence[Rule], mesh: Mesh) -> dict[str, str]:
  """Path → 'shape spec', sorted: what tests/golden freezes."""
  matches = jax.tree_util.tree_leaves_with_path(shardings(tree, rules, mesh))
  shapes = [list(leaf.shape) for leaf in jax.tree.leaves(tree)]
  return dict(sorted(
      (path_name(path), f'{shape} {tuple(sharding.spec)}')
      for (path, sharding), shape in zip(matches, shapes)))
