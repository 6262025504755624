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


def test_repeated_rows_are_decided_on_the_devices():
  """As galleries have them: three rows in ten repeat one of a few places."""
  rng = np.random.default_rng(0)
  rows = rng.normal(size=(3000, 16)).astype(np.float16)
  again = np.flatnonzero(rng.random(3000) < .3)
  rows[again] = rows[rng.integers(5, size=len(again))]
  queries = rows[rng.integers(3000, size=40)].astype(np.float32)
  excluded = row_sets.same_code(
      rng.integers(9, size=40), rng.integers(9, size=3000))
  held = vectors.Vectors(rows)
  engine = scan_sharded.Sharded(held, meshes.make(3, 1, jax.devices()), 128)
  most = np.flatnonzero(rng.random(3000) < .9)
  for sets, allowed in ((None, None), (excluded, None), (excluded, most),
                        (None, most[::60])):
    expected = scan.Scan(held).search(queries, 30, sets, allowed)
    result = engine.search(queries, 30, sets, allowed)
    np.testing.assert_array_equal(result.rows, expected.rows)
    np.testing.assert_array_equal(result.scores, expected.scores)
  assert engine.num_scanned == 0


@pytest.mark.parametrize('num_near, num_scanned', [(300, 0), (900, 2)])
def test_only_rows_that_nearly_tie_in_floods_go_to_the_host(
    num_near, num_scanned):
  """k = 9 keeps 41 contents, then 656: a flood of 900 passes both."""
  rng = np.random.default_rng(0)
  base = rng.normal(size=(1, 64)).astype(np.float32)
  steps = rng.integers(-2, 3, (num_near, 64)).astype(np.float32)
  rows = np.concatenate([base * (1 + steps * np.float32(2**-23)),
                         rng.normal(size=(900, 64)).astype(np.float32)])
  queries = np.concatenate([base, base * 2,
                            rng.normal(size=(5, 64)).astype(np.float32)])
  held = vectors.Vectors(rows)
  engine = scan_sharded.Sharded(held, meshes.make(2, 1, jax.devices()), 256)
  best = scan.Scan(held).search(queries, 1).rows[0]
  for allowed in (None, np.setdiff1d(np.arange(len(rows)), best)):
    result = engine.search(queries, 9, allowed=allowed)
    expected = scan.Scan(held).search(queries, 9, allowed=allowed)
    np.testing.assert_array_equal(result.rows, expected.rows)
    np.testing.assert_array_equal(result.scores, expected.scores)
  assert engine.num_scanned == 2 * num_scanned
