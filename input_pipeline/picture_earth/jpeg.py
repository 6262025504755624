"""Pictures as JPEG files, with their places in EXIF."""

import io

import numpy as np
from PIL import ExifTags, TiffImagePlugin
from PIL import Image as PilImage
from pinpoint_jax import types

# Colours at full resolution: the cues are colours.
_OPTIONS = {'quality': 90, 'subsampling': 0}
_MICRODEGREES = 10**6


def encoded(pixels: types.Image, lat_deg: float, lng_deg: float) -> bytes:
  """The JPEG file of a picture [h, w, 3], with GPS exact to 1e-6 degree."""
  exif = PilImage.Exif()
  exif[ExifTags.IFD.GPSInfo] = {
      ExifTags.GPS.GPSVersionID: b'\x02\x03\x00\x00',
      ExifTags.GPS.GPSLatitudeRef: 'S' if lat_deg < 0 else 'N',
      ExifTags.GPS.GPSLatitude: _degrees_minutes_seconds(lat_deg),
      ExifTags.GPS.GPSLongitudeRef: 'W' if lng_deg < 0 else 'E',
      ExifTags.GPS.GPSLongitude: _degrees_minutes_seconds(lng_deg),
      ExifTags.GPS.GPSMapDatum: 'WGS-84',
  }
  file = io.BytesIO()
  PilImage.fromarray(pixels).save(file, 'JPEG', exif=exif, **_OPTIONS)
  return file.getvalue()


def there_and_back(pixels: types.Image) -> types.Image:
  """The picture as its file gives it back."""
  file = io.BytesIO()
  PilImage.fromarray(pixels).save(file, 'JPEG', **_OPTIONS)
  return np.asarray(PilImage.open(file))


def _degrees_minutes_seconds(
    angle_deg: float) -> tuple[TiffImagePlugin.IFDRational, ...]:
  # In integers: decimal degrees survive the way there and back.
  degrees, rest = divmod(round(abs(angle_deg) * _MICRODEGREES), _MICRODEGREES)
  minutes, rest = divmod(rest * 60, _MICRODEGREES)
  return (TiffImagePlugin.IFDRational(degrees, 1),
          TiffImagePlugin.IFDRational(minutes, 1),
          TiffImagePlugin.IFDRational(rest * 60, _MICRODEGREES))
