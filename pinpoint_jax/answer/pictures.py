"""Whatever somebody calls a photo, to the pixels that a backbone reads.

  path, bytes, Pillow picture, uint8 array ─▶ upright RGB ─▶ pixel ops
"""

import dataclasses
import os
import pathlib
from typing import TypeAlias

import numpy as np
from PIL import Image as PilImage
from pinpoint_jax import types
from pinpoint_jax.images import decode, preprocess

Photo: TypeAlias = (str | os.PathLike[str] | bytes | PilImage.Image
                    | np.ndarray)
# A file of more is no photo: it is refused before it is read.
MAX_BYTES = 1 << 28


@dataclasses.dataclass(frozen=True)
class Picture:
  """One photo, ready for a backbone.

  Attributes:
    id: its path, or the name it was given.
    pixels: uint8 [h, w, 3]; None where the photo cannot be read.
    problem: why not; '' where it can.
    notes: of its decoding.
    exif_latlng_deg: where the file says it was taken.
  """

  id: str
  pixels: types.Image | None
  problem: str = ''
  notes: tuple[str, ...] = ()
  exif_latlng_deg: tuple[float, float] | None = None


def read(photo: Photo, name: str, prepare: preprocess.Op) -> Picture:
  """The pixels of a photo, or why there are none; never raises for a photo.

  name: its id, where it is no path.
  """
  if isinstance(photo, str | os.PathLike):
    name = os.fspath(photo)
  try:
    image = _decoded(photo)
    pixels = np.asarray(prepare(image.pixels))
  except decode.BadImage as error:
    return Picture(name, None, str(error))
  except MemoryError:
    return Picture(name, None, 'memory: the picture is too large for what is '
                   'left of it')
  place = image.exif_latlng_deg
  return Picture(name, pixels, '', image.notes,
                 None if place is None else tuple(place.tolist()))


def _decoded(photo: Photo) -> decode.DecodedImage:
  if isinstance(photo, str | os.PathLike):
    return decode.decode(_read_file(pathlib.Path(photo)))
  if isinstance(photo, bytes | bytearray | memoryview):
    return decode.decode(bytes(photo))
  if isinstance(photo, PilImage.Image):
    return decode.from_picture(photo)
  if isinstance(photo, np.ndarray):
    return decode.DecodedImage(_checked(photo), (), None)
  raise TypeError(f'a photo is a path, bytes, a Pillow picture or a uint8 '
                  f'array [h, w, 3], not {type(photo).__name__}')


def _read_file(path: pathlib.Path) -> bytes:
  try:
    size = path.stat().st_size
    if size > MAX_BYTES:
      raise decode.BadImage('too_large', f'{size:,} bytes, more than '
                            f'{MAX_BYTES:,}')
    if not path.is_file():
      raise decode.BadImage('unreadable', 'no file')
    return path.read_bytes()
  except (OSError, ValueError) as error:
    if isinstance(error, decode.BadImage):
      raise
    text = getattr(error, 'strerror', None) or str(error)
    raise decode.BadImage('unreadable', text) from error


def _checked(pixels: np.ndarray) -> types.Image:
  if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or (
      not pixels.size):
    raise decode.BadImage(
        'not_an_image', f'an array of {pixels.dtype} {list(pixels.shape)}; a '
        f'photo is uint8 [h, w, 3]')
  return pixels

