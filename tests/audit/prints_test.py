"""Fingerprints on disk: made once, resumed, and refused when they are stale."""

import dataclasses
import io

import numpy as np
from PIL import Image as PilImage
from pinpoint_jax.audit import prints
from pinpoint_jax.disk import parts
import pytest

from tests.fixtures import tiny_audit as tiny

NUM = 11


class Source:
  """Photos of noise; row 4 is no picture."""

  def __init__(self, num=NUM):
    self.photos = tiny.queries([f'p{i}' for i in range(num)],
                               [[i / 3, -i / 7] for i in range(num)])
    self.reads = []

  def read(self, row):
    self.reads.append(row)
    if row == 4:
      return b''
    pixels = np.random.default_rng(row).integers(0, 256, (20, 24, 3), np.uint8)
    file = io.BytesIO()
    PilImage.fromarray(pixels).save(file, 'PNG')
    return file.getvalue()


def make(folder, source, **options):
  return prints.make(source, folder, processes=0, part_rows=4, **options)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp('prints') / 'p'
  make(folder, Source())
  return folder


def test_every_photo_is_read_once_and_a_bad_one_is_named(folder):
  source, made = Source(), prints.open_prints([folder])
  assert len(made) == NUM
  np.testing.assert_array_equal(made.ids, source.photos.ids)
  assert made.failed.tolist() == [''] * 4 + ['empty'] + [''] * 6
  again = make(folder, source)
  assert source.reads == []
  np.testing.assert_array_equal(again.take(np.arange(NUM)),
                                made.take(np.arange(NUM)))
  assert made.take(np.array([4])).sum() == 0 != made.take(np.array([10])).sum()


def test_a_stopped_run_goes_on_after_the_last_part(folder, tmp_path):
  first, second = Source(), Source()
  with pytest.raises(parts.Interrupted):
    make(tmp_path / 'p', first, stopping=lambda: len(first.reads) == 6)
  with pytest.raises(ValueError, match='2 of 3 parts are missing, the first '
                     'is 1: run hash_photos again'):
    prints.open_prints([tmp_path / 'p'])
  made = make(tmp_path / 'p', second)
  assert second.reads == [4, 5, 6, 7, 8, 9, 10]
  np.testing.assert_array_equal(
      made.take(np.arange(NUM)),
      prints.open_prints([folder]).take(np.arange(NUM)))


def test_another_table_in_the_same_folder_is_refused(folder):
  source = Source()
  source.photos = source.photos.take(np.arange(NUM - 1))
  with pytest.raises(ValueError, match='rows 11 → 10.*use another workdir'):
    make(folder, source)


def test_a_changed_byte_is_found(folder, tmp_path):
  make(tmp_path / 'p', Source())
  path = tmp_path / 'p' / 'part_00001' / 'fingerprint.npy'
  data = bytearray(path.read_bytes())
  data[-20] ^= 4
  path.write_bytes(bytes(data))
  with pytest.raises(ValueError, match='fingerprint.npy was changed'):
    prints.open_prints([tmp_path / 'p'])


def test_photos_are_matched_by_id_and_place(folder):
  made, photos = prints.open_prints([folder]), Source().photos
  some = photos.take(np.array([10, 4, 0]))
  np.testing.assert_array_equal(made.of(some, 'q'), [10, -1, 0])
  unknown = dataclasses.replace(some, ids=np.array(['x', 'y', some.ids[2]]))
  np.testing.assert_array_equal(made.of(unknown, 'q'), [-1, -1, 0])
  rounded = dataclasses.replace(some, latlng_deg=some.latlng_deg.astype(
      np.float32).astype(np.float64))
  np.testing.assert_array_equal(made.of(rounded, 'q'), [10, -1, 0])
  moved = dataclasses.replace(some, latlng_deg=some.latlng_deg + .01)
  with pytest.raises(ValueError, match=f'q: 3 photos lie elsewhere.*'
                     f"'{some.ids[0]}'.*stale"):
    made.of(moved, 'q')


def test_what_holds_no_fingerprints_is_refused(folder, tmp_path):
  with pytest.raises(ValueError, match='holds no fingerprints of pictures'):
    prints.open_prints([tmp_path])
  (tmp_path / 'about.json').write_text('{"kind": "examples", "version": 1, '
                                       '"rows": 1, "part_rows": 1}')
  with pytest.raises(ValueError, match="holds 'examples' of version 1"):
    prints.open_prints([tmp_path])
  with pytest.raises(ValueError, match='11 ids have several fingerprints'):
    prints.open_prints([folder, folder])


def test_too_many_bad_photos_stop_it(tmp_path):
  source = Source(60)
  source.read = lambda row: b''
  with pytest.raises(ValueError, match='max_failed_share=0.05'):
    prints.make(source, tmp_path / 'p', processes=0, part_rows=200)
