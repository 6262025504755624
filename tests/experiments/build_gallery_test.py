"""The command: build, add, delete, compact, verify, and refuse."""

import json
import shutil
import signal
import subprocess
import time

from experiments import build_gallery
import numpy as np
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import verify as gallery_verify
from pinpoint_jax.gallery import writer
from pinpoint_jax.models import embedder_files
import pytest

from tests.fixtures import limits, processes, tiny_gallery, tiny_training

pytestmark = pytest.mark.slow

CONFIG = '--config=experiments/configs/build_gallery.py'


def run(workdir, *words, stdin=None):
  return subprocess.run(command(workdir, *words), input=stdin, text=True,
                        cwd=tiny_training.ROOT, capture_output=True,
                        timeout=limits.SECONDS, env=tiny_training.environment())


def command(workdir, *words):
  return [tiny_training.sys.executable, '-m', 'experiments.build_gallery',
          f'--workdir={workdir}', *map(str, words)]


@pytest.fixture(scope='module')
def parts(tmp_path_factory):
  """A model directory and stores; words that build from them."""
  folder = tmp_path_factory.mktemp('parts')
  trained = tiny_gallery.trained()
  embedder_files.save(folder / 'model', trained.model, trained.params,
                      trained.inputs, '# A card\n')
  tiny_gallery.make_store(folder / 'a', tiny_gallery.names('a', 20))
  tiny_gallery.make_store(folder / 'b', tiny_gallery.names('b', 10))
  tiny_gallery.make_store(folder / 'c', tiny_gallery.names('c', 15), 'street')
  return folder


def words(parts, *more):
  return (CONFIG, f'--config.model={parts / "model"}',
          f'--config.stores.photo={parts / "a"},{parts / "b"}',
          f'--config.stores.street={parts / "c"}', *more)


@pytest.fixture(scope='module')
def built(parts, tmp_path_factory):
  workdir = tmp_path_factory.mktemp('built') / 'g'
  done = run(workdir, *words(parts))
  assert done.returncode == 0, done.stderr
  return workdir, done.stdout


def test_it_builds_and_tells(built):
  workdir, said = built
  result = galleries.open_gallery(workdir)
  assert len(result) == 45
  assert 'rows     30 photo, 15 street, 0 duplicates left out' in said
  for column in ('z_image 16.0', 'z_location 16.0', 'raw 12.0', 'source 1.0'):
    assert column in said
  assert json.loads((workdir / 'run.json').read_text())['config_hash']
  assert "mode = 'combined'" in (workdir / 'config.txt').read_text()
  assert gallery_verify.verify(workdir)['rows'] == 45


def test_one_command_lives_through_all(parts, tmp_path):
  """Each action without a config, then all of them in one line."""
  one, two = tmp_path / 'one', tmp_path / 'two'
  mode = ('--config.mode=photo', '--config.stores.street=',
          f'--config.stores.photo={parts / "a"}')
  assert run(one, *words(parts, *mode)).returncode == 0
  done = run(one, f'--add={parts / "b"}', f'--model={parts / "model"}')
  assert done.returncode == 0 and '10 rows added, 30 can answer' in done.stdout
  done = run(one, '--remove_ids=-', '--compact', '--verify',
             stdin='b3\na0\n')
  assert done.returncode == 0, done.stderr
  for line in ('2 rows deleted, 0 had been deleted before, 0 ids are unknown',
               '28 rows in one segment', 'is sound: rows 28, taken_down 0'):
    assert line in done.stdout
  (tmp_path / 'gone.txt').write_text('b3\na0\nx9\n')
  done = run(two, *words(parts, *mode), f'--add={parts / "b"}',
             f'--model={parts / "model"}', '--compact', '--allow_unknown_ids',
             f'--remove_ids={tmp_path / "gone.txt"}')
  assert done.returncode == 0, done.stderr
  assert '1 ids are unknown' in done.stdout
  assert tiny_gallery.content(one) == tiny_gallery.content(two)


def test_two_processes_build_what_one_builds(parts, built, tmp_path):
  (first, said, errors), (second, silent, _) = processes.ended(processes.start(
      2, lambda coordinator, index: command(tmp_path / 'g', *words(
          parts, '--config.distributed.num_processes=2',
          f'--config.distributed.coordinator={coordinator}',
          f'--config.distributed.process_id={index}')),
      tiny_training.environment()))
  assert first == second == 0, errors
  assert 'rows     30 photo, 15 street' in said and silent == ''
  assert tiny_gallery.content(tmp_path / 'g') == tiny_gallery.content(built[0])


@pytest.mark.parametrize('more, code, complaint', [
    ((), 2, '--config is required'),
    ((CONFIG,), 1, '--config.model is empty'),
    (('--add=x',), 1, '--add needs --model'),
    (('--verify',), 1, 'manifest.json is missing'),
])
def test_bad_words_are_one_line(tmp_path, more, code, complaint):
  done = run(tmp_path / 'g', *more)
  assert done.returncode == code and complaint in done.stderr
  assert done.stderr.count('\n') == 1, done.stderr
  assert not (tmp_path / 'g' / 'manifest.json').exists()


def test_a_missing_source_and_a_second_build(parts, built, tmp_path):
  done = run(tmp_path / 'g', *words(parts, '--config.stores.street='))
  assert done.returncode == 1
  assert '--config.stores.street is empty: name a feature store' in done.stderr
  before = tiny_gallery.content(built[0])
  done = run(built[0], *words(parts, '--config.raw=off'))
  assert done.returncode == 1 and '--replace' in done.stderr
  assert tiny_gallery.content(built[0]) == before


def test_what_was_killed_after_publishing_is_finished_by_the_same_command(
    parts, built, tmp_path):
  path = shutil.copytree(built[0], tmp_path / 'g')
  for name in ('run.json', 'config.txt'):
    (path / name).unlink()
  shutil.rmtree(path / 'neighbours')
  done = run(path, *words(parts))
  assert done.returncode == 0, done.stderr
  assert tiny_gallery.content(path) == tiny_gallery.content(built[0])
  assert (path / 'run.json').exists()
  more = tiny_gallery.make_store(tmp_path / 'd', tiny_gallery.names('d', 5))
  add = f'--add={more}', f'--model={parts / "model"}'
  assert '5 rows added' in run(path, *add).stdout
  before = tiny_gallery.content(path)
  for lists in (path / 'neighbours').iterdir():
    shutil.rmtree(lists)
  assert '0 rows added' in run(path, *add).stdout
  assert tiny_gallery.content(path) == before


def test_sigterm_leaves_the_old_gallery(parts, tmp_path):
  store = tiny_gallery.make_store(tmp_path / 'many',
                                  tiny_gallery.names('m', 60_000))
  path = tmp_path / 'g'
  tiny_gallery.build(path, [tiny_gallery.make_store(tmp_path / 'few', ['x'])],
                     writer.Settings('photo'))
  before = tiny_gallery.content(path)
  child = subprocess.Popen(
      command(path, CONFIG, f'--config.model={parts / "model"}', '--replace',
              f'--config.stores.photo={store}', '--config.mode=photo'),
      cwd=tiny_training.ROOT, stderr=subprocess.PIPE, text=True,
      env=tiny_training.environment())
  while not list(path.glob('segments/.new.*')) and child.poll() is None:
    time.sleep(.01)
  child.send_signal(signal.SIGTERM)
  _, said = child.communicate(timeout=limits.SECONDS)
  assert child.returncode == 143
  assert 'stopped by SIGTERM; the gallery is whole, without' in said
  assert tiny_gallery.content(path) == before
  assert not list(path.glob('segments/.*'))


def test_pinpoint_verify_knows_a_gallery(built, tmp_path):
  verify = lambda path, *more: subprocess.run(
      [tiny_training.sys.executable, '-m', 'experiments.cli', 'verify',
       str(path), *more], cwd=tiny_training.ROOT, capture_output=True,
      text=True, env=tiny_training.environment())
  assert 'is sound: rows 45' in verify(built[0]).stdout
  store = tiny_gallery.make_store(tmp_path / 's', ['x'])
  assert 'is sound: rows 1' in verify(store).stdout
  old = json.loads((store / 'manifest.json').read_text())
  del old['manifest_xxh3_128']
  (store / 'manifest.json').write_text(json.dumps(old))
  assert 'without a checksum of its own' in verify(store).stdout
  assert 'without' not in verify(store, '--seal').stdout
  assert json.loads((store / 'manifest.json').read_text()) != old


def test_ids_of_the_gallery_are_those_of_the_stores(built):
  result = galleries.open_gallery(built[0])
  expected = sorted(tiny_gallery.names('a', 20) + tiny_gallery.names('b', 10)
                    + tiny_gallery.names('c', 15))
  assert result.ids(np.arange(45)).tolist() == expected


def test_indices_that_do_not_fit_are_announced():
  """7.2 GiB for a million rows, measured: 66 for 9.2 million."""
  assert build_gallery.memory_note(1_000_000, 8 * 2**30) == ''
  note = build_gallery.memory_note(9_200_000, 24 * 2**30)
  assert 'need about 66 GiB on one machine, this one has 24: ' in note
