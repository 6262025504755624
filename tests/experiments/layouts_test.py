"""Each published layout goes reader → extraction → store; counts add up."""

from input_pipeline import open_source
import numpy as np
from pinpoint_jax.features import backbone as backbones
from pinpoint_jax.features import extract, store, verify
from pinpoint_jax.images import decode, preprocess
import pytest

from tests.fixtures import replicas

PLAN = extract.Plan(shard_rows=4, batch_size=4, processes=0,
                    max_failed_share=0.5)
BACKBONE = backbones.thumbnails()
LAYOUTS = [
    ('osv5m', replicas.osv5m, dict(split='test')),
    ('mp16_pro', replicas.mp16_pro, {}),
    ('im2gps3k', replicas.im2gps3k, {}),
    ('yfcc4k', replicas.yfcc4k, {}),
    ('webdataset', replicas.webdataset, {}),
]


@pytest.mark.parametrize('name, build, options', LAYOUTS,
                         ids=[row[0] for row in LAYOUTS])
def test_a_replica_becomes_a_sound_store(tmp_path, name, build, options):
  (tmp_path / 'data').mkdir()
  images = build(tmp_path / 'data')
  source = open_source.open_source(name, tmp_path / 'data', **options)
  made = extract.extract(source, BACKBONE, tmp_path / 'work', PLAN)
  assert verify.verify(made.path) == verify.verify(made.path) | {
      'rows': len(images), 'quarantined': 0}
  np.testing.assert_array_equal(made.photos.ids, source.photos.ids)
  np.testing.assert_array_equal(made.photos.authors, source.photos.authors)
  np.testing.assert_allclose(made.photos.latlng_deg, source.photos.latlng_deg,
                             atol=1e-5)
  prepare = preprocess.parse(BACKBONE.preprocess)
  for row, data in enumerate(map(source.read, range(len(made)))):
    pixels = prepare(decode.decode(data).pixels)
    np.testing.assert_array_equal(
        made.features[row], BACKBONE.apply(pixels[None])[0].astype('<f2'))


def test_broken_files_of_a_layout_are_in_quarantine(tmp_path):
  images = replicas.im2gps3k(tmp_path / 'data')
  files = sorted((tmp_path / 'data' / 'im2gps3ktest').glob('*@N00.jpg'))
  files[0].write_bytes(b'')
  files[1].write_bytes(files[1].read_bytes()[:-30])
  source = open_source.open_source('im2gps3k', tmp_path / 'data')
  made = extract.extract(source, BACKBONE, tmp_path / 'work', PLAN)
  counts = verify.verify(made.path)
  assert counts['rows'] == len(images) - 2 and counts['quarantined'] == 2
  assert len(source.photos) == counts['rows'] + counts['quarantined']
  text = (made.path / store.QUARANTINE).read_text()
  assert '"empty"' in text and '"truncated"' in text


def test_notes_of_the_reader_stay_with_the_store(tmp_path):
  replicas.osv5m(tmp_path / 'data', absent=2)
  source = open_source.open_source('osv5m', tmp_path / 'data')
  plan = extract.Plan(shard_rows=4, batch_size=4, processes=0,
                      notes=source.notes)
  made = extract.extract(source, BACKBONE, tmp_path / 'work', plan)
  assert any('2 of 9 rows left out, no image' in note
             for note in made.manifest['notes'])


def test_decode_processes_open_archives_for_themselves(tmp_path):
  (tmp_path / 'data').mkdir()
  images = replicas.mp16_pro(tmp_path / 'data')
  source = open_source.open_source('mp16_pro', tmp_path / 'data')
  plan = extract.Plan(shard_rows=4, batch_size=4, processes=2)
  made = extract.extract(source, BACKBONE, tmp_path / 'work', plan)
  assert len(made) == len(images)
