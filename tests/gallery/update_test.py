"""A gallery that lives ends where one that is built from scratch begins."""

import pathlib
import shutil
import subprocess
import sys

import numpy as np
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import layout, update, verify
import pytest

from tests.fixtures import limits
from tests.fixtures import tiny_gallery as tiny

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIRST, LATER = tiny.names('p', 30), tiny.names('a', 20)
GONE = ['p3', 'a7', 'p29', 'a0']


@pytest.fixture(scope='module')
def stores(tmp_path_factory):
  folder = tmp_path_factory.mktemp('stores')
  return [tiny.make_store(folder / 'first', FIRST),
          tiny.make_store(folder / 'later', LATER, 'street')]


@pytest.fixture(scope='module')
def grown(stores, tmp_path_factory):
  path = tmp_path_factory.mktemp('grown') / 'g'
  tiny.build(path, stores[:1])
  tiny.add(path, stores[1:])
  return path


@pytest.fixture
def copy(grown, tmp_path):
  return shutil.copytree(grown, tmp_path / 'g')


@pytest.fixture(scope='module')
def scratch(tmp_path_factory):
  """Built at once from the rows that are left."""
  folder = tmp_path_factory.mktemp('scratch')
  keep = lambda names: [name for name in names if name not in GONE]
  return tiny.build(folder / 'g', [
      tiny.make_store(folder / 'first', keep(FIRST)),
      tiny.make_store(folder / 'later', keep(LATER), 'street')])


def test_what_is_taken_down_is_gone_at_once(copy, scratch):
  done = update.remove(copy, np.array(GONE))
  assert (done.num_removed, done.num_gone, len(done.unknown)) == (4, 0, 0)
  opened = galleries.open_gallery(copy)
  assert opened.num_live == 46 and len(opened) == 50
  assert opened.ids(opened.removed).tolist() == ['p29', 'p3', 'a0', 'a7']
  assert tiny.search(opened) == tiny.search(scratch)
  assert verify.verify(copy)['taken_down'] == 4


def test_compacted_it_is_the_gallery_from_scratch_to_the_byte(copy, scratch):
  update.remove(copy, np.array(GONE))
  opened = update.compact(copy)
  assert tiny.content(copy) == tiny.content(scratch.path)
  assert opened.fingerprint() == scratch.fingerprint()
  assert [x.name for x in (copy / 'segments').iterdir()] == [
      scratch.segments[0].name]
  assert update.compact(copy).fingerprint() == scratch.fingerprint()
  assert tiny.content(copy) == tiny.content(scratch.path)


def test_rows_taken_down_twice_or_never_there(copy):
  update.remove(copy, np.array(['p3']))
  before = tiny.content(copy)
  with pytest.raises(layout.BadGallery, match="1 of 2 ids are not in the galler"
                     "y, the first is 'p99'; nothing"):
    update.remove(copy, np.array(['p4', 'p99']))
  assert tiny.content(copy) == before
  done = update.remove(copy, np.array(['p3']))
  assert (done.num_removed, done.num_gone) == (0, 1)
  assert tiny.content(copy) == before
  done = update.remove(copy, np.array(['p99', 'p4', 'p4', 'p3']), True)
  assert (done.num_removed, done.num_gone, done.unknown.tolist()) == (
      1, 1, ['p99'])


def test_all_rows_may_go(copy, tmp_path):
  update.remove(copy, np.array(FIRST + LATER))
  assert galleries.open_gallery(copy).num_live == 0
  assert len(update.compact(copy)) == 0
  empty = tiny.build(tmp_path / 'e', [tiny.make_store(tmp_path / 's', [])])
  assert tiny.content(copy) == tiny.content(empty.path)


def test_an_id_comes_back_only_after_compaction(copy, tmp_path):
  update.remove(copy, np.array(['p3']))
  again = tiny.make_store(tmp_path / 'again', ['p3'])
  with pytest.raises(layout.BadGallery, match='1 ids are there .*deleted'):
    tiny.add(copy, [again])
  update.compact(copy)
  assert tiny.add(copy, [again]).num_live == 50


def test_damage_is_not_compacted_in(copy):
  file = next(copy.glob('segments/*/author.i32.bin'))
  file.write_bytes(b'\7' + file.read_bytes()[1:])
  with pytest.raises(layout.BadGallery, match='author.i32.bin was changed'):
    update.compact(copy)


def test_one_writer_at_a_time(copy):
  with layout.writing(copy):
    with pytest.raises(ValueError, match='is locked by pid'):
      update.compact(copy)


def test_stale_indices_and_leftovers_are_swept(copy):
  opened = galleries.open_gallery(copy)
  segment = opened.segments[0].name
  for key in (opened.rows_key(), segment, 'gone'):
    layout.derived(copy, 'index', key).mkdir(parents=True)
  (copy / 'segments' / '.new.123.tmp').mkdir()
  (copy / 'segments' / ('0' * 16)).mkdir()
  (copy / 'removed-123.i64.bin').write_text('')
  (copy / '.manifest.json.123.tmp').write_text('')
  (copy / 'support' / 'of-before').mkdir(parents=True)
  update.remove(copy, np.array(['p3']))
  assert not (copy / 'support').exists()
  assert {x.name for x in (copy / 'index').iterdir()} == {
      segment, opened.rows_key()}
  assert not layout.leftovers(copy, layout.read_manifest(copy))
  assert sorted(x.name for x in (copy / 'segments').iterdir()) == sorted(
      s.name for s in opened.segments)


def test_killed_at_any_file_operation(copy, tmp_path):
  """SIGKILL at every fourth of them: the old gallery, or the new one."""
  done = subprocess.run(
      [sys.executable, '-m', 'tests.fixtures.dying', str(copy),
       str(tmp_path / 'work'), '4'], cwd=ROOT, capture_output=True, text=True,
      timeout=limits.SECONDS)
  assert done.returncode == 0, done.stderr
  print(done.stdout)
  kills = [int(line.split()[1]) for line in done.stdout.splitlines()]
  assert len(kills) == 2 and min(kills) > 8


def test_insert_delete_search_and_be_killed(tmp_path):
  """4:4:1, killed at random times, ends as a gallery from scratch."""
  done = subprocess.run(
      [sys.executable, '-m', 'tests.fixtures.living_loop', str(tmp_path)],
      cwd=ROOT, capture_output=True, text=True,
      timeout=limits.SECONDS)
  assert done.returncode == 0, done.stderr
  print(done.stdout)
  opened = galleries.open_gallery(tmp_path / 'g')
  left = (tmp_path / 'left.txt').read_text().split()
  assert sorted(left) == sorted(np.delete(
      opened.ids(np.arange(len(opened))), opened.removed).tolist())
  scratch = tiny.build(tmp_path / 'scratch', [
      tiny.make_store(tmp_path / 'all', left)])
  assert tiny.search(opened) == tiny.search(scratch)
  assert not verify.verify(tmp_path / 'g')['leftovers']
  update.compact(tmp_path / 'g')
  assert tiny.content(tmp_path / 'g') == tiny.content(scratch.path)
