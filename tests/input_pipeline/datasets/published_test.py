"""What is not here is named with who publishes it; what is here is listed."""

from input_pipeline import open_source
from input_pipeline.datasets import mp16_pro, osv5m, published
import pytest

from tests.fixtures import replicas


def test_patterns_are_counted_and_listed():
  assert published.expanded('a{08..11}.zip') == [
      'a08.zip', 'a09.zip', 'a10.zip', 'a11.zip']
  assert published.expanded('*.{csv,txt}') == ['*.csv', '*.txt']


def test_facts_agree_with_the_readers():
  assert set(published.names()) - {'siglip2'} <= set(open_source.READERS)
  shards = {split: len(published.expanded(f'{{00..{n - 1:02d}}}'))
            for split, n in osv5m.NUM_SHARDS.items()}
  files = published._known()['osv5m']['files']
  for split, count in shards.items():
    assert count in [len(published.expanded(entry['names']))
                     for entry in files if entry['split'] == split]
  names = [entry['names'] for entry in published._known()['mp16_pro']['files']]
  assert f'metadata/{mp16_pro.TABLES["places365"]}' in names
  assert (published.num_rows('osv5m', 'test'),
          published.num_rows('im2gps3k', 'main')) == (210_122, 2997)


def test_all_that_is_missing_is_named_at_once(tmp_path):
  lines = list(map(str, published.missing('osv5m', tmp_path, 'train')))
  assert len(lines) == 2
  assert lines[0] == (
      f'OpenStreetView-5M: {tmp_path}/ lacks train.csv (2.92 GB); published by '
      f'osv5m/osv5m on Hugging Face; licence: CC-BY-SA-4.0: name the authors, '
      f'share alike')
  assert 'lacks images/train/{00..97}.zip (size not known to us)' in lines[1]


def test_a_part_is_enough_for_a_subset_alone(tmp_path):
  replicas.osv5m(tmp_path, 'train')
  assert not published.missing('osv5m', tmp_path, 'train', partly=True)
  [line] = published.missing('osv5m', tmp_path, 'train')
  assert line.names == ('images/train/02.zip, images/train/03.zip, '
                        'images/train/04.zip and 93 more of '
                        'images/train/{00..97}.zip')
  files = published.there('osv5m', tmp_path, 'train')
  assert [name for name, _ in files] == [
      'images/train/00.zip', 'images/train/01.zip', 'train.csv']
  assert files[2][1] == (tmp_path / 'train.csv').stat().st_size


@pytest.mark.parametrize('name, build', [
    ('im2gps3k', replicas.im2gps3k), ('yfcc4k', replicas.yfcc4k),
    ('commons26', replicas.commons26)])
def test_folders_of_photos(tmp_path, name, build):
  assert len(published.missing(name, tmp_path, 'main')) == 2
  build(tmp_path)
  assert not published.missing(name, tmp_path, 'main')
  assert len(published.there(name, tmp_path, 'main')) > 2
