"""What a backbone reads of drawn pictures: every figure, and where from."""

import json

import pytest

from tests.fixtures import tiny_training

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def probed(binary, tmp_path_factory):
  """Of the backbone that learned nothing: it has nothing to compile."""
  workdir = tmp_path_factory.mktemp('probe') / 'w'
  done = binary('probe_backbone', '--config=probe_backbone:quick',
                f'--workdir={workdir}', '--config.backbone=thumbnail',
                env=tiny_training.environment())
  assert done.returncode == 0, done.stderr
  return json.loads((workdir / 'figures.json').read_text()), (
      workdir / 'figures.md').read_text(), done.stdout


def test_r2_is_told_by_what_a_probe_was_fitted_and_judged_on(probed):
  figures, text, _ = probed
  rows = {(row['source'], row['fitted'], row['judged'], row['cue']): row
          for row in figures['r2']}
  assert len(rows) == 2 * 3 * 13
  # Even thumbnails see the sky.
  sky = rows['street', 'independent', 'independent', 'climate']
  assert 0.1 < sky['low'] < sky['r2'] < sky['high'] < 1
  assert sky['num_pictures'] < 50
  # No street view of the tiny world shows a sight.
  sight = rows['street', 'gallery_street', 'query_street', 'sight']
  assert sight['num_pictures'] == 0 and sight['r2'] is None
  assert '| sight |' in text and 'too few pictures' in text
  whole = rows['street', 'gallery_street', 'query_street', '']
  assert (f'| gallery_street | query_street | street | 60 | '
          f'{whole["r2"]:.2f} [') in text


def test_neighbours_are_those_of_pictures_and_of_the_world_s_features(probed):
  figures, text, printed = probed
  found = {(row['queries'], row['gallery'], row['variant']): row['metrics']
           for row in figures['raw_1nn']}
  assert len(found) == 3 * 2 * 2
  for queries in ('query_photo_known', 'query_photo_new'):
    # Features of the world never cross sources; a thumbnail reads little.
    same, both = (found[queries, gallery, 'features']
                  for gallery in ('same_source', 'combined'))
    assert same == both
    assert same['acc@25km'] > found[queries, 'same_source', '']['acc@25km']
  assert text in printed and 'synthetic' in text
  assert figures['backbone'] == 'thumbnail (none)'
