"""Arrays that span processes: batches in, whole arrays out."""

from typing import Any

import jax
from jax.experimental import multihost_utils
from jax.sharding import Mesh
import numpy as np
from pinpoint_jax.parallel import mesh as meshes


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
