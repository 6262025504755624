"""Somebody else's features: what goes in comes out, or is refused in a line."""

import numpy as np
from pinpoint_jax.features import store, verify
import pytest

ROWS = 'id,lat,lng,author\na,1,2,x\nb,-3,4,\nc,5,-6,x\n'


@pytest.fixture
def run(binary, tmp_path):
  def call(array, rows=ROWS, name='f.npy', source='photo', out='store'):
    path = tmp_path / name
    if isinstance(array, bytes):
      path.write_bytes(array)
    elif name.endswith('.npz'):
      np.savez(path, **array)
    else:
      np.save(path, array)
    (tmp_path / 'm.csv').write_text(rows)
    return binary('import_features', f'--features={path}',
                  f'--metadata={tmp_path / "m.csv"}', f'--source={source}',
                  f'--out={tmp_path / out}')
  return call


FEATURES = np.asarray([[1, 2], [3, 4], [5, -6.5]])


@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64])
def test_every_float_comes_out_as_it_went_in(run, tmp_path, dtype):
  done = run(FEATURES.astype(dtype))
  assert done.returncode == 0 and '3 rows of 2 numbers' in done.stdout
  found = store.open_store(tmp_path / 'store')
  np.testing.assert_array_equal(found.features, FEATURES)
  assert found.photos.ids.tolist() == ['a', 'b', 'c']
  assert found.photos.authors.tolist() == ['x', '', 'x']
  assert verify.verify(tmp_path / 'store')['backbone'] == 'imported'


def test_npz_with_one_array(run, tmp_path):
  assert run({'x': FEATURES}, name='f.npz').returncode == 0
  done = run({'x': FEATURES, 'y': FEATURES}, name='f.npz', out='other')
  assert done.returncode == 1 and "arrays ['x', 'y'], not one" in done.stderr


def inf(row):
  found = FEATURES.copy()
  found[row, 0] = np.inf
  return found


@pytest.mark.parametrize('array, words', [
    (np.asarray([[{}], [1], [2]], object), 'pickles and never read'),
    (FEATURES[:2], '2 rows, '),
    (FEATURES[0], 'expected float16, float32 or float64 [n, d]'),
    (FEATURES.astype(int), 'int64 [3, 2]; expected float16'),
    (inf(1), '1 rows hold NaN or infinity: [1]'),
    (FEATURES * 1e5, 'does not fit into float16'),
    (b'no array', 'f.npy: '),
])
def test_what_cannot_be_trusted_is_refused_in_a_line(run, tmp_path, array,
                                                     words):
  done = run(array)
  assert done.returncode == 1, done.stderr
  assert words in done.stderr and done.stderr.count('\n') == 1
  assert not (tmp_path / 'store').exists()


def test_bad_tables_and_sources_are_refused(run, tmp_path):
  done = run(FEATURES, ROWS.replace('b,', 'a,'))
  assert done.returncode == 1 and 'duplicate ids' in done.stderr
  done = run(FEATURES, source='drone')
  assert done.returncode == 1 and 'choices are photo, street' in done.stderr
  (tmp_path / 'store').mkdir()
  done = run(FEATURES)
  assert done.returncode == 1 and 'exists; remove it' in done.stderr


def test_pinpoint_verify_by_path(run, binary, tmp_path):
  run(FEATURES)
  done = binary('cli', 'verify', tmp_path / 'store')
  assert done.returncode == 0 and 'is sound: rows 3' in done.stdout
  with (tmp_path / 'store' / 'ids.txt').open('ab') as file:
    file.write(b'd\n')
  done = binary('cli', 'verify', tmp_path / 'store')
  assert done.returncode == 1
  assert 'ids.txt has 8 bytes, expected 6' in done.stderr
  assert done.stderr.count('\n') == 1
