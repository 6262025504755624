"""Batches from numpy to all devices and back."""

import jax
import numpy as np
from pinpoint_jax.parallel import arrays
from pinpoint_jax.parallel import mesh as meshes
import pytest


@pytest.mark.parametrize('data, fsdp', [(1, 1), (8, 1), (4, 2)])
def test_a_batch_comes_back_as_it_went(data, fsdp):
  mesh = meshes.make(data, fsdp)
  batch = {'photo': {'features': np.arange(48, dtype=np.float16).reshape(16, 3),
                     'row': np.arange(16, dtype=np.int32)}}
  put = arrays.put_batch(batch, mesh)
  for array in jax.tree.leaves(put):
    assert array.sharding.is_equivalent_to(meshes.split(mesh), array.ndim)
    assert len(array.addressable_shards[0].data) == 16 // (data * fsdp)
  result = arrays.to_numpy(put)
  for name, column in batch['photo'].items():
    assert isinstance(result['photo'][name], np.ndarray)
    assert result['photo'][name].dtype == column.dtype
    np.testing.assert_array_equal(result['photo'][name], column)


def test_rows_that_do_not_divide_are_refused():
  with pytest.raises(ValueError, match='12 rows does not divide among 8'):
    arrays.put_batch({'row': np.arange(12)}, meshes.make())
