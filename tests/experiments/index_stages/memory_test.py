"""What was read of photos: kept whole, or read again."""

from experiments.index_stages import memory
from input_pipeline.datasets.own_photos import Facts
import pytest

FACTS = {'/a.jpg': Facts((10, 20), 'abc', (1.5, -2.), '2024-05-31'),
         '/b.jpg': Facts((11, 21), 'def'),
         '/c.heic': Facts((1, 2), reason='HEIC', text='install it')}


def test_what_is_kept_is_read_again_without_the_refused(tmp_path):
  path = tmp_path / 'd' / 'photos.json'
  assert memory.load(path) == {}
  memory.save(path, FACTS)
  assert memory.load(path) == {
      name: FACTS[name] for name in ('/a.jpg', '/b.jpg')}


@pytest.mark.parametrize('text', [
    '', '{"version": 1, "files": [', '[]', '{"version": 0, "files": {}}',
    '{"version": 1, "files": {"a": 3}}'])
def test_a_broken_one_is_no_reason_to_stop(tmp_path, text):
  (tmp_path / 'photos.json').write_text(text)
  assert memory.load(tmp_path / 'photos.json') == {}
