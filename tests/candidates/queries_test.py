"""Queries are encoded as the gallery was, or refused."""

import numpy as np
from pinpoint_jax.candidates import queries
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import writer
import pytest

from tests.fixtures import tiny_gallery as tiny

IDS = tiny.names('p', 12)


def encode(features, with_raw=True):
  photos = tiny.photos(IDS[:len(features)])
  return queries.encode(tiny.trained(), tiny.encoder(), photos,
                        features, with_raw)


def test_a_gallery_photo_is_its_own_row(tmp_path):
  store = tiny.make_store(tmp_path / 's', IDS)
  tiny.build(tmp_path / 'g', [store],
             writer.Settings('photo'))
  result = galleries.open_gallery(tmp_path / 'g')
  asked = encode(tiny.features(IDS))
  rows = result.find(np.asarray(IDS))
  np.testing.assert_allclose(
      asked.z_image, result.channel('image')[0].take(rows), atol=1e-3)
  np.testing.assert_allclose(
      asked.raw, result.channel('raw')[0].take(rows), atol=1e-3)
  assert encode(tiny.features(IDS), False).raw is None


@pytest.mark.parametrize('bad', [0., np.nan, np.inf])
def test_a_feature_without_direction_is_refused(bad):
  features = tiny.features(IDS).astype(np.float32)
  features[3] = bad
  with pytest.raises(ValueError, match="1 of 12 .* 'p3'"):
    encode(features)


def test_features_made_otherwise_are_refused():
  trained = tiny.trained(sources=('photo',))
  queries.check_inputs(trained, 'photo', tiny.MADE, 'S')
  with pytest.raises(ValueError, match="backbone .*'other'; extract"):
    queries.check_inputs(trained, 'photo',
                         tiny.MADE | {'backbone': 'other'}, 'S')
  with pytest.raises(ValueError, match="street .* knows \\['photo'\\]"):
    queries.check_inputs(trained, 'street', tiny.MADE, 'S')
