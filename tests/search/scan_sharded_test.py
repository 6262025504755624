"""The mesh engine: any number of devices, any chunk, one answer."""

import jax
import numpy as np
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.search import row_sets, scan, scan_sharded, vectors
import pytest


@pytest.fixture(scope='module')
def asked():
  rng = np.random.default_rng(0)
  gallery = rng.normal(size=(1001, 24)).astype(np.float16)
  gallery[500:] = gallery[3]  # A flood of equal rows.
  queries = rng.normal(size=(20, 24)).astype(np.float32)
  excluded = row_sets.same_code(
      rng.integers(6, size=20), rng.integers(6, size=1001))
  held = vectors.Vectors(gallery)
  return held, queries, excluded, scan.Scan(held).search(queries, 9, excluded)


@pytest.mark.parametrize('data, fsdp, chunk', [
    (1, 1, 64), (3, 1, 50), (2, 4, 8192), (8, 1, 1)])
def test_devices_and_chunks_change_nothing(asked, data, fsdp, chunk):
  held, queries, excluded, expected = asked
  mesh = meshes.make(data, fsdp, jax.devices())
  result = scan_sharded.Sharded(held, mesh, chunk).search(queries, 9, excluded)
  np.testing.assert_array_equal(result.rows, expected.rows)
  np.testing.assert_array_equal(result.scores, expected.scores)


def test_one_compilation_for_any_batch(asked):
  held, queries, _, _ = asked
  engine = scan_sharded.Sharded(held, meshes.make(2, 1, jax.devices()))
  engine.search(queries, 9)
  before = scan_sharded._best_of_devices._cache_size()
  engine.search(np.concatenate([queries] * 20), 9)
  engine.search(queries[:1], 9)
  assert scan_sharded._best_of_devices._cache_size() == before
