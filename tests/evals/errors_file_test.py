"""Errors of queries come back from disk as they were, or not at all."""

import numpy as np
from pinpoint_jax.evals import errors_file, metrics
from pinpoint_jax.evals.results import Key
import pytest

IDS = {'known authors': np.asarray(['p1', 'p2', 'ü 3']),
       'street': np.asarray(['s1'])}
CLUSTERS = np.asarray(['a:x', 'a:y', 'a:x'])
FULL, RAW = (Key('known authors', name, 'combined') for name in (
    'full', 'raw_1nn'))
VARIANT = FULL._replace(variant='no prior', decode='expected_score')


def errors(*dist_km, clusters=CLUSTERS):
  return metrics.Errors(np.asarray(dist_km, np.float64), clusters)


def table():
  return {FULL: errors(.5, 30, 7000), RAW: errors(1, 2, 3),
          VARIANT: errors(0, 0, 25),
          Key('street', 'full'): errors(8, clusters=np.asarray(['s:q']))}


def test_what_is_written_is_read(tmp_path):
  written = errors_file.write(tmp_path / 'errors', table(), IDS)
  read = errors_file.read(tmp_path / 'errors')
  assert read.fingerprint == written.fingerprint
  assert read.distance == 'haversine'
  assert list(read.errors) == list(table())
  for key, some in table().items():
    assert read.errors[key].dist_km.tolist() == some.dist_km.tolist()
    assert read.errors[key].clusters.tolist() == some.clusters.tolist()
  assert {name: ids.tolist() for name, ids in read.ids.items()} == {
      name: ids.tolist() for name, ids in IDS.items()}


def test_the_same_queries_lie_below_every_threshold_as_before(tmp_path):
  rng = np.random.default_rng(0)
  thresholds = np.asarray(metrics.THRESHOLDS_KM, np.float64)
  near = np.concatenate([
      thresholds, np.nextafter(thresholds, 0), np.nextafter(thresholds, 1e9),
      rng.gamma(.3, 3000, 500), [0., 20015.]])
  down = errors_file.rounded_down(near)
  assert ((near[:, None] < thresholds[None])
          == (down[:, None] < thresholds[None])).all()
  assert (down <= near).all()
  np.testing.assert_allclose(down, near, rtol=2e-7)
  # A plain cast moves the ones just below onto the threshold.
  assert (near.astype(np.float32)[5:10] == thresholds).all()


def test_another_table_has_another_fingerprint(tmp_path):
  prints = {errors_file.write(tmp_path / name, rows, ids, dist).fingerprint
            for name, rows, ids, dist in (
                ('a', table(), IDS, 'haversine'),
                ('b', table() | {RAW: errors(1, 2, 4)}, IDS, 'haversine'),
                ('c', table(), IDS, 'geodesic'),
                ('d', table(), IDS | {'street': np.asarray(['s2'])},
                 'haversine'))}
  assert len(prints) == 4


def test_written_again_in_place_of_the_other(tmp_path):
  first = errors_file.write(tmp_path / 'errors', table(), IDS)
  second = errors_file.write(tmp_path / 'errors',
                             {FULL: errors(1, 1, 1)},
                             {'known authors': IDS['known authors']})
  assert first.fingerprint != second.fingerprint
  assert list(errors_file.read(tmp_path / 'errors').errors) == [FULL]


@pytest.mark.parametrize('name', [
    'queries_000.dist_km.f32.bin', 'queries_000.ids.txt',
    'queries_001.clusters.txt', 'manifest.json'])
def test_a_flipped_bit_is_refused(tmp_path, name):
  errors_file.write(tmp_path / 'errors', table(), IDS)
  path = tmp_path / 'errors' / name
  data = bytearray(path.read_bytes())
  data[len(data) // 2] ^= 1
  path.write_bytes(bytes(data))
  with pytest.raises(ValueError, match='[Ee]valuate again'):
    errors_file.read(tmp_path / 'errors')


def test_what_is_not_there_is_named(tmp_path):
  with pytest.raises(ValueError, match="no folder of queries' errors"):
    errors_file.read(tmp_path)


@pytest.mark.parametrize('rows, ids, words', [
    ({FULL: errors(1, 2, clusters=CLUSTERS[:2])}, None, 'one answer per query'),
    ({FULL: errors(1, 2, 3), RAW: errors(1, 2, 3, clusters=CLUSTERS[::-1][
        [0, 2, 1]])}, None, 'another order'),
    ({FULL: errors(1, 2, 3)}, {}, 'give both'),
    ({FULL: errors(1, 2, 3)}, {'known authors': np.asarray(
        ['a', 'b\nc', 'd'])}, 'single lines'),
])
def test_tables_that_cannot_be_compared_later_are_refused(
    tmp_path, rows, ids, words):
  ids = {'known authors': IDS['known authors']} if ids is None else ids
  with pytest.raises(ValueError, match=words):
    errors_file.write(tmp_path / 'errors', rows, ids)
  assert not list(tmp_path.iterdir())
