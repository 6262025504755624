"""Bytes to upright RGB pixels, or one refusal with its reason.

Defined conversions: transparency is laid on mid grey; 16-bit grey is scaled
by 1/257; float images are taken as 0..1 (0..255 where they exceed 1); CMYK
and palettes go through Pillow; ICC profiles are not applied; EXIF orientation
is applied; of an animation the first frame is taken and noted. HEIC needs
pillow_heif. `decode` is safe to call from several threads.
"""

import dataclasses
import datetime
import io
import warnings

from jaxtyping import Float
import numpy as np
from PIL import Image as PilImage
from PIL import ImageOps, features
from pinpoint_jax import types

try:
  import pillow_heif
  pillow_heif.register_heif_opener()
except ImportError:
  pillow_heif = None

FORMATS = ('JPEG', 'PNG', 'WEBP', 'GIF', 'BMP', 'TIFF',
           *(['AVIF'] if features.check('avif') else []),
           *(['HEIF'] if pillow_heif else []))
MAX_PIXELS = 100_000_000
# Counting the frames of these walks the file, which a bomb can make long.
_WALKED, _WALK_BYTES = ('GIF', 'TIFF'), 1 << 20
_SIGNATURES = (b'\xff\xd8\xff', b'\x89PNG', b'GIF8', b'II*\0', b'MM\0*')
_HEIC_BRANDS = (b'heic', b'heix', b'hevc', b'heim', b'heis', b'mif1', b'msf1')
_BACKGROUND = (128, 128, 128, 255)
_GPS_IFD, _EXIF_IFD = 0x8825, 0x8769
# DateTimeOriginal, DateTimeDigitized; DateTime is of the last change.
_TAKEN = (0x9003, 0x9004)

# The size is checked below, against our limit rather than Pillow's. Set once:
# warnings.catch_warnings is not safe among threads.
warnings.filterwarnings('ignore', category=PilImage.DecompressionBombWarning)


class BadImage(ValueError):
  """Bytes that give no pixels; `reason` is one word for counting.

  empty, not_an_image, format (known, but not readable here), too_large,
  truncated, damaged or, from readers, unreadable.
  """

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
  frame, notes, latlng_deg = _decode(data, max_pixels)
  return DecodedImage(np.array(frame), notes, latlng_deg)


def picture(data: bytes, max_pixels: int = MAX_PIXELS) -> PilImage.Image:
  """As `decode`, but the pixels stay a Pillow picture: no copy is made."""
  return _decode(data, max_pixels)[0]


def header(data: bytes, max_pixels: int = MAX_PIXELS) -> PilImage.Image:
  """The picture before its pixels are decoded: what EXIF is read from."""
  if not data:
    raise BadImage('empty', 'the file has 0 bytes')
  frame = _open(data)
  _check_size(frame, max_pixels)
  return frame


def from_picture(picture: PilImage.Image,
                 max_pixels: int = MAX_PIXELS) -> DecodedImage:
  """As `decode`, of an open Pillow picture, which stays as it is."""
  _check_size(picture, max_pixels)
  try:
    own = picture.copy()
  except Exception as error:
    raise BadImage('damaged', str(error) or type(error).__name__) from error
  frame, notes, latlng_deg = _upright(own, b'')
  return DecodedImage(np.array(frame), notes, latlng_deg)


def _decode(data: bytes, max_pixels: int) -> tuple[
    PilImage.Image, tuple[str, ...], np.ndarray | None]:
  return _upright(header(data, max_pixels), data)


def _check_size(frame: PilImage.Image, max_pixels: int) -> None:
  """From the header alone."""
  width, height = frame.size
  if width * height > max_pixels:
    raise BadImage('too_large', f'{width}×{height} pixels, more than '
                   f'{max_pixels:,}')


def _upright(frame: PilImage.Image, data: bytes) -> tuple[
    PilImage.Image, tuple[str, ...], np.ndarray | None]:
  # Hostile bytes make Pillow raise nearly anything, IndexError included.
  try:
    notes, latlng_deg = _frame_notes(frame, data), exif_latlng_deg(frame)
    frame.load()  # A truncated file raises here: never a half-grey picture.
    ImageOps.exif_transpose(frame, in_place=True)
    frame = _to_rgb(frame)
  except Exception as error:
    reason = 'truncated' if 'truncated' in str(error) else 'damaged'
    raise BadImage(reason, str(error) or type(error).__name__) from error
  return frame, notes, latlng_deg


def _open(data: bytes) -> PilImage.Image:
  """Reads the header only."""
  try:
    return PilImage.open(io.BytesIO(data), formats=FORMATS)
  except PilImage.DecompressionBombError as error:
    raise BadImage('too_large', str(error)) from error
  except Exception as error:
    raise _why_not_opened(data) from error


def _why_not_opened(data: bytes) -> BadImage:
  if data[4:8] == b'ftyp' and data[8:12] in _HEIC_BRANDS and not pillow_heif:
    return BadImage('format', 'this is HEIC: install pinpoint_jax[heic]')
  if data.startswith(_SIGNATURES):
    return BadImage('damaged', f'a picture by its first bytes {data[:8]!r}, '
                    f'but its header is cut or broken')
  return BadImage('not_an_image', f'no {"/".join(FORMATS)}; the file starts '
                  f'with {data[:16]!r}')


def _frame_notes(picture: PilImage.Image, data: bytes) -> tuple[str, ...]:
  if not getattr(picture, 'is_animated', False):
    return ()
  if picture.format in _WALKED and len(data) > _WALK_BYTES:
    return ('first frame of many',)
  return (f'first frame of {picture.n_frames}',)


def _to_rgb(picture: PilImage.Image) -> PilImage.Image:
  if picture.mode == 'RGB' and not picture.has_transparency_data:
    return picture
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
    lat = _degrees(gps[2], gps[1], 'NS')
    lng = _degrees(gps[4], gps[3], 'EW')
  except Exception:  # As above; a broken GPS block is no reason to refuse.
    return None
  valid = np.isfinite([lat, lng]).all() and abs(lat) <= 90 and abs(lng) <= 180
  return np.asarray([lat, lng]) if valid else None


def exif_day(picture: PilImage.Image) -> str:
  """The day on which it was taken by the camera's clock, 2024-05-31, or ''."""
  try:
    tags = picture.getexif().get_ifd(_EXIF_IFD)
  except Exception:  # As above.
    return ''
  for tag in _TAKEN:
    try:
      day = str(tags[tag])[:10]
      return datetime.datetime.strptime(day, '%Y:%m:%d').date().isoformat()
    except (KeyError, ValueError):
      continue
  return ''


def _degrees(parts: tuple, side: str, sides: str) -> float:
  degrees, minutes, seconds = (float(part) for part in parts)
  sign = {sides[0]: 1, sides[1]: -1}[side.strip('\0 ').upper()]
  return sign * (degrees + minutes / 60 + seconds / 3600)
