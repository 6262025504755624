"""WebDataset shards: KEY.jpg beside KEY.json, read where they lie."""

import io
import json
import tarfile

from input_pipeline import sources
from input_pipeline.datasets import webdataset
import pytest

from tests.fixtures import dataset_checks, replicas


@pytest.fixture
def write(tmp_path):
  """Writes 000.tar with {member name: bytes or fields of a json}."""
  def write_shard(members, name='000.tar'):
    with tarfile.open(tmp_path / name, 'w') as tar:
      for member, data in members.items():
        data = data if isinstance(data, bytes) else json.dumps(data).encode()
        info = tarfile.TarInfo(member)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return tmp_path
  return write_shard


JPEG = replicas.jpeg(0)
GOOD = {'good.jpg': JPEG, 'good.json': {'lat': 1, 'lng': 2}}


@pytest.mark.parametrize('shards', ['*.tar', '{000..001}.tar', '00{0..1}.tar'])
def test_every_sample_gives_its_image(tmp_path, shards):
  images = replicas.webdataset(tmp_path)
  source = webdataset.read_webdataset(tmp_path, shards, 'street')
  assert isinstance(source, sources.PhotoSource)
  dataset_checks.same_images(source, images)
  assert source.photos.source == 'street'
  assert source.photos.authors.tolist() == ['40', '41', '41', '40']
  assert source.photos.latlng_deg[2].tolist() == [
      float(text) for text in replicas.place(3)]


def test_the_counts_add_up(tmp_path):
  replicas.webdataset(tmp_path, num=6, per_shard=3)
  source = webdataset.read_webdataset(tmp_path)
  assert len(source.photos) == 4
  note, = source.notes
  assert '2 samples left out, no json: 00002, 00005' in note


@pytest.mark.parametrize('sample, reason', [
    ({'x.jpg': JPEG}, 'no json'),
    ({'x.json': {'lat': 1, 'lng': 2}}, 'no image'),
    ({'x.jpg': JPEG, 'x.json': b'{'}, 'broken json'),
    ({'x.jpg': JPEG, 'x.json': b'[' * 100_000}, 'broken json'),
    ({'x.jpg': JPEG, 'x.json': [1]}, 'broken json'),
    ({'x.jpg': JPEG, 'x.json': b' ' * (1 << 20) + b'{}'}, 'json too large'),
    ({'x.jpg': JPEG, 'x.png': JPEG, 'x.json': {}}, 'several images'),
    *(({'x.jpg': JPEG, 'x.json': {'lat': lat, 'lng': 2}}, 'no place')
      for lat in (None, 91, 'north', [1], '1_0', 10 ** 400)),
    ({'x.jpg': JPEG, 'x.json': {'lat': 0, 'lng': 0.}}, 'no place'),
    ({'x.jpg': JPEG, 'x.json': b'{"lat": NaN, "lng": 1}'}, 'no place'),
    ({'x.jpg': JPEG, 'x.json': {'lat': 1, 'lng': 2, 'author': '\ud800'}},
     'no UTF-8'),
    ({'x.jpg': JPEG, 'x.json': {'lat': 1, 'lng': 2, 'id': 'good'}},
     'duplicate id')])
def test_what_is_left_out_is_counted(write, sample, reason):
  root = write(GOOD | sample)
  source = webdataset.read_webdataset(root, duplicates='first')
  assert source.photos.ids.tolist() == ['good']
  assert f'1 samples left out, {reason}' in source.notes[0]
  assert source.notes[0].endswith(': x')


def test_names_that_are_no_utf8_are_left_out_in_readable_words(write):
  root = write(GOOD | {'\udcff.jpg': JPEG, '\udcff.json': {'lat': 1, 'lng': 2}})
  source = webdataset.read_webdataset(root)
  assert source.photos.ids.tolist() == ['good']
  assert source.notes[0].endswith(
      '1 samples left out, no UTF-8, or an empty id: \\udcff')


def test_keys_of_two_shards_are_refused_unless_told(write):
  write(GOOD)
  root = write(GOOD, '001.tar')
  with pytest.raises(ValueError, match='1 samples have the id'):
    webdataset.read_webdataset(root)
  source = webdataset.read_webdataset(root, duplicates='first')
  assert len(source.photos) == 1


def test_names_with_folders_and_dots(write):
  place = {'lat': '1.5', 'lng': 2}
  root = write({'./a/1.jpg': JPEG, './a/1.json': place, 'b/1.seg.png': b'',
                'b/1.JPG': JPEG, 'b/1.json': place, '../../c.jpg': JPEG,
                '../../c.json': place | {'id': 5}})
  source = webdataset.read_webdataset(root)
  assert source.photos.ids.tolist() == ['a/1', 'b/1', '5']
  assert source.read(1) == JPEG


def test_nothing_to_read(write, tmp_path):
  with pytest.raises(ValueError, match=r"no shard '\*\.tar'"):
    webdataset.read_webdataset(tmp_path)
  root = write({'x.jpg': JPEG})
  with pytest.raises(ValueError, match='no sample.*1 samples left out'):
    webdataset.read_webdataset(root)
  with pytest.raises(ValueError, match=r"no shard '001\.tar' of"):
    webdataset.read_webdataset(root, '{000..002}.tar')
  with pytest.raises(ValueError, match='is empty'):
    webdataset.expand(root, '{3..1}.tar')
  with pytest.raises(ValueError, match="duplicates='last': choices"):
    webdataset.read_webdataset(root, duplicates='last')


def test_a_cut_shard_is_named(tmp_path):
  replicas.webdataset(tmp_path)
  path = tmp_path / '000.tar'
  path.write_bytes(path.read_bytes()[:1000])
  with pytest.raises(ValueError, match=r"000\.tar.*'00000\.jpg'"):
    webdataset.read_webdataset(tmp_path)


def test_more_shards_than_may_be_open_at_once(write):
  for i in range(80):
    root = write({f'k{i}.jpg': JPEG, f'k{i}.json': {'lat': 1, 'lng': i}},
                 f'{i:03d}.tar')
  source = webdataset.read_webdataset(root, '{000..079}.tar')
  dataset_checks.same_images(source, {f'k{i}': JPEG for i in range(80)})
