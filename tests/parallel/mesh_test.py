"""The named mesh: its shape, what it refuses, where batches lie on it."""

import jax
import numpy as np
from pinpoint_jax.parallel import mesh as meshes
import pytest


@pytest.mark.parametrize('data, fsdp, shape', [
    (-1, 1, (8, 1)), (-1, 2, (4, 2)), (-1, 8, (1, 8)), (4, 2, (4, 2)),
    (2, 1, (2, 1)), (1, 1, (1, 1)), (3, 2, (3, 2))])
def test_shapes(data, fsdp, shape):
  mesh = meshes.make(data, fsdp)
  assert dict(mesh.shape) == {'data': shape[0], 'fsdp': shape[1]}
  assert len({d.id for d in mesh.devices.flat}) == shape[0] * shape[1]


def test_the_devices_may_be_given():
  mine = jax.devices()[5:7]
  assert list(meshes.make(devices=mine).devices.flat) == mine


@pytest.mark.parametrize('data, fsdp, words', [
    (0, 1, 'data=0, fsdp=1: both count'), (-2, 1, 'data=-2'),
    (-1, 0, 'fsdp=0'), (2, -1, 'fsdp=-1'),
    (-1, 3, 'data=-1 × fsdp=3 does not fit 8 devices'),
    (-1, 16, 'fsdp=16 does not fit'), (9, 1, 'data=9 × fsdp=1 does not fit'),
    (3, 3, 'data=3 × fsdp=3 does not fit 8 devices')])
def test_what_does_not_fit_is_refused(data, fsdp, words):
  with pytest.raises(ValueError, match=words):
    meshes.make(data, fsdp)


def test_rows_are_split_over_both_axes_and_all_else_is_whole():
  mesh, rows = meshes.make(4, 2), np.arange(16.).reshape(16, 1)
  split = jax.device_put(rows, meshes.split(mesh))
  whole = jax.device_put(rows, meshes.whole(mesh))
  # The third data device, the second of its pair: the sixth of eight.
  assert mesh.devices[2, 1] == split.addressable_shards[5].device
  assert split.addressable_shards[5].data.ravel().tolist() == [10, 11]
  assert {s.data.shape for s in whole.addressable_shards} == {(16, 1)}
