"""Bytes to upright RGB pixels, or one refusal with its reason.

Defined conversions: transparency is laid on mid grey; 16-bit grey is scaled
by 1/257; float images are taken as 0..1 (0..255 where they exceed 1); CMYK
and palettes go through Pillow; ICC profiles are not applied; EXIF orientation
is applied; of an animation the first frame is taken and noted.
"""

import dataclasses
import io
import warnings

from jaxtyping import Float
import numpy as np
from PIL import Image as PilImage
from PIL import ImageOps
from pinpoint_jax import types

FORMATS = ('JPEG', 'PNG', 'WEBP', 'GIF', 'BMP', 'TIFF')
MAX_PIXELS = 100_000_000
_BACKGROUND = (128, 128, 128, 255)
_GPS_IFD = 0x8825


class BadImage(ValueError):
  """Bytes that give no pixels; `reason` is one word for counting."""

  def __init__(self, reason: str, text: str):
    super().__init__(f'{reason}: {text}')
    self.reason = reason


@dataclasses.dataclass(frozen=True)
class DecodedImage:
  """Pixels and what was noticed on the way.

  Attributes:
    pixels: upright RGB, uint8 [h, w, 3].
    notes: conversions worth recording, such as 'first frame of 3'.
    exif_latlng_deg: where the file says it was taken; never a model's input.
  """

  pixels: types.Image
  notes: tuple[str, ...]
  exif_latlng_deg: Float[np.ndarray, '2'] | None


def decode(data: bytes, max_pixels: int = MAX_PIXELS) -> DecodedImage:
  """The first frame of an image file, upright; refuses before decoding."""
  if not data:
    raise BadImage('empty', 'the file has 0 bytes')
  with warnings.catch_warnings():
    # The size is checked below, against our limit rather than Pillow's.
    warnings.simplefilter('ignore', PilImage.DecompressionBombWarning)
    try:
      picture = PilImage.open(io.BytesIO(data), formats=FORMATS)
    except PilImage.DecompressionBombError as error:
      raise BadImage('too_large', str(error)) from error
    except (OSError, ValueError, SyntaxError) as error:
      raise BadImage('not_an_image', f'no {"/".join(FORMATS)}; the file starts '
                                     f'with {data[:16]!r}') from error
  width, height = picture.size
  if width * height > max_pixels:
    raise BadImage('too_large', f'{width}×{height} pixels, more than '
                                f'{max_pixels:,}')
  frames = getattr(picture, 'n_frames', 1)
  notes = (f'first frame of {frames}',) if frames > 1 else ()
  latlng_deg = exif_latlng_deg(picture)
  return DecodedImage(_upright_rgb(picture), notes, latlng_deg)


def _upright_rgb(picture: PilImage.Image) -> np.ndarray:
  try:
    picture.load()  # A truncated file raises here: never a half-grey picture.
    picture = ImageOps.exif_transpose(picture)
    return np.array(_to_rgb(picture))
  except (OSError, ValueError, SyntaxError, EOFError) as error:
    reason = 'truncated' if 'truncated' in str(error) else 'damaged'
    raise BadImage(reason, str(error)) from error


def _to_rgb(picture: PilImage.Image) -> PilImage.Image:
  if picture.mode.startswith('I'):
    grey = np.asarray(picture).astype(np.float64) / 257
    return _from_grey(grey)
  if picture.mode == 'F':
    grey = np.nan_to_num(np.asarray(picture, np.float64))
    return _from_grey(grey * 255 if grey.max(initial=0) <= 1 else grey)
  if picture.has_transparency_data:
    picture = picture.convert('RGBA')
    ground = PilImage.new('RGBA', picture.size, _BACKGROUND)
    return PilImage.alpha_composite(ground, picture).convert('RGB')
  return picture.convert('RGB')


def _from_grey(grey: np.ndarray) -> PilImage.Image:
  rounded = np.clip(np.floor(grey + 0.5), 0, 255).astype(np.uint8)
  return PilImage.fromarray(rounded).convert('RGB')


def exif_latlng_deg(
    picture: PilImage.Image) -> Float[np.ndarray, '2'] | None:
  """Place in the file's EXIF GPS, degrees [2]; None where absent or broken."""
  try:
    gps = picture.getexif().get_ifd(_GPS_IFD)
    lat, lng = (_degrees(gps[2], gps[1] in 'Ss'), _degrees(gps[4], gps[3]
                                                           in 'Ww'))
  except (KeyError, TypeError, ValueError, ZeroDivisionError, SyntaxError,
          OSError):
    return None
  valid = np.isfinite([lat, lng]).all() and abs(lat) <= 90 and abs(lng) <= 180
  return np.asarray([lat, lng]) if valid else None


def _degrees(parts: tuple, negative: bool) -> float:
  degrees, minutes, seconds = (float(part) for part in parts)
  value = degrees + minutes / 60 + seconds / 3600
  return -value if negative else value
