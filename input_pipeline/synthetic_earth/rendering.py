"""From a shot to an image, or to a JPEG file with its place in EXIF."""

import io

from input_pipeline.synthetic_earth import render_photo, render_street, shots
from PIL import ExifTags, TiffImagePlugin
from PIL import Image as PilImage
from pinpoint_jax import types

_RENDERERS = {'photo': render_photo.render, 'street': render_street.render}
_QUALITY = 85
_MICRODEGREES = 10**6


def image(shot: shots.Shot) -> types.Image:
  """The pixels of a shot, [h, w, 3]."""
  return _RENDERERS[shot.source](shot)


def jpeg(shot: shots.Shot) -> bytes:
  """The JPEG file of a shot."""
  return encoded(image(shot), shot.lat_deg, shot.lng_deg)


def encoded(pixels: types.Image, lat_deg: float, lng_deg: float,
            quality: int = _QUALITY, subsampling: int = -1) -> bytes:
  """The JPEG file of an image [h, w, 3], with GPS exact to 1e-6 degree.

  `subsampling` of the colours as Pillow counts it; -1 leaves it to `quality`.
  """
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
  PilImage.fromarray(pixels).save(
      file, 'JPEG', quality=quality, subsampling=subsampling, exif=exif)
  return file.getvalue()


def _degrees_minutes_seconds(
    angle_deg: float) -> tuple[TiffImagePlugin.IFDRational, ...]:
  # In integers: decimal degrees survive the way there and back.
  degrees, rest = divmod(round(abs(angle_deg) * _MICRODEGREES), _MICRODEGREES)
  minutes, rest = divmod(rest * 60, _MICRODEGREES)
  return (TiffImagePlugin.IFDRational(degrees, 1),
          TiffImagePlugin.IFDRational(minutes, 1),
          TiffImagePlugin.IFDRational(rest * 60, _MICRODEGREES))
