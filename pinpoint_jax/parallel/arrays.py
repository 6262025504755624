"""Arrays that span processes, and what the processes agree on."""

from collections.abc import Callable
from typing import Any

import jax
from jax.experimental import multihost_utils
from jax.sharding import Mesh
import numpy as np
from pinpoint_jax.parallel import mesh as meshes

_FAILED = -2**31


def put_batch(batch: Any, mesh: Mesh) -> Any:
  """This process's rows of a batch [b, ...] as arrays over all devices."""
  sharding, here = meshes.split(mesh), mesh.local_mesh.size
  for rows in jax.tree.leaves(batch):
    if len(rows) % here:
      raise ValueError(f'a batch of {len(rows)} rows does not divide among '
                       f'{here} devices of this process')
  return jax.tree.map(
      lambda rows: jax.make_array_from_process_local_data(sharding, rows),
      batch)


def to_numpy(tree: Any) -> Any:
  """Whole arrays on every process."""
  return jax.tree.map(_whole, tree)


def _whole(array: Any) -> np.ndarray:
  if isinstance(array, jax.Array) and not array.is_fully_addressable:
    if array.is_fully_replicated:
      return np.asarray(array.addressable_data(0))
    return np.asarray(multihost_utils.process_allgather(array, tiled=True))
  return np.asarray(array)


def any_process(flag: bool) -> bool:
  """Whether `flag` holds on any process; all must call this."""
  if jax.process_count() == 1:
    return flag
  return bool(np.any(multihost_utils.process_allgather(np.asarray(flag))))


def by_first(decide: Callable[[], int]) -> int:
  """`decide()` as run by process 0 alone; if it raises, all processes do."""
  if jax.process_count() == 1:
    return decide()
  decision = _FAILED
  try:
    if jax.process_index() == 0:
      decision = decide()
  finally:
    decision = int(multihost_utils.broadcast_one_to_all(np.int32(decision)))
  if decision == _FAILED:
    raise ValueError('process 0 could not go on: its own error says why')
  return decision
