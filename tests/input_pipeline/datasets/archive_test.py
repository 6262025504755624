"""Files laid end to end read as one."""

import os
import pickle
import subprocess
import sys

from input_pipeline.datasets import archive, mp16_pro, osv5m
import numpy as np
import pytest

from tests.fixtures import limits, replicas

READ = """
import pickle, sys
for source in pickle.load(open(sys.argv[1], 'rb')):
  for row in reversed(range(len(source.photos))):
    sys.stdout.buffer.write(source.read(row))
"""


@pytest.fixture
def parts(tmp_path):
  data = np.random.default_rng(0).bytes(1000)
  places = [0, 1, 1, 300, 301, 999, 1000]  # One part is empty.
  for i, (begin, end) in enumerate(zip(places, places[1:])):
    (tmp_path / f'{i}').write_bytes(data[begin:end])
  return archive.parts([tmp_path / f'{i}' for i in range(6)]), data


def test_any_span_is_the_same_as_of_the_whole(parts):
  whole, data = parts
  assert len(whole) == 1000
  for start in range(0, 1000, 7):
    for size in (0, 1, 2, 298, 302, 1000 - start):
      size = min(size, 1000 - start)
      assert whole.read(start, size) == data[start:start + size]


def test_beyond_the_end_is_refused_with_the_count(parts):
  with pytest.raises(ValueError, match='5: 3 bytes are missing'):
    parts[0].read(993, 10)


def test_places_are_named_by_file(parts):
  whole, _ = parts
  assert whole.where(0).endswith('0 at byte 0')
  assert whole.where(300).endswith('3 at byte 0')
  assert whole.where(998).endswith('4 at byte 697')


def test_the_fingerprint_follows_name_size_and_time_but_no_folder(tmp_path):
  def fingerprint(folder, name='a', data=b'x', time=1):
    (tmp_path / folder).mkdir(exist_ok=True)
    path = tmp_path / folder / name
    path.write_bytes(data)
    os.utime(path, ns=(time, time))
    return archive.parts([path]).fingerprint()
  first = fingerprint('here')
  assert fingerprint('there') == first
  others = {fingerprint('here', 'b'), fingerprint('here', data=b'xy'),
            fingerprint('here', time=2)}
  assert len(others | {first}) == 4


def test_a_worker_process_opens_its_own_files(tmp_path):
  images = replicas.osv5m(tmp_path / 'osv')
  (tmp_path / 'mp').mkdir()
  others = replicas.mp16_pro(tmp_path / 'mp')
  readers = [osv5m.read_osv5m(tmp_path / 'osv'),
             mp16_pro.read_mp16_pro(tmp_path / 'mp')]
  for source in readers:
    source.read(0)  # The files are open here, and stay here.
  (tmp_path / 'sources').write_bytes(pickle.dumps(readers))
  done = subprocess.run([sys.executable, '-c', READ, tmp_path / 'sources'],
                        capture_output=True, check=True, timeout=limits.SECONDS)
  assert done.stdout == b''.join(
      [*reversed(images.values()), *reversed(others.values())])
