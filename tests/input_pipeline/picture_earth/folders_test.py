from input_pipeline.picture_earth import folders
import numpy as np
from pinpoint_jax import types
import pytest

NUM = 5
PHOTOS = types.Photos(
    np.asarray([f'p{i}' for i in range(NUM)]),
    np.arange(2.0 * NUM).reshape(NUM, 2), np.full(NUM, 'ann'),
    np.full(NUM, ''), 'photo')


def number(row: int) -> bytes:
  return b'%d' % row


def write(folder, processes=1, jpeg=number):
  return folders.write(folder, PHOTOS, range(NUM), processes, {'seed': 7}, jpeg)


def test_a_folder_has_a_file_per_row_and_the_table(tmp_path):
  out = write(tmp_path / 'data' / 'q')
  assert (out / 'p3.jpg').read_bytes() == b'3'
  assert (out / folders.TABLE).read_text().splitlines()[:2] == [
      'id,lat,lng,author,sequence', 'p0,0.000000,1.000000,ann,']
  assert len(list(out.iterdir())) == NUM + 2
  assert [path.name for path in out.parent.iterdir()] == ['q']


@pytest.mark.slow
def test_two_processes_write_what_one_writes(tmp_path, monkeypatch):
  monkeypatch.setattr(folders, '_CHUNK', 2)
  one, two = write(tmp_path / 'one'), write(tmp_path / 'two', 2)
  for path in one.iterdir():
    assert path.read_bytes() == (two / path.name).read_bytes()


def test_a_folder_of_ours_is_replaced_and_a_stranger_s_is_not(tmp_path):
  ours = write(tmp_path / 'ours')
  (ours / 'stale.jpg').write_bytes(b'')
  write(ours)
  assert not (ours / 'stale.jpg').exists()
  (tmp_path / 'theirs').mkdir()
  (tmp_path / 'theirs' / 'holiday.jpg').write_bytes(b'')
  with pytest.raises(FileExistsError, match='left alone'):
    write(tmp_path / 'theirs')
  assert (tmp_path / 'theirs' / 'holiday.jpg').exists()


def test_a_failed_drawing_leaves_nothing(tmp_path):
  def fail(row):
    raise OSError('disk full')
  with pytest.raises(OSError, match='disk full'):
    write(tmp_path / 'out', jpeg=fail)
  assert not list(tmp_path.iterdir())
