"""Saved, loaded, damaged, killed."""

import pathlib
import signal
import subprocess
import sys

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.gallery import neighbours
import pytest

from tests.fixtures import seals


def _found(n: int = 60) -> neighbours.Neighbourhoods:
  rng = np.random.default_rng(0)
  return neighbours.build(rng.normal(0, .1, (n, 2)),
                          rng.integers(0, 2, n).astype(np.uint8))


@pytest.mark.parametrize('n', [0, 60])
def test_what_is_saved_is_loaded(tmp_path, n):
  actual = _found(n)
  neighbours.save(actual, tmp_path / 'near', 'abc')
  loaded = neighbours.load(tmp_path / 'near', 'abc')
  assert len(loaded) == n
  for before, after in zip(actual.lists, loaded.lists, strict=True):
    for name in ('rows', 'dist_km', 'starts', 'counts'):
      saved = getattr(before, name)
      assert getattr(after, name).dtype == saved.dtype
      np.testing.assert_array_equal(getattr(after, name), saved)
  np.testing.assert_array_equal(loaded.density, actual.density)
  assert [path.name for path in tmp_path.iterdir()] == ['near']


def test_files_are_flat_and_named_by_their_numbers(tmp_path):
  actual = _found()
  neighbours.save(actual, tmp_path / 'near', 'abc')
  names = {path.name for path in (tmp_path / 'near').iterdir()}
  assert names == {neighbours.MANIFEST, 'density.i32.bin', *(
      f'{source}_{name}' for source in types.SOURCES for name in (
          'rows.i32.bin', 'dist_km.f32.bin', 'starts.i64.bin',
          'counts.i32.bin'))}
  for source, lists in zip(types.SOURCES, actual.lists, strict=True):
    np.testing.assert_array_equal(np.fromfile(
        tmp_path / f'near/{source}_rows.i32.bin', '<i4'), lists.rows)


def test_another_gallerys_lists_are_refused(tmp_path):
  neighbours.save(_found(), tmp_path / 'near', 'abc')
  with pytest.raises(ValueError,
                     match='abc, this is gallery abd'):
    neighbours.load(tmp_path / 'near', 'abd')


def test_a_second_save_of_others_is_refused(tmp_path):
  neighbours.save(_found(), tmp_path / 'near', 'abc')
  neighbours.save(_found(), tmp_path / 'near', 'abc')
  with pytest.raises(ValueError, match='there already'):
    neighbours.save(_found(61), tmp_path / 'near', 'abc')


@pytest.mark.parametrize('name', ['photo_rows.i32.bin',
                                  'street_starts.i64.bin', 'density.i32.bin'])
@pytest.mark.parametrize('damage', ['was changed', 'has', 'is missing'])
def test_damaged_files_are_named(tmp_path, name, damage):
  neighbours.save(_found(), tmp_path / 'near', 'abc')
  path = tmp_path / 'near' / name
  if damage == 'was changed':
    seals.flip(path, 17)
  elif damage == 'has':
    path.write_bytes(path.read_bytes()[:-4])
  else:
    path.unlink()
  with pytest.raises(ValueError, match=f'{name} {damage}'):
    neighbours.load(tmp_path / 'near', 'abc')


@pytest.mark.parametrize('change, message', [
    ({'radius_km': 30.}, 'radius_km is 30.0, this program reads 25.0'),
    ({'version': 1}, 'version 1, this program reads 2'),
    ({'files': {}}, 'density.i32.bin is not in the manifest'),
    ({'num_rows': 61}, 'density.i32.bin has 960 bytes, expected 976'),
    ({'num_listed': [9]}, r'num_listed is \[9\]'),
    ({'num_listed': [9, -1]}, r'num_listed is \[9, -1\]'),
    ({'gallery': None}, 'gallery is None')])
def test_manifests_of_others_are_refused(tmp_path, change, message):
  neighbours.save(_found(), tmp_path / 'near', 'abc')
  seals.reseal(tmp_path / 'near', neighbours.KIND, **change)
  with pytest.raises(ValueError, match=message):
    neighbours.load(tmp_path / 'near', 'abc')


def test_a_missing_folder_is_named(tmp_path):
  with pytest.raises(ValueError, match='json is missing'):
    neighbours.load(tmp_path / 'none', 'abc')


def test_a_killed_writer_leaves_nothing_under_the_name(tmp_path):
  folder = tmp_path / 'near'
  source = ('import pathlib, sys, time\n'
            'import numpy as np\n'
            'from pinpoint_jax.disk import files as disk\n'
            'from pinpoint_jax.gallery import neighbours as files\n'
            'write = disk.write_json\n'
            'disk.write_json = lambda *a: print("here", flush=True) or '
            'time.sleep(60)\n'
            'one = np.zeros(1, np.uint8)\n'
            'files.save(files.build(np.ones((1, 2)), one), '
            'pathlib.Path(sys.argv[1]), "abc")\n')
  child = subprocess.Popen([sys.executable, '-c', source, str(folder)],
                           stdout=subprocess.PIPE, text=True,
                           cwd=pathlib.Path(__file__).parents[2])
  assert child.stdout.readline() == 'here\n'
  child.send_signal(signal.SIGKILL)
  child.wait()
  assert not folder.exists()
  neighbours.save(_found(), folder, 'abc')
  neighbours.load(folder, 'abc')
  assert [path.name for path in tmp_path.iterdir()] == ['near']
