"""Bad photos through `predict`, `verify-claim` and Python: none is lost.

Each has an answer or a reason, in its place; none stops the others, nothing
that a file says of itself is used, and no word of it becomes markup.
"""

import io
import json
import shutil
import struct
import zlib

from experiments import predict, verify_claim
from experiments.run import launch
import numpy as np
from PIL import Image as PilImage
import pinpoint_jax as pj
from pinpoint_jax.answer import predict as library
from pinpoint_jax.disk import lock
from pinpoint_jax.gallery import update
from pinpoint_jax.images import decode, gps_block, gps_copy
import pytest

from tests.fixtures import seeing as seeing_lib
from tests.fixtures import tiny_model

# (lat, lng) in the EXIF of one photo: no digit of it may appear.
GPS_DEG = (12.3456, 65.4321)
HOSTILE = '<script>alert(1)</script>'


def saved(kind, mode='RGB', size=(12, 8), **options) -> bytes:
  out = io.BytesIO()
  PilImage.new(mode, size, **options.pop('new', {})).save(out, kind, **options)
  return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
  return (struct.pack('>I', len(data)) + kind + data
          + struct.pack('>I', zlib.crc32(kind + data)))


def bomb() -> bytes:
  """900 million one-bit pixels in 100 bytes."""
  head = struct.pack('>IIBBBBB', 30_000, 30_000, 1, 0, 0, 0, 0)
  return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(
      b'IDAT', zlib.compress(b'')) + chunk(b'IEND', b'')


def tagged() -> bytes:
  """GPS, and markup in the words of the camera."""
  exif = PilImage.Exif()
  exif[0x010e] = exif[0x013b] = HOSTILE  # Description and artist.
  return gps_copy.with_position(
      saved('JPEG', exif=exif, new={'color': (9, 99, 199)}),
      gps_block.Position(GPS_DEG))


def gif() -> bytes:
  frames = [PilImage.new('RGB', (8, 8), (i * 90, 9, 9)) for i in range(3)]
  out = io.BytesIO()
  frames[0].save(out, 'GIF', save_all=True, append_images=frames[1:])
  return out.getvalue()


GOOD = {
    f'{HOSTILE.replace("/", "_")}.jpg': tagged, 'two\nlines.jpg': tagged,
    'cmyk.jpg': lambda: saved('JPEG', 'CMYK'),
    'palette.png': lambda: saved('PNG', 'P'),
    'grey16.png': lambda: saved('PNG', 'I;16'),
    'rgba.png': lambda: saved('PNG', 'RGBA'),
    'la.png': lambda: saved('PNG', 'LA'), 'bit.png': lambda: saved('PNG', '1'),
    'float.tiff': lambda: saved('TIFF', 'F'), 'moving.gif': gif,
    'wrong_ending.png': lambda: saved('JPEG'),
    'one.png': lambda: saved('PNG', size=(1, 1)),
    'long.png': lambda: saved('PNG', size=(1, 10_000))}
# Each with the word that its reason begins with.
BAD = {
    'empty.jpg': (lambda: b'', 'empty'),
    'page.jpg': (lambda: b'<html>not found</html>', 'not_an_image'),
    'paper.jpg': (lambda: b'%PDF-1.4\n' + bytes(64), 'not_an_image'),
    'cut.jpg': (lambda: saved('JPEG', size=(200, 200))[:700], 'truncated'),
    'bomb.png': (bomb, 'too_large'),
    'phone.heic': (lambda: b'\0\0\0\x18ftypheic' + bytes(40), 'format')}
if decode.pillow_heif:
  del BAD['phone.heic']


@pytest.fixture(scope='module')
def paths(tmp_path_factory):
  return tiny_model.make(tmp_path_factory.mktemp('model'))


@pytest.fixture
def seeing(paths, monkeypatch):
  opened = seeing_lib.pinpoint(paths, monkeypatch)
  monkeypatch.setattr(library.Pinpoint, 'load', lambda *_: opened)
  return opened


@pytest.fixture
def folder(tmp_path):
  root = tmp_path / 'photos'
  root.mkdir()
  for name, make in GOOD.items():
    (root / name).write_bytes(make())
  for name, (make, _) in BAD.items():
    (root / name).write_bytes(make())
  (root / 'loop').symlink_to(root)
  (root / 'link.jpg').symlink_to(root / 'rgba.png')
  return root


def run(binary, *words, **flags):
  values = {flag.name: flag.default for flag in binary.FLAGS} | {
      'model': 'm', 'gallery': 'g', 'task': 'photo'} | flags
  binary.main(launch.Run(None, values, None, tuple(map(str, words))))


def test_every_photo_has_an_answer_or_a_reason(seeing, folder, tmp_path,
                                               capsys):
  kinds = ('jsonl', 'geojson', 'kml', 'csv')
  run(predict, folder, out=','.join(
      str(tmp_path / f'a.{kind}') for kind in kinds))
  said = capsys.readouterr()
  assert 'note: 2 left out: a link' in said.err
  answers = {entry['id'].removeprefix(f'{folder}/'): entry for entry in map(
      json.loads, (tmp_path / 'a.jsonl').read_text().splitlines())}
  assert answers.keys() == GOOD.keys() | BAD.keys()
  for name, answer in answers.items():
    if name in GOOD:
      assert answer['latlng_deg'] is not None, name
    else:
      assert answer['latlng_deg'] is None
      assert answer['warnings'][0].startswith(f'{BAD[name][1]}: '), name
  assert 'first frame of 3' in str(answers['moving.gif']['warnings'])
  if 'phone.heic' in BAD:
    assert 'pinpoint_jax[heic]' in answers['phone.heic']['warnings'][0]
  written = [(tmp_path / f'a.{kind}').read_text() for kind in kinds]
  for text in (*written, said.out, said.err):
    assert '12.345' not in text and '65.432' not in text
  assert '<script' not in (tmp_path / 'a.kml').read_text()
  # In Python: bytes in the place of paths, the same answers.
  names = list(answers)
  for name, answer in zip(names, seeing.predict(
      [(folder / name).read_bytes() for name in names], task='photo')):
    assert json.loads(json.dumps(answer.as_dict() | {'id': ''})) == (
        answers[name] | {'id': ''})


def test_every_claim_is_judged_or_has_a_reason(seeing, folder, tmp_path):
  run(verify_claim, folder, at='48.8566,2.3522', out=str(tmp_path / 'v.json'))
  text = (tmp_path / 'v.json').read_text()
  assert '12.345' not in text and '65.432' not in text
  verdicts = {entry['id'].removeprefix(f'{folder}/'): entry
              for entry in json.loads(text)}
  assert verdicts.keys() == GOOD.keys() | BAD.keys()
  for name, verdict in verdicts.items():
    assert (verdict['p_value'] is None) == (name in BAD), name
    if name in BAD:
      assert verdict['word'] == 'unjudged'
      assert any(warning.startswith(f'{BAD[name][1]}: ')
                 for warning in verdict['warnings'])


def test_gps_is_shown_apart_where_it_is_asked_for(seeing, folder, tmp_path):
  photo = folder / 'two\nlines.jpg'
  for name, shown in (('with', True), ('without', False)):
    run(predict, photo, exif=shown, out=str(tmp_path / f'{name}.json'))
  there, = json.loads((tmp_path / 'with.json').read_text())
  assert there.pop('exif_latlng_deg') == pytest.approx(GPS_DEG, abs=1e-6)
  assert [there] == json.loads((tmp_path / 'without.json').read_text())


def test_a_photo_that_goes_while_others_are_answered(seeing, folder, tmp_path):
  (tmp_path / 'list.csv').write_text(
      'path\nphotos/rgba.png\nphotos/gone.jpg\nphotos/la.png\n')
  run(predict, tmp_path / 'list.csv', out=str(tmp_path / 'a.json'))
  answers = json.loads((tmp_path / 'a.json').read_text())
  assert [a['latlng_deg'] is None for a in answers] == [False, True, False]
  assert answers[1]['warnings'][0].startswith('unreadable: No such file')


def test_a_second_run_into_one_file_is_refused(seeing, folder, tmp_path):
  out = tmp_path / 'a.json'
  with lock.hold(predict._progress([out])), pytest.raises(
      ValueError, match='locked by pid'):
    run(predict, folder, out=str(out))


def test_a_gallery_without_rows_says_so(paths, tmp_path):
  gallery = shutil.copytree(paths.gallery, tmp_path / 'gallery')
  opened = pj.open_gallery(gallery)
  update.remove(gallery, opened.ids(np.arange(len(opened))))
  pinpoint = pj.Pinpoint.load(paths.model, gallery)
  store = pj.open_store(paths.photo)
  for answer in pinpoint.stream_features(store, rows=[0, 1], task='photo'):
    assert answer.latlng_deg is None and not answer.evidence
    assert answer.warnings == ('no answer: the gallery holds no photo',)
  verdict, = pinpoint.stream_claims(store, [(48, 2)], task='photo', rows=[0])
  assert verdict.word == 'unjudged' and verdict.p_value is None


def test_a_gallery_may_be_moved_and_named_from_where_one_is(
    paths, tmp_path, monkeypatch):
  shutil.copytree(paths.gallery, tmp_path / 'elsewhere' / 'gallery')
  shutil.copytree(paths.model, tmp_path / 'elsewhere' / 'model')
  monkeypatch.chdir(tmp_path / 'elsewhere')
  store = pj.open_store(paths.photo)
  moved, there = (
      next(pj.Pinpoint.load(model, gallery).stream_features(
          store, task='photo', rows=[3], top_k=10_000)).as_dict()
      for model, gallery in (('model', 'gallery'),
                             (paths.model, paths.gallery)))
  assert moved == there
