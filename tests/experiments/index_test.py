"""Own photos in one command: counted, kept up to date, whole after a kill."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

from experiments import index, predict, verify_claim
from experiments.run import index_dir, launch
from input_pipeline import open_source, sources, tfds_builders
from input_pipeline.datasets import own_photos
import numpy as np
from pinpoint_jax.answer import model as models
from pinpoint_jax.disk import files
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.geo import distance
from pinpoint_jax.images import decode, gps_block
from pinpoint_jax.report import photo_copies
import pytest

from tests.fixtures import dated_photos, limits, tiny_training

pytestmark = pytest.mark.slow
NUM, NUM_UNTAGGED = 50, 3
# One row in eight, so that most days are among them.
ROWS = range(0, 5 * NUM, 5)


@pytest.fixture(autouse=True)
def no_handlers(monkeypatch):
  monkeypatch.setattr(launch, 'exit_on_signals', lambda advice='': None)


def run(words, out, **changes):
  flags = {flag.name: flag.default for flag in index.FLAGS} | {
      'out': str(out), 'backbone': 'thumbnail'} | changes
  index.main(launch.Run(None, flags, None, tuple(map(str, words))))


def answers(out, *words, **changes):
  flags = {flag.name: flag.default for flag in predict.FLAGS}
  path = out.parent / 'answers.json'
  predict.main(launch.Run(None, flags | {
      'index': str(out), 'out': str(path)} | changes, None,
                           tuple(map(str, words))))
  content = json.loads(path.read_text())
  return content if isinstance(content, list) else content['answers']


def ids(out):
  gallery = galleries.open_gallery(out / 'gallery')
  assert not len(gallery.removed)
  return sorted(gallery.ids(np.arange(len(gallery))).tolist())


def artefacts(out):
  return (galleries.open_gallery(out / 'gallery').fingerprint(),
          models.load(out / 'model').fingerprint)


@pytest.fixture(scope='module')
def photos(tmp_path_factory):
  """50 tagged photos of 12 days, 3 untagged ones, and what goes wrong."""
  root = tmp_path_factory.mktemp('own') / 'photos'
  dated_photos.write(root / 'tagged', ROWS)
  dated_photos.write(root / 'plain', range(NUM_UNTAGGED), tagged=False,
                     split='query_photo_new')
  first = next(iter((root / 'tagged').iterdir()))
  whole = first.read_bytes()
  (root / 'copy.jpg').write_bytes(whole)
  (root / 'cut.jpg').write_bytes(whole[:len(whole) // 2])
  (root / 'phone.heic').write_bytes(b'\0\0\0\x18ftypheic' + bytes(40))
  return root


@pytest.fixture(scope='module')
def indexed(photos, tmp_path_factory):
  out = tmp_path_factory.mktemp('index') / 'd'
  with pytest.MonkeyPatch.context() as patched:
    patched.setattr(launch, 'exit_on_signals', lambda advice='': None)
    run([photos], out)
  return out


@pytest.fixture
def own(photos, indexed, tmp_path):
  """A copy of the index, to be changed."""
  return shutil.copytree(indexed, tmp_path / 'd')


def test_every_file_is_counted(photos, indexed):
  about = index_dir.read(indexed)
  counts = about['counts']
  assert counts['in_gallery'] == {'photo': NUM}
  assert counts['untagged'] == NUM_UNTAGGED and counts['days'] == 12
  assert counts['left_out'] == {'the same bytes as another': 1}
  assert counts['unreadable']['truncated'] == 1
  if decode.pillow_heif is None:
    assert counts['unreadable']['HEIC'] == 1
  assert about['complete'] and about['calibrated'] == ['photo']
  assert 0 <= about['held_out_days']['photo']['acc@25km'] <= 1
  assert set(map(os.path.dirname, ids(indexed))) <= {
      str(photos), str(photos / 'tagged')}
  assert sorted(path.name for path in indexed.iterdir()) == sorted([
      'index.json', 'photos.json', 'untagged.csv', 'figures.json', 'lock.json',
      'features', 'embedder', 'gallery', 'model'])


def test_untagged_photos_are_answered_with_a_calibrated_confidence(
    photos, indexed, tmp_path):
  shutil.copytree(indexed, tmp_path / 'd')
  replies = answers(tmp_path / 'd', indexed / 'untagged.csv')
  assert {answer['id'] for answer in replies} == {
      str(path) for path in (photos / 'plain').iterdir()}
  for answer in replies:
    text = json.dumps(answer)
    assert 'not calibrated' not in text
    assert str(photos / 'tagged') in text  # A photo that speaks for it.
    # A day is no author, and nobody else's licence is claimed.
    for row in answer['evidence']:
      assert (row['author'], row['licence']) == ('', 'own')
      assert row['sequence'].startswith('2024-05-')


def test_claims_are_calibrated_on_days_left_out(indexed):
  part = models.load(indexed / 'model').calibration['photo']
  # Every photo of the half of the days that fits no weights, once.
  assert part.claims.levels.shape == part.levels.shape
  assert NUM // 2 - 5 <= len(part.levels) <= NUM // 2 + 5
  assert part.claims.known.tolist() == [1, 1, 1, 0]  # No region prior.


def test_a_claim_is_judged_whatever_the_photo_says_of_its_place(
    photos, indexed, tmp_path):
  plain = next(iter((photos / 'plain').iterdir()))
  tagged = tmp_path / 'tagged.jpg'
  photo_copies.write_copy(plain, tagged, gps_block.Position((12.3456, 65.4321)))
  flags = {flag.name: flag.default for flag in verify_claim.FLAGS} | {
      'index': str(indexed), 'at': '-33.87,151.21'}
  verdicts = []
  for path in (plain, tagged):
    out = tmp_path / 'verdict.json'
    verify_claim.main(launch.Run(
        None, flags | {'out': str(out)}, None, (str(path),)))
    assert '12.3456' not in out.read_text()
    verdict, = json.loads(out.read_text().replace(str(path), 'the photo'))
    verdicts.append(verdict)
  assert verdicts[0] == verdicts[1]
  assert 0 < verdicts[0]['p_value'] <= 1 and verdicts[0]['answer']['evidence']


def test_nothing_new_reads_no_photo(photos, own, monkeypatch, capsys):
  read = []
  whole = own_photos._bytes
  monkeypatch.setattr(own_photos, '_bytes',
                      lambda path: read.append(path) or whole(path))
  before = {path: path.stat().st_mtime_ns for path in own.rglob('*')
            if path.is_file() and path.name != 'lock.json'}
  run([photos], own)
  assert 'nothing has changed' in capsys.readouterr().out
  assert {os.path.basename(path) for path in read} <= {'phone.heic'}
  now = {path: path.stat().st_mtime_ns for path in own.rglob('*')
         if path.is_file() and path.name != 'lock.json'}
  assert {path.name for path in now if now[path] != before.get(path)} <= {
      'untagged.csv', 'photos.json'}


def test_photos_come_go_and_change(photos, own, tmp_path, capsys):
  root = shutil.copytree(photos / 'tagged', tmp_path / 'tagged')
  run([photos], own)
  capsys.readouterr()
  run([photos, root], own)  # Copies: the same bytes as another.
  assert 'nothing has changed' in capsys.readouterr().out
  model = models.load(own / 'model').fingerprint
  more = tmp_path / 'more'
  dated_photos.write(more, range(1, 4))
  run([photos, more], own)
  text = capsys.readouterr().out
  assert '3 new, 0 taken out' in text and 'of before' in text
  assert len(ids(own)) == NUM + 3
  first, second, third = sorted(more.iterdir())
  first.unlink()
  dated_photos.write(tmp_path / 'other', [4])
  second.write_bytes(next((tmp_path / 'other').iterdir()).read_bytes())
  run([photos, more], own)
  assert '1 new, 2 taken out' in capsys.readouterr().out
  assert {name for name in ids(own) if str(more) in name} == {
      str(second), str(third)}
  assert models.load(own / 'model').fingerprint == model


def test_one_photo_is_enough_and_growth_solves_anew(tmp_path, capsys):
  root, out = tmp_path / 'photos', tmp_path / 'd'
  dated_photos.write(root, [0])
  dated_photos.write(tmp_path / 'plain', [0], tagged=False,
                     split='query_photo_new')
  run([root], out)
  assert 'not calibrated: fewer than 40' in capsys.readouterr().out
  answer, = answers(out, tmp_path / 'plain')
  assert 'not calibrated' in json.dumps(answer)
  assert not (out / 'untagged.csv').exists()
  dated_photos.write(root, range(1, 4))
  dated_photos.write(tmp_path / 'streets', range(5), split='gallery_street')
  run([root], out, street=str(tmp_path / 'streets'))
  assert 'of before' not in capsys.readouterr().out
  assert index_dir.read(out)['counts']['in_gallery'] == {
      'photo': 4, 'street': 5}
  model = models.load(out / 'model')
  assert model.tasks == ('photo', 'street') and model.router is not None


def test_every_death_is_survived(tmp_path, monkeypatch):
  """Each atomic step in turn is the last one of its run."""
  root = tmp_path / 'photos'
  dated_photos.write(root, range(3))
  run([root], tmp_path / 'undisturbed')
  expected = artefacts(tmp_path / 'undisturbed')
  sync, count = files.sync_folder, [0]
  def dying(path: pathlib.Path) -> None:
    count[0] -= 1
    if not count[0]:
      raise SystemExit(143)
    sync(path)
  monkeypatch.setattr(files, 'sync_folder', dying)
  deaths = 0
  for number in range(1, 100, 5):
    out = tmp_path / f'd{number}'
    count[0] = number
    try:
      run([root], out)
      break
    except SystemExit:
      deaths += 1
    count[0] = -1
    run([root], out)
    assert artefacts(out) == expected, number
    assert not (out / 'work').exists()
  assert deaths >= 4


def killed(words, out, stage, sent):
  """Exit code and output of a run that gets a signal when `stage` is there."""
  process = subprocess.Popen(
      words, cwd=tiny_training.ROOT, stdout=subprocess.PIPE, text=True,
      stderr=subprocess.STDOUT, env=tiny_training.environment())
  limits.wait_until(
      lambda: list(out.glob(stage)) or process.poll() is not None, stage)
  process.send_signal(sent)
  return process.returncode or process.wait(limits.SECONDS), (
      process.stdout.read())


@pytest.mark.long
def test_killed_while_it_runs_the_same_command_completes_it(
    photos, indexed, tmp_path):
  out = tmp_path / 'd'
  words = [sys.executable, '-m', 'experiments.cli', 'index', str(photos),
           f'--out={out}', '--backbone=thumbnail']
  for stage, sent in (('features/photo/new', signal.SIGKILL),
                      ('work/*/fold_1', signal.SIGTERM),
                      ('gallery/segments/*', signal.SIGKILL)):
    code, text = killed(words, out, stage, sent)
    assert code in (-sent, 128 + sent, 0), text
    assert 'Traceback' not in text
  done = subprocess.run(words, cwd=tiny_training.ROOT, capture_output=True,
                        text=True, timeout=limits.SECONDS,
                        env=tiny_training.environment())
  assert done.returncode == 0, done.stderr
  assert index_dir.read(out)['complete'] and ids(out) == ids(indexed)
  figures = [index_dir.read(path)['held_out_days']['photo']
             for path in (out, indexed)]
  assert figures[0] == pytest.approx(figures[1])


@pytest.mark.parametrize('words, changes, text', [
    ((), {}, 'no photo is named'),
    (('nowhere',), {}, "'nowhere': no such file"),
    (('plain',), {}, 'at least 1 with GPS'),
    (('.',), {'backbone': 'demo'}, 'choose another --out'),
    (('.',), {'out': '.'}, 'name an empty or a new folder')])
def test_what_cannot_be_is_refused_in_one_line(
    photos, indexed, tmp_path, monkeypatch, words, changes, text):
  monkeypatch.chdir(photos)
  out = (indexed if changes.get('backbone') == 'demo' else tmp_path / 'new')
  with pytest.raises(ValueError, match=text) as refused:
    run(words, **{'out': str(out)} | changes)
  assert '\n' not in str(refused.value)


def test_a_misspelt_backbone_can_be_corrected(tmp_path):
  dated_photos.write(tmp_path / 'photos', [0])
  with pytest.raises(ValueError, match="backbone 'thumbnial': no such"):
    run([tmp_path / 'photos'], tmp_path / 'd', backbone='thumbnial')
  run([tmp_path / 'photos'], tmp_path / 'd')
  assert index_dir.read(tmp_path / 'd')['backbone'] == 'thumbnail'


def test_predict_names_what_it_misses(tmp_path):
  flags = {'index': str(tmp_path), 'model': None, 'gallery': None}
  with pytest.raises(ValueError, match='holds no index.json'):
    index_dir.model_and_gallery(flags)
  (tmp_path / 'index.json').write_text('{"complete": false}')
  with pytest.raises(ValueError, match='not finished'):
    index_dir.model_and_gallery(flags)
  with pytest.raises(ValueError, match='leave these'):
    index_dir.model_and_gallery(flags | {'model': 'm'})


def test_a_prepared_data_set_is_indexed_and_answered(photos, tmp_path, capsys):
  plain = sources.Subset(  # So few that nothing is fitted.
      open_source.open_source('folder', photos / 'tagged'), np.arange(8))
  tfds_builders.prepare('folder', {'main': plain}, tmp_path / 'tfds')
  out, root = tmp_path / 'd', {'root': str(tmp_path / 'tfds')}
  run(['tfds:folder'], out, **root)
  assert ids(out) == sorted(plain.photos.ids.tolist())
  given = answers(out, 'tfds:folder', task='photo', **root)
  assert [answer['id'] for answer in given] == plain.photos.ids.tolist()
  # Each finds itself: the bytes that are answered are those that were indexed.
  assert all('in the gallery' in answer['warnings'][0] for answer in given)
  assert distance.haversine_km(
      np.asarray([answer['latlng_deg'] for answer in given]),
      plain.photos.latlng_deg).max() < 1
  capsys.readouterr()
  run(['tfds:folder'], out, **root)
  assert 'nothing has changed' in capsys.readouterr().out
  for words, changes, text in (
      (['tfds:folder'], {}, '--root is empty'),
      (['tfds:folder', photos], root, 'is taken alone'),
      (['tfds:yfcc4k'], root, 'prepare_tfds writes it'),
      (['tfds:folder'], root | {'split': 'x'}, "'x' is none of"),
      ([photos], root, 'no word is one')):
    with pytest.raises(ValueError, match=text):
      run(words, tmp_path / 'new', **changes)
  assert not (tmp_path / 'new').exists()
