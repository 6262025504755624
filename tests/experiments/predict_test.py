"""The command: every photo once, whatever is named, however it is stopped."""

import csv
import dataclasses
import json
import os
import signal
import subprocess
import sys

from experiments import predict
from experiments.run import launch
from input_pipeline import photo_paths
import numpy as np
from PIL import Image
import pinpoint_jax as pj
from pinpoint_jax.answer import predict as library
from pinpoint_jax.report import answer_json
import pytest

from tests.fixtures import limits, tiny_model, tiny_training


@pytest.fixture(scope='module')
def paths(tmp_path_factory):
  return tiny_model.make(tmp_path_factory.mktemp('model'))


def flags(paths, **changes):
  values = {flag.name: flag.default for flag in predict.FLAGS}
  return values | {'model': paths.model, 'gallery': paths.gallery} | changes


def run(paths, *words, **changes):
  predict.main(launch.Run(None, flags(paths, **changes), None,
                          tuple(map(str, words))))


def test_a_store_s_answers_are_the_library_s(paths, tmp_path, capsys):
  out = tmp_path / 'a.jsonl'
  run(paths, paths.photo, out=f'{out},{tmp_path / "a.csv"}', task='photo')
  expected = pj.Pinpoint.load(paths.model, paths.gallery).predict(
      pj.open_store(paths.photo), task='photo')
  assert [a.as_dict() for a in answer_json.read(out)] == [
      a.as_dict() for a in expected]
  with open(tmp_path / 'a.csv', newline='') as file:
    rows = list(csv.DictReader(file))
  assert [float(row['lat']) for row in rows] == [
      a.latlng_deg[0] for a in expected]
  assert '60 answers' in capsys.readouterr().out
  assert sorted(x.name for x in tmp_path.iterdir()) == ['a.csv', 'a.jsonl']


def test_without_out_a_person_can_read_it(paths, capsys):
  run(paths, paths.photo, task='photo')
  text = capsys.readouterr().out
  assert text.count('9 in 10 within') == 60
  assert 'near_p0\n' in text and 'alike' in text


def test_it_goes_on_where_it_was_stopped(paths, tmp_path, monkeypatch):
  out = tmp_path / 'a.jsonl'
  whole = tmp_path / 'whole.jsonl'
  run(paths, paths.photo, out=str(whole), task='photo')
  asked = []
  stream = library.Pinpoint.stream_features
  def stopping(self, store, rows=None, **options):
    asked.append(list(rows))
    for count, answer in enumerate(stream(self, store, rows=rows, **options)):
      if len(asked) == 1 and count == 25:
        raise SystemExit(143)
      yield answer
  monkeypatch.setattr(library.Pinpoint, 'stream_features', stopping)
  with pytest.raises(SystemExit):
    run(paths, paths.photo, out=str(out), task='photo')
  assert not out.exists()
  run(paths, paths.photo, out=str(out), task='photo')
  assert asked == [list(range(60)), list(range(25, 60))]
  assert out.read_bytes() == whole.read_bytes()


def test_answers_of_another_run_are_not_mixed_in(paths, tmp_path, monkeypatch):
  out = str(tmp_path / 'a.csv')
  monkeypatch.setattr(library.Pinpoint, 'stream_features',
                      lambda *_, **__: iter(()))
  with pytest.raises(KeyError):
    run(paths, paths.photo, out=out, task='photo')
  with pytest.raises(ValueError, match="top_k 5 → 3"):
    run(paths, paths.photo, out=out, task='photo', top_k=3)


@pytest.mark.parametrize('changes, text', [
    ({'out': 'a.txt'}, "no kind of answer file ends in '.txt'"),
    ({'out': 'none/a.csv'}, 'there is no folder none'),
    ({'coarse': 'town'}, '--coarse=town: choices are country, region'),
    ({'coarse': 'country', 'copies': 'c'}, 'says no position'),
    ({'coarse': 'country', 'areas': True}, 'leave --areas out'),
    ({'copies': 'c'}, 'a feature store or a data set has none'),
    ({'abstain': '80%'}, 'abstain=80%: give a chance'),
    ({'top_k': 0}, 'top_k=0'), ({'region': 'country:XX'}, "'XX' is unknown")])
def test_refused_before_any_photo(paths, changes, text, monkeypatch):
  monkeypatch.setattr(library.writers, 'answers',
                      lambda *_, **__: pytest.fail('a photo was answered'))
  with pytest.raises(ValueError, match=text):
    run(paths, paths.photo, **changes)


def test_words_that_name_nothing(paths, tmp_path):
  (tmp_path / 'empty').mkdir()
  for words, text in (((), 'no photo is named'),
                      ((tmp_path / 'x.jpg',), 'no such file'),
                      ((tmp_path / 'empty',), 'names no photo'),
                      ((paths.photo, tmp_path), 'is answered alone')):
    with pytest.raises(ValueError, match=text):
      run(paths, *words)


def test_files_folders_patterns_and_tables(tmp_path, monkeypatch):
  for name in ('b.JPG', 'a.png', 'sub/c.webp', '.hidden.jpg', 'note.txt'):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b'x')
  (tmp_path / 'link.jpg').symlink_to(tmp_path / 'a.png')
  (tmp_path / 'list.csv').write_text('who,path\nme,a.png\nme,sub/c.webp\n')
  named = lambda *words: [
      path.removeprefix(f'{tmp_path}/') for path in
      photo_paths.listed([str(tmp_path / word) for word in words]).paths]
  assert named('') == ['a.png', 'b.JPG', 'sub/c.webp']
  assert named('note.txt') == ['note.txt']  # Named by itself it is looked at.
  assert named('*.png', 'sub/*') == ['a.png', 'sub/c.webp']
  assert named('list.csv') == ['a.png', 'sub/c.webp']
  (tmp_path / 'sub' / 'loop').symlink_to(tmp_path)
  def walk(root, onerror):
    onerror(PermissionError())  # Root, who runs tests somewhere, may all.
    yield from whole(root)
  whole = os.walk
  monkeypatch.setattr(photo_paths.os, 'walk', walk)
  listing = photo_paths.listed([str(tmp_path), str(tmp_path / 'a.png')])
  assert listing.left_out == {
      'hidden': 1, 'a link': 2, 'named twice': 1, 'no picture by its name': 2,
      'a folder that cannot be read': 1}
  for bad, text in (('who\nme\n', "no column 'path'"),
                    ('path\n""\n', 'line 2 names no file')):
    (tmp_path / 'bad.csv').write_text(bad)
    with pytest.raises(ValueError, match=text):
      photo_paths.listed([str(tmp_path / 'bad.csv')])


def test_copies_have_the_place_and_originals_their_bytes(
    paths, tmp_path, monkeypatch, capsys):
  for i in range(3):
    Image.new('RGB', (32, 24), (80 * i, 9, 9)).save(tmp_path / f'{i}.jpg')
  for name in ('3.jpg', '4.jpg'):  # Of the last the answer is too unsure.
    (tmp_path / name).write_bytes(b'no picture')
  before = {x: x.read_bytes() for x in tmp_path.glob('*.jpg')}
  store = pj.open_store(paths.photo)
  def stream(self, photos, with_exif, ids, **options):
    del with_exif, ids
    for row, name in enumerate(photos):
      answer = next(self.stream_features(store, rows=[row], **options))
      yield dataclasses.replace(
          answer, id=name, **({} if row < 3 else {
              'abstained': 'too unsure'} if row == 4 else {
                  'latlng_deg': None, 'warnings': ('not_an_image: no',)}))
  monkeypatch.setattr(library.Pinpoint, 'stream', stream)
  run(paths, tmp_path, task='photo', copies=str(tmp_path / 'placed'),
      sidecars=True)
  assert {x: x.read_bytes() for x in tmp_path.glob('*.jpg')} == before
  copies = sorted((tmp_path / 'placed').iterdir())
  assert [x.name for x in copies] == ['0.jpg', '1.jpg', '2.jpg']
  assert len(list(tmp_path.glob('*.xmp'))) == 3
  from pinpoint_jax.images import decode
  expected = pj.Pinpoint.load(paths.model, paths.gallery).predict(
      store, task='photo')
  for copy, answer in zip(copies, expected):
    np.testing.assert_allclose(
        decode.decode(copy.read_bytes()).exif_latlng_deg, answer.latlng_deg,
        atol=1e-6)
  assert "has no answer: not_an_image" in capsys.readouterr().err


def test_unsure_answers_are_marked_counted_and_kept(paths, tmp_path, capsys):
  expected = pj.Pinpoint.load(paths.model, paths.gallery).predict(
      pj.open_store(paths.photo), task='photo')
  chances = np.asarray([answer.confidence[2500] for answer in expected])
  level = float(np.round(np.median(chances), 4))
  unsure = int((chances < level).sum())
  assert 0 < unsure < 60
  out = tmp_path / 'a.jsonl'
  run(paths, paths.photo, out=f'{out},{tmp_path / "a.csv"}', task='photo',
      abstain=f'{level}@2500km')
  assert f'60 answers, of which {unsure} abstain: {out}' in (
      capsys.readouterr().out)
  read = answer_json.read(out)
  assert [bool(a.abstained) for a in read] == (chances < level).tolist()
  assert [a.latlng_deg for a in read] == [a.latlng_deg for a in expected]
  with open(tmp_path / 'a.csv', newline='') as file:
    rows = list(csv.DictReader(file))
  assert [row['abstained'] for row in rows] == [a.abstained for a in read]
  run(paths, paths.street, task='street', abstain=f'{level}@2500km')
  text = capsys.readouterr().out
  assert text.count('abstained: not calibrated for street') == 60
  assert text.endswith('60 answers, of which 60 abstain\n')


@pytest.mark.slow
def test_killed_and_run_again_repeats_no_work(paths, tmp_path):
  out = tmp_path / 'a.jsonl'
  words = [sys.executable, '-m', 'experiments.predict', paths.photo,
           f'--model={paths.model}', f'--gallery={paths.gallery}',
           f'--out={out}']
  log = tmp_path / '.a.jsonl.progress' / 'answers.jsonl'
  environment = tiny_training.environment()
  child = subprocess.Popen(words, env=environment)
  limits.wait_until(lambda: child.poll() is not None or (
      log.exists() and log.stat().st_size), 'an answer in the log')
  child.send_signal(signal.SIGKILL)
  assert child.wait() in (-signal.SIGKILL, 0)
  done = subprocess.run(words, env=environment, capture_output=True, text=True)
  assert done.returncode == 0, done.stderr
  ids = [json.loads(line)['id'] for line in out.read_text().splitlines()]
  assert ids == pj.open_store(paths.photo).photos.ids.tolist()
  assert child.returncode == 0 or 'were answered before' in done.stderr
