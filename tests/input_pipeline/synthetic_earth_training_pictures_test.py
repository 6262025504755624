"""Training examples: pictures with the look of the place they show."""

from input_pipeline.synthetic_earth import dataset, training_pictures
import numpy as np
from pinpoint_jax.images import decode, preprocess
import pytest


@pytest.fixture(scope='module')
def data():
  return training_pictures.make('tiny', (1000,), 'resize(16)', 60, processes=1)


def test_both_galleries_in_their_order(data):
  assert data.pixels.shape == (120, 16, 16, 3) and len(data) == 120
  assert data.is_street.tolist() == [False] * 60 + [True] * 60


def test_each_picture_has_its_own_look(data):
  world = dataset.SyntheticEarth('tiny', 1000)
  prepare = preprocess.parse('resize(16)')
  for at, split, row in ((0, 'gallery_photo', 0), (59, 'gallery_photo', 59),
                         (60, 'gallery_street', 0)):
    np.testing.assert_array_equal(
        data.pixels[at],
        prepare(decode.decode(world.jpeg(split, row)).pixels))
    np.testing.assert_allclose(data.looks[at],
                               world.shot(split, row).look / 1.4, rtol=1e-6)


def test_looks_are_about_of_unit_size(data):
  # A hundred pictures of few cities: a rough figure is all there is.
  assert 0.6 < data.looks.std() < 1.4
