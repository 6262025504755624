import io

from input_pipeline.picture_earth import dataset, jpeg
import numpy as np
from PIL import ExifTags
from PIL import Image as PilImage
import pytest


def gps(file: bytes) -> tuple[float, float]:
  tags = PilImage.open(io.BytesIO(file)).getexif().get_ifd(
      ExifTags.IFD.GPSInfo)
  def degrees(value, ref):
    d, m, s = map(float, value)
    return (d + m / 60 + s / 3600) * (-1 if ref in 'SW' else 1)
  return degrees(tags[2], tags[1]), degrees(tags[4], tags[3])


@pytest.mark.parametrize('place', [
    (0.0, 0.0), (-0.000001, 179.999999), (89.999999, -180.0),
    (-33.999999, -0.5), (12.0, 59.9999995)])
def test_exif_at_awkward_places(place):
  file = jpeg.encoded(np.zeros((8, 8, 3), np.uint8), *place)
  np.testing.assert_allclose(gps(file), place, rtol=0, atol=6e-7)


def test_exif_is_the_tag_of_the_table():
  earth = dataset.picture_earth('tiny', 0)
  for split in ('gallery_photo', 'query_street'):
    for row in (0, 41):
      np.testing.assert_allclose(
          gps(earth.jpeg(split, row)), earth.photos(split).latlng_deg[row],
          rtol=0, atol=1e-9)


def test_training_sees_what_a_file_gives_back():
  pixels = dataset.picture_earth('tiny', 0).image('query_street', 3)
  file = jpeg.encoded(pixels, 1.0, 2.0)
  np.testing.assert_array_equal(
      jpeg.there_and_back(pixels), PilImage.open(io.BytesIO(file)))
