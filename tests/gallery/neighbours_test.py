"""Saved, loaded, damaged, killed."""

import json
import pathlib
import signal
import subprocess
import sys

import numpy as np
from pinpoint_jax.gallery import neighbours
import pytest


def _found(n: int = 60) -> neighbours.Neighbourhoods:
  rng = np.random.default_rng(0)
  return neighbours.build(rng.normal(0, .1, (n, 2)),
                     rng.integers(0, 2, n).astype(np.uint8))


@pytest.mark.parametrize('n', [0, 60])
def test_what_is_saved_is_loaded(tmp_path, n):
  found = _found(n)
  neighbours.save(found, tmp_path / 'near', 'abc')
  loaded = neighbours.load(tmp_path / 'near', 'abc')
  assert len(loaded) == n
  for name in ('rows', 'dist_km', 'starts', 'counts'):
    saved = getattr(found.lists, name)
    assert getattr(loaded.lists, name).dtype == saved.dtype
    np.testing.assert_array_equal(getattr(loaded.lists, name), saved)
  np.testing.assert_array_equal(loaded.density, found.density)
  assert [path.name for path in tmp_path.iterdir()] == ['near']


def test_files_are_flat_and_named_by_their_numbers(tmp_path):
  found = _found()
  neighbours.save(found, tmp_path / 'near', 'abc')
  names = {path.name for path in (tmp_path / 'near').iterdir()}
  assert names == {neighbours.MANIFEST, 'rows.i32.bin', 'dist_km.f32.bin',
                   'starts.i64.bin', 'counts.i32.bin', 'density.i32.bin'}
  np.testing.assert_array_equal(
      np.fromfile(tmp_path / 'near/rows.i32.bin', '<i4'), found.lists.rows)


def test_another_gallerys_lists_are_refused(tmp_path):
  neighbours.save(_found(), tmp_path / 'near', 'abc')
  with pytest.raises(neighbours.BadNeighbourhoods,
                     match='abc, this is gallery abd'):
    neighbours.load(tmp_path / 'near', 'abd')


def test_a_second_save_is_refused(tmp_path):
  neighbours.save(_found(), tmp_path / 'near', 'abc')
  with pytest.raises(neighbours.BadNeighbourhoods, match='there already'):
    neighbours.save(_found(), tmp_path / 'near', 'abc')


@pytest.mark.parametrize('name', ['rows.i32.bin', 'density.i32.bin'])
@pytest.mark.parametrize('damage', ['flip', 'cut', 'gone'])
def test_damaged_files_are_named(tmp_path, name, damage):
  neighbours.save(_found(), tmp_path / 'near', 'abc')
  path = tmp_path / 'near' / name
  content = bytearray(path.read_bytes())
  if damage == 'flip':
    content[17] ^= 1
    path.write_bytes(content)
  elif damage == 'cut':
    path.write_bytes(content[:-4])
  else:
    path.unlink()
  with pytest.raises(neighbours.BadNeighbourhoods, match=f'{name} was changed'):
    neighbours.load(tmp_path / 'near', 'abc')


@pytest.mark.parametrize('change, message', [
    ({'radius_km': 30.}, 'radius_km is 30.0, this program reads 25.0'),
    ({'version': 2}, 'version is 2'), ({'files': {}}, 'not a manifest'),
    ({'num_rows': 61}, 'does not hold'), ({'gallery': None}, 'not a manifest')])
def test_manifests_of_others_are_refused(tmp_path, change, message):
  neighbours.save(_found(), tmp_path / 'near', 'abc')
  path = tmp_path / 'near' / neighbours.MANIFEST
  path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
  with pytest.raises(neighbours.BadNeighbourhoods, match=message):
    neighbours.load(tmp_path / 'near', 'abc')


def test_a_missing_folder_is_named(tmp_path):
  with pytest.raises(neighbours.BadNeighbourhoods, match='cannot be read'):
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
