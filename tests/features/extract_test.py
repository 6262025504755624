"""Extraction: the same store by any road, stopped at any point."""

import dataclasses
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
from PIL import Image as PilImage
from pinpoint_jax import types
from pinpoint_jax.disk import files, sealed
from pinpoint_jax.features import backbone as backbones
from pinpoint_jax.features import extract, shards, store, verify
from pinpoint_jax.images import decode, preprocess
import pytest

from tests.fixtures import limits, seals

ROOT = pathlib.Path(__file__).resolve().parents[2]
NUM = 100
BAD = {7: b'', 8: b'<html>gone</html>', 60: b'\xff\xd8\xff\xe0cut'}


class Pictures:
  """A hundred noisy pictures, three of which do not decode."""

  notes = ()

  def __init__(self, num=NUM, bad=BAD):
    self.bad = bad
    rows = np.arange(num)
    self.photos = types.Photos(
        np.asarray([f'p{row:03d}' for row in rows], np.str_),
        np.stack([rows * 0.5 + 1, rows - 50.], 1),
        np.asarray([f'a{row % 7}' if row % 3 else '' for row in rows], np.str_),
        np.full(num, '', np.str_), 'photo')

  def read(self, row):
    if row in self.bad:
      return self.bad[row]
    return encoded(row)


def encoded(row):
  pixels = np.random.default_rng(row).integers(0, 256, (16 + row % 5, 24, 3),
                                               np.uint8)
  out = io.BytesIO()
  PilImage.fromarray(pixels).save(out, 'PNG')
  return out.getvalue()


BACKBONE = backbones.thumbnails()
PLAN = dict(shard_rows=16, batch_size=8, processes=0)


def make(workdir, source=None, backbone=BACKBONE, **plan):
  return extract.extract(source or Pictures(), backbone, workdir,
                         extract.Plan(**PLAN | plan))


def content(workdir):
  folder = workdir / 'store'
  return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
  workdir = tmp_path_factory.mktemp('whole')
  make(workdir)
  return workdir


def test_every_photo_is_a_row_or_in_quarantine(whole):
  opened = store.open_store(whole / 'store')
  source = Pictures()
  kept = [row for row in range(NUM) if row not in BAD]
  np.testing.assert_array_equal(opened.photos.ids, source.photos.ids[kept])
  np.testing.assert_array_equal(opened.photos.authors,
                                source.photos.authors[kept])
  np.testing.assert_array_equal(opened.photos.latlng_deg,
                                source.photos.latlng_deg[kept])
  lines = (whole / 'store' / store.QUARANTINE).read_text().splitlines()
  assert [(entry['id'], entry['reason']) for entry in map(json.loads, lines)
          ] == [('p007', 'empty'), ('p008', 'not_an_image'),
                ('p060', 'damaged')]
  assert len(opened) + len(lines) == NUM
  assert verify.verify(whole / 'store')['quarantined'] == 3
  assert not (whole / 'shards').exists()


def test_each_row_is_its_own_picture(whole):
  opened = store.open_store(whole / 'store')
  resize = BACKBONE.preprocess
  for row in (0, 50, 96):
    name = int(str(opened.photos.ids[row])[1:])
    pixels = preprocess.parse(resize)(decode.decode(encoded(name)).pixels)
    np.testing.assert_array_equal(
        opened.features[row],
        BACKBONE.apply(pixels[None])[0].astype(np.float16))


@pytest.mark.slow
def test_processes_change_nothing(whole, tmp_path):
  make(tmp_path, processes=2)
  assert content(tmp_path) == content(whole)


def test_three_hosts_change_nothing(whole, tmp_path):
  assert make(tmp_path, host=2, num_hosts=3) is None
  assert make(tmp_path, host=0, num_hosts=3) is None
  assert make(tmp_path, host=1, num_hosts=3) is not None
  assert content(tmp_path) == content(whole)


def test_damaged_and_missing_shards_are_made_again(whole, tmp_path, capsys):
  make(tmp_path, host=0, num_hosts=2)
  folder = tmp_path / 'shards'
  seals.flip(folder / '000002/features.f16.bin')
  (folder / '000004/manifest.json').unlink()
  make(tmp_path, host=1, num_hosts=2)
  assert shards.state(folder, 2) == 'damaged'
  assert shards.state(folder, 4) == 'missing'
  make(tmp_path)
  assert 'shard 2 is damaged' in capsys.readouterr().out
  assert content(tmp_path) == content(whole)


def test_finished_shards_are_not_read_again(tmp_path):
  make(tmp_path, host=0, num_hosts=2)
  class Watched(Pictures):
    def read(self, row):
      assert (row // 16) % 2 == 1, f'row {row} was done'
      return super().read(row)
  assert make(tmp_path, Watched()) is not None


def test_a_finished_store_is_opened_not_made(whole):
  assert len(make(whole, Untouchable())) == NUM - len(BAD)


def test_what_killed_hosts_left_is_removed_with_the_next_run(whole, tmp_path):
  shutil.copytree(whole, tmp_path / 'w')
  (tmp_path / 'w' / 'shards').mkdir()
  (tmp_path / 'w' / '.store.0123456789ab.tmp').mkdir()
  (tmp_path / 'w' / '.store.0123456789ab.tmp' / 'ids.txt').write_text('half')
  make(tmp_path / 'w', Untouchable())
  assert {file.name for file in (tmp_path / 'w').iterdir()} == {
      'job.json', 'store'}


def test_a_host_whose_half_was_cleaned_away_takes_the_finished_store(
    whole, tmp_path, monkeypatch):
  make(tmp_path, host=0, num_hosts=2)
  publish = sealed.Draft.publish
  def after_another(draft, folder, *args, **options):
    if folder.name == 'store':
      monkeypatch.undo()
      make(tmp_path)  # The other host is done at this very moment.
    publish(draft, folder, *args, **options)
  monkeypatch.setattr(sealed.Draft, 'publish', after_another)
  assert len(make(tmp_path, host=1, num_hosts=2)) == NUM - len(BAD)
  assert content(tmp_path) == content(whole)


def test_of_two_hosts_that_begin_at_once_one_writes_the_job(tmp_path):
  files.write_json_once(tmp_path / 'job.json', {'backbone': 'a'})
  files.write_json_once(tmp_path / 'job.json', {'backbone': 'b'})
  assert [file.read_text() for file in tmp_path.iterdir()] == [
      '{\n "backbone": "a"\n}\n']
  with pytest.raises(ValueError, match='another extraction .backbone a → b'):
    shards.check_job(tmp_path, {'backbone': 'b'})


def other(**changes):
  return dataclasses.replace(BACKBONE, **changes)


@pytest.mark.parametrize('change, words', [
    (dict(backbone=other(name='siglip')), 'backbone thumbnail → siglip'),
    (dict(backbone=other(weight_hash='x')), 'weight_hash none → x'),
    (dict(backbone=other(preprocess='resize(72)')), r'preprocess resize\(64\)'),
    (dict(source=Pictures(99)), r'\(data '),
    (dict(batch_size=4), 'batch_size 8 → 4'),
    (dict(shard_rows=32), 'shard_rows 16 → 32'),
])
def test_another_job_is_refused_in_the_same_folder(whole, change, words):
  with pytest.raises(ValueError, match=f'another extraction.*{words}'):
    make(whole, **change)


class Untouchable(Pictures):

  def read(self, row):
    raise AssertionError(f'row {row} was read')


def renamed(row, name):
  source = Untouchable()
  ids = source.photos.ids.astype('U8')
  ids[row] = name
  source.photos = dataclasses.replace(source.photos, ids=ids)
  return source


@pytest.mark.parametrize('source, words', [
    (renamed(5, 'p004'), "1 duplicate ids, the first is 'p004'"),
    (renamed(5, 'p\n04'), '1 names do not fit on a line'),
    (renamed(5, 'p\udc80'), '1 names do not fit on a line'),
    (Untouchable(0), 'the data set has no photos'),
])
def test_a_table_no_store_can_hold_is_refused_before_any_photo_is_read(
    tmp_path, source, words):
  with pytest.raises(ValueError, match=words):
    make(tmp_path, source)


@pytest.mark.parametrize('change, words', [
    (dict(max_failed_share=5), 'max_failed_share=5: must be between 0 and 1'),
    (dict(max_failed_share=-0.1), 'must be between 0 and 1'),
    (dict(processes=-1), 'processes=-1: must be at least 0'),
    (dict(batch_size=0), 'batch_size=0: must be at least 1'),
    (dict(shard_rows=0), 'shard_rows=0: must be at least 1'),
    (dict(host=3, num_hosts=3), 'host 3 of 3: hosts count from 0'),
])
def test_a_plan_that_cannot_be_is_refused(change, words):
  with pytest.raises(ValueError, match=words):
    extract.Plan(**change)


def test_no_feature_at_all_is_no_store(tmp_path):
  bad = {row: b'' for row in range(10)}  # Too few to judge by their share.
  none = r"none of 10.*'empty': 10"
  with pytest.raises(ValueError, match=none):
    make(tmp_path, Pictures(10, bad))
  assert not (tmp_path / 'store').exists()


def test_where_any_share_may_fail_all_may(tmp_path):
  bad = {row: b'' for row in range(10)}
  empty = make(tmp_path, Pictures(10, bad), max_failed_share=1.)
  assert len(empty) == 0 and empty.manifest['quarantined'] == 10
  verify.verify(empty.path)


def test_too_many_failures_stop_it_and_keep_what_is_done(tmp_path):
  bad = {row: b'' for row in range(40, 80)}
  with pytest.raises(ValueError,
                     match=r"24 of 64 photos .*'empty': 24.*share=0.1"):
    make(tmp_path, Pictures(bad=bad), max_failed_share=0.1)
  assert shards.state(tmp_path / 'shards', 1) == 'done'
  assert make(tmp_path, Pictures(bad=bad), max_failed_share=0.5) is not None


def test_stopped_on_request_it_keeps_finished_shards(tmp_path, whole):
  answers = iter([False] * 5 + [True] * 99)
  with pytest.raises(extract.Interrupted):
    extract.extract(Pictures(), BACKBONE, tmp_path, extract.Plan(**PLAN),
                    lambda: next(answers))
  assert shards.state(tmp_path / 'shards', 1) == 'done'
  make(tmp_path)
  assert content(tmp_path) == content(whole)


def test_the_device_has_the_next_shards_batch_before_one_is_saved(
    tmp_path, monkeypatch):
  events, save = [], shards.save
  def apply(pixels):
    events.append('batch')
    return BACKBONE.apply(pixels)
  def saved(folder, number, shard):
    events.append(f'shard {number}')
    save(folder, number, shard)
  monkeypatch.setattr(shards, 'save', saved)
  # All of the second shard is bad: it has no batch, and an end of its own.
  make(tmp_path, Pictures(48, {row: b'' for row in range(16, 32)}),
       other(apply=apply), max_failed_share=1.)
  assert events == ['batch', 'batch', 'batch', 'shard 0', 'shard 1', 'batch',
                    'shard 2']


def test_stopped_it_keeps_a_shard_whose_last_batch_was_on_the_device(
    tmp_path):
  answers = iter([False, False, True, True])
  with pytest.raises(extract.Interrupted):
    extract.extract(Pictures(bad={}), BACKBONE, tmp_path, extract.Plan(**PLAN),
                    lambda: next(answers))
  assert [shards.state(tmp_path / 'shards', number) for number in (0, 1)] == [
      'done', 'missing']


def test_not_finite_features_become_zero_and_are_counted(tmp_path):
  def apply(pixels):
    features = np.ones((len(pixels), 3), np.float32)
    features[0, 1] = np.nan
    features[1, 2] = 1e6  # More than float16 holds.
    return features
  extracted = make(tmp_path, Pictures(bad={}), other(dim=3, apply=apply))
  zeros = (np.asarray(extracted.features) == 0).sum()
  assert zeros == 2 * 13
  assert extracted.manifest['values_not_finite_set_to_0'] == zeros


@pytest.mark.slow
def test_a_dead_decode_process_is_reported_with_its_rows(tmp_path):
  with pytest.raises(OSError, match='decode process died at rows 0 to 15'):
    make(tmp_path, Deadly(), processes=1)


class Deadly(Pictures):

  def read(self, row):
    os._exit(9)


# A limit on the size of a file gives the writer a real error of the system.
LIMITED = """
import pathlib, resource, signal, sys
limit, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from tests.features import extract_test
extract_test.make(folder)
"""


@pytest.mark.parametrize('limit, full, needed, num_shards', [
    (3000, 'shards/000000', '9,072', 0),  # 14 rows of 320 halves, 14 longs.
    (20_000, 'store', '63,632', 7),  # 97 rows of 320 halves and 16 bytes.
])
def test_a_full_disk_names_path_and_room_and_a_rerun_goes_on(
    whole, tmp_path, limit, full, needed, num_shards):
  done = subprocess.run(
      [sys.executable, '-c', LIMITED, str(limit), tmp_path], cwd=ROOT,
      capture_output=True, text=True, timeout=limits.SECONDS)
  assert done.returncode == 1
  assert f'{tmp_path / full} cannot be written: File too large' in done.stderr
  assert f'at least {needed} bytes are needed' in done.stderr
  assert 'bytes are free there' in done.stderr
  names = {file.name for file in (tmp_path / 'shards').iterdir()}
  assert names == {f'{number:06d}' for number in range(num_shards)}
  assert {file.name for file in tmp_path.iterdir()} == {'job.json', 'shards'}
  make(tmp_path, Untouchable() if num_shards else None)
  assert content(tmp_path) == content(whole)
