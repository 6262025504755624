"""The mesh engine: any number of devices, any chunk, one answer."""

import jax
import jax.numpy as jnp
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


@pytest.mark.parametrize('shape, k, group', [
    ((3, 512), 5, 4), ((2, 512), 9, 8), ((1, 64), 8, 8), ((2, 12), 1, 4)])
def test_the_best_of_groups_are_the_best_ties_and_all(shape, k, group):
  rng = np.random.default_rng(k)
  scores = rng.integers(20, size=shape).astype(np.float32)  # Many ties.
  few = np.where(rng.random(shape) < .1, scores, -np.inf)
  for rows in (scores, few.astype(np.float32), scores * 0):
    highest, place = scan_sharded.best_of_groups(jnp.asarray(rows), k, group)
    order = np.argsort(-rows, axis=1, kind='stable')[:, :k]
    np.testing.assert_array_equal(place, order)
    np.testing.assert_array_equal(
        highest, np.take_along_axis(rows, order, axis=1))


@pytest.mark.parametrize('chunk', [1 << 13, 1 << 14])
def test_groups_change_nothing(chunk, monkeypatch):
  """k = 3 keeps 35: 8192 rows are sorted whole, 16,384 by their groups."""
  assert scan_sharded._in_groups(chunk, 35) == (chunk == 1 << 14)
  rng = np.random.default_rng(0)
  held = vectors.Vectors(rng.normal(size=(20_000, 8)).astype(np.float16))
  queries = rng.normal(size=(30, 8)).astype(np.float32)
  excluded = row_sets.same_code(
      rng.integers(6, size=30), rng.integers(6, size=20_000))
  engine = scan_sharded.Sharded(held, meshes.make(1, 1, jax.devices()), chunk)
  begin, depths = engine._begin, []
  monkeypatch.setattr(engine, '_begin', lambda *given: (
      depths.append(given[-1]), begin(*given))[1])
  result = engine.search(queries, 3, excluded)
  assert depths == [35]  # No query had to be searched deeper.
  expected = scan.Scan(held).search(queries, 3, excluded)
  np.testing.assert_array_equal(result.rows, expected.rows)
  np.testing.assert_array_equal(result.scores, expected.scores)


@pytest.mark.parametrize('num_rows, num_devices, chunk, expected', [
    (1000, 1, 10_000, (1024, 1024)),  # One chunk, of 16 groups.
    (1000, 2, 200, (192, 1152)),  # 500 in three of 167, so of three groups.
    (9000, 1, 5000, (5120, 10_240)),  # Two of 4500, so of five tiles.
    (130, 2, 8192, (128, 256)), (10, 4, 2, (2, 16)), (0, 3, 8192, (1, 3))])
def test_chunks_are_even_and_few_places_are_empty(
    num_rows, num_devices, chunk, expected):
  assert scan_sharded._layout(num_rows, num_devices, chunk) == expected


def test_the_next_queries_are_begun_before_the_last_are_finished(
    asked, monkeypatch):
  held, queries, _, _ = asked
  engine = scan_sharded.Sharded(held, meshes.make(2, 1, jax.devices()))
  steps = []
  def told(name):
    run = getattr(engine, name)
    def step(*given):
      steps.append(name)
      return run(*given)
    return step
  for name in ('_begin', '_finish'):
    monkeypatch.setattr(engine, name, told(name))
  engine.search(np.tile(queries[:10], (60, 1)), 3)  # 256 + 256 + 88.
  assert steps == ['_begin', '_begin', '_finish', '_begin', '_finish',
                   '_finish']


def test_two_compilations_for_any_batch(asked):
  held, queries, _, _ = asked
  engine = scan_sharded.Sharded(held, meshes.make(2, 1, jax.devices()))
  before = scan_sharded._best_of_devices._cache_size()
  for num in (20, 400, 256, 1, 16):
    engine.search(np.concatenate([queries] * 20)[:num], 9)
  assert scan_sharded._best_of_devices._cache_size() <= before + 2


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
