"""The command writes the stores of a world, or refuses in one line."""

from input_pipeline.feature_earth import world as worlds
import numpy as np
from pinpoint_jax.features import store, verify
import pytest


def test_named_splits_are_written_once(binary, tmp_path):
  words = (f'--out={tmp_path}', '--variant=sparse', '--seed=2',
           '--splits=gallery_photo, query_street')
  done = binary('make_synthetic_features', *words)
  assert done.returncode == 0, done.stderr
  assert '300 rows of 128 dimensions' in done.stdout
  assert sorted(path.name for path in tmp_path.iterdir()) == [
      'gallery_photo', 'query_street']
  world = worlds.World('sparse', 2, 'tiny')
  written = store.open_store(tmp_path / 'query_street')
  np.testing.assert_array_equal(
      written.features, world.features('query_street', 0))
  np.testing.assert_array_equal(
      written.photos.ids, world.photos('query_street').ids)
  assert 'synthetic' in verify.verify(tmp_path / 'gallery_photo')['backbone']
  again = binary('make_synthetic_features', *words)
  assert again.returncode == 1 and 'exists; remove it' in again.stderr


@pytest.mark.parametrize('word, named', [
    ('--variant=dense', "variant 'dense': choices are ['default'"),
    ('--size=huge', "size 'huge': choices are ['demo'"),
    ('--splits=train', "split 'train': default has gallery_photo"),
    ('--seed=-1', 'seed -1')])
def test_unknown_names_are_refused_before_any_work(binary, tmp_path, word,
                                                   named):
  done = binary('make_synthetic_features', f'--out={tmp_path / "o"}', word)
  assert done.returncode == 1 and named in done.stderr
  assert not (tmp_path / 'o').exists()
