"""Somebody else's features: what goes in comes out, or is refused in a line."""

import numpy as np
from pinpoint_jax.features import rows, store, verify
import pytest

ROWS = 'id,lat,lng,author\na,1,2,x\nb,-3,4,\nc,5,-6,x\n'


@pytest.fixture
def run(binary, tmp_path):
  def call(array, table=ROWS, name='f.npy', source='photo', out='store',
           words=()):
    path = tmp_path / name
    if isinstance(array, bytes):
      path.write_bytes(array)
    elif name.endswith('.npz'):
      np.savez(path, **array)
    else:
      np.save(path, array)
    (tmp_path / 'm.csv').write_text(table)
    return binary('import_features', f'--features={path}',
                  f'--metadata={tmp_path / "m.csv"}', f'--source={source}',
                  f'--out={tmp_path / out}', *words)
  return call


FEATURES = np.asarray([[1, 2], [3, 4], [5, -6.5]])


@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64])
def test_every_float_comes_out_as_it_went_in(run, tmp_path, dtype):
  done = run(FEATURES.astype(dtype))
  assert done.returncode == 0 and '3 rows of 2 dimensions' in done.stdout
  imported_store = store.open_store(tmp_path / 'store')
  np.testing.assert_array_equal(imported_store.features, FEATURES)
  assert imported_store.photos.ids.tolist() == ['a', 'b', 'c']
  assert imported_store.photos.authors.tolist() == ['x', '', 'x']
  assert verify.verify(tmp_path / 'store')['backbone'] == 'imported'


def test_npz_with_one_array(run, tmp_path):
  assert run({'x': FEATURES}, name='f.npz',
             words=['--licence=CC0']).returncode == 0
  assert store.open_store(tmp_path / 'store').licence == 'CC0'
  done = run({'x': FEATURES, 'y': FEATURES}, name='f.npz', out='other')
  assert done.returncode == 1 and "arrays ['x', 'y'], not one" in done.stderr


def inf(row):
  features = FEATURES.copy()
  features[row, 0] = np.inf
  return features


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


def imported(run, tmp_path, out, *words):
  done = run(FEATURES, out=out, words=words)
  assert done.returncode == 0, done.stderr
  return str(tmp_path / out), done.stdout


def test_stores_of_the_same_weights_compare_and_others_do_not(run, tmp_path):
  words = ('--backbone_name=siglip', '--weights=w1', '--preprocess=resize(384)')
  first, output = imported(run, tmp_path, 'first', *words)
  assert 'unknown' not in output
  manifest = store.open_store(first).manifest
  assert (manifest['backbone'], manifest['weight_hash'],
          manifest['preprocess']) == ('siglip', 'w1', 'resize(384)')
  second, _ = imported(run, tmp_path, 'second', *words)
  assert len(rows.open_rows([first, second])) == 6
  other, _ = imported(run, tmp_path, 'other', words[0], '--weights=w2',
                      words[2])
  with pytest.raises(store.BadStore, match='differ in weight_hash'):
    rows.open_rows([first, other])


def test_unnamed_weights_are_noted_and_compare_by_the_name(run, tmp_path):
  first, output = imported(run, tmp_path, 'first', '--backbone_name=mine')
  assert "note: the weights are unknown: stores of 'mine' and 2 " in output
  assert any('weights are unknown' in note
             for note in store.open_store(first).manifest['notes'])
  # The file's content does not matter: a query store is another file.
  done = run(2 * FEATURES, out='second', words=('--backbone_name=mine',))
  assert done.returncode == 0, done.stderr
  assert len(rows.open_rows([first, str(tmp_path / 'second')])) == 6
  other, _ = imported(run, tmp_path, 'other', '--backbone_name=yours')
  with pytest.raises(store.BadStore, match='differ in backbone'):
    rows.open_rows([first, other])


def test_an_empty_name_is_refused(run):
  done = run(FEATURES, words=('--weights=',))
  assert done.returncode == 1 and "--weights='': must not be empty" in (
      done.stderr)
