"""The walk over tar headers equals the standard library's, at every cut."""

import io
import tarfile

from input_pipeline.datasets import archive, tar_walk
import pytest

from tests.fixtures import replicas

KINDS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
IMAGES = {'a.jpg': b'x' * 700, 'empty.jpg': b'', 'b/ü.jpg': b'y' * 512,
          'c/' + 'n' * 60 + '/' + 'm' * 60 + '.jpg': b'z' * 1025}
LONG = {'n' * 300 + '.jpg': b'w' * 9}


def write(tmp_path, data, places=()):
  for old in tmp_path.glob('mp-16*'):
    old.unlink()
  replicas.cut(tmp_path, data, places)
  return archive.parts(sorted(tmp_path.glob('mp-16*')))


def files(parts):
  return {m.name: parts.read(m.start, m.size)
          for m in tar_walk.walk(parts, 0, len(parts)) if m.kind == 'file'}


@pytest.mark.parametrize('kind', KINDS)
def test_equal_to_tarfile(tmp_path, kind):
  images = IMAGES | (LONG if kind != tarfile.USTAR_FORMAT else {})
  data = replicas.mp16_tar(images, kind)
  parts = write(tmp_path, data)
  assert files(parts) == {f'./images/{k}': v for k, v in images.items()}
  with tarfile.open(fileobj=io.BytesIO(data)) as tar:
    expected = [(m.name, m.offset_data, m.size, 'file' if m.isreg() else
                 'folder' if m.isdir() else 'other') for m in tar]
  walked = list(tar_walk.walk(parts, 0, len(parts)))
  # tarfile says where a link's data would be; there is none.
  assert [(m.name, m.start, m.size, m.kind) for m in walked] == expected


@pytest.mark.parametrize('kind', KINDS[1:])
def test_cut_into_slices_anywhere(tmp_path, kind):
  data = replicas.mp16_tar({'a.jpg': b'x' * 600} | LONG, kind)
  expected = files(write(tmp_path, data))
  assert len(expected) == 2
  for place in range(1, len(data), 97):  # In headers, names, data and padding.
    assert files(write(tmp_path, data, [place])) == expected
  assert files(write(tmp_path, data, range(13, len(data), 113))) == expected


def test_resuming_at_any_member_gives_the_rest(tmp_path):
  parts = write(tmp_path, replicas.mp16_tar(IMAGES | LONG))
  walked = list(tar_walk.walk(parts, 0, len(parts)))
  for i, member in enumerate(walked):
    assert list(tar_walk.walk(parts, member.next, len(parts))) == walked[i + 1:]


def test_a_cut_member_is_named_with_the_bytes_it_lacks(tmp_path):
  data = replicas.mp16_tar({'a.jpg': b'x' * 600, 'b.jpg': b'y' * 5000})
  start = data.index(b'yyyy')
  parts = write(tmp_path, data[:start + 1000], [700])
  with pytest.raises(ValueError, match=(
      r"images01 at byte \d+: the archive is cut: member './images/b.jpg' has "
      r'5,000 bytes and 4,000 of them are missing')):
    list(tar_walk.walk(parts, 0, len(parts)))


@pytest.mark.parametrize('short', [0, 100, 512])
def test_an_archive_without_its_end_is_refused(tmp_path, short):
  data = replicas.mp16_tar({'a.jpg': b'x' * 512})
  link = data.index(b'./images/link.jpg')
  parts = write(tmp_path, data[:link + 512 - short])
  last = './images/link.jpg' if not short else './images/a.jpg'
  with pytest.raises(ValueError, match=f"end mark.*'{last}'"):
    list(tar_walk.walk(parts, 0, len(parts)))


def test_slices_in_the_wrong_order_are_refused(tmp_path):
  data = replicas.mp16_tar(IMAGES)
  parts = write(tmp_path, data[1024:4096] + data[:1024] + data[4096:])
  with pytest.raises(ValueError, match='no tar header.*in order'):
    list(tar_walk.walk(parts, 0, len(parts)))


def entry(kind, data=b'', name='x.jpg', size=None):
  """One raw header with its data."""
  info = tarfile.TarInfo(name)
  info.type, info.size = kind, len(data) if size is None else size
  return info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


@pytest.mark.parametrize('data, complaint', [
    (entry(tarfile.XHDTYPE, b'0 a=b\n'), 'broken pax'),
    (entry(tarfile.XHDTYPE, b'-9 a=b\n'), 'broken pax'),
    (entry(tarfile.XHDTYPE, b'nonsense'), 'broken pax'),
    (entry(tarfile.XHDTYPE, b'13 size=-1\n\n'), 'broken pax'),
    (entry(tarfile.XHDTYPE, b'11 size=-1\n') + entry(b'0'), 'of size -1'),
    (entry(tarfile.GNUTYPE_LONGNAME, size=2 << 20), 'header of 2,097,152'),
    (entry(tarfile.GNUTYPE_LONGNAME, size=9999), 'before the end of a name'),
    (entry(tarfile.GNUTYPE_SPARSE), 'is sparse'),
    (entry(b'0', size=-5), 'of size -5'),
])
def test_hostile_headers_are_refused(tmp_path, data, complaint):
  parts = write(tmp_path, data + bytes(1024))
  with pytest.raises(ValueError, match=complaint):
    list(tar_walk.walk(parts, 0, len(parts)))


def test_pax_sizes_beyond_the_header(tmp_path):
  pax = entry(tarfile.XHDTYPE, b'12 size=600\n')
  data = pax + entry(b'0', b'v' * 600, size=0) + bytes(1024)
  member, = tar_walk.walk(write(tmp_path, data), 0, len(data))
  assert (member.size, member.next) == (600, len(data) - 1024)


def test_a_hard_link_has_no_data_whatever_size_it_claims(tmp_path):
  link = entry(tarfile.LNKTYPE, name='link.jpg', size=600)
  data = link + entry(b'0', b'v' * 9, name='file.jpg') + bytes(1024)
  walked = list(tar_walk.walk(write(tmp_path, data), 0, len(data)))
  assert [(m.name, m.start, m.size, m.kind) for m in walked] == [
      ('link.jpg', 512, 0, 'other'), ('file.jpg', 1024, 9, 'file')]
