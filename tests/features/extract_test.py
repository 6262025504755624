"""Files to features: order kept, processes irrelevant, bad files named."""

import numpy as np
from PIL import Image as PilImage
from pinpoint_jax.features import extract, thumbnail
import pytest


@pytest.fixture
def paths(tmp_path):
  rng = np.random.default_rng(0)
  found = []
  for i in range(5):
    path = tmp_path / f'{i}.png'
    pixels = rng.integers(0, 256, (40 + i, 60, 3), dtype=np.uint8)
    PilImage.fromarray(pixels).save(path)
    found.append(path)
  return found


def test_one_row_per_file_in_order(paths):
  features = extract.extract(paths, 'resize(64)', 'thumbnail')
  assert features.shape == (5, thumbnail.DIM) and features.dtype == np.float32
  backwards = extract.extract(paths[::-1], 'resize(64)', 'thumbnail')
  np.testing.assert_array_equal(features[::-1], backwards)


def test_two_processes_give_the_same_bits(paths):
  np.testing.assert_array_equal(
      extract.extract(paths, 'resize(64)', 'thumbnail', processes=1),
      extract.extract(paths, 'resize(64)', 'thumbnail', processes=2))


def test_a_bad_file_is_named_with_its_reason(paths):
  paths[2].write_bytes(paths[2].read_bytes()[:2000])
  with pytest.raises(ValueError, match=r'2\.png: (truncated|damaged)'):
    extract.extract(paths, 'resize(64)', 'thumbnail')


@pytest.mark.parametrize('ops, feature, complaint', [
    ('resize(64)', 'siglip', r"'siglip': choices are \['thumbnail'\]"),
    ('rezise(64)', 'thumbnail', 'rezise')])
def test_unknown_names_are_refused_before_any_file(ops, feature, complaint):
  with pytest.raises(ValueError, match=complaint):
    extract.extract([], ops, feature)
