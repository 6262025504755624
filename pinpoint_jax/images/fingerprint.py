"""What tells a picture from others and betrays its copies, in 1,168 bytes.

  picture ─▶ hash of its size and all its pixels: equal pixels, nothing else
          ─▶ borders of one colour taken off ─▶ 32 × 32 of luma, 8 × 8 of both
             chromas: what audit/copies.py compares

A thumbnail rather than a hash of 64 bits: where two pictures may be parts of
one another has to be looked for, and bits of the whole cannot be moved.
"""

from jaxtyping import Bool, Float, UInt8
import numpy as np
from PIL import Image as PilImage
import xxhash

# Changes with what follows: fingerprints of two versions are not comparable.
VERSION = 1
LUMA_SIDE, CHROMA_SIDE = 32, 8
_HASH_BYTES = 16
_LUMA_END = _HASH_BYTES + LUMA_SIDE**2
NUM_BYTES = _LUMA_END + 2 * CHROMA_SIDE**2
# Of a line of a border: how far its pixels spread and how far it may be from
# the first line, of 255; JPEG blurs both.
_SPREAD, _DRIFT = 6., 10.
_MOST_BORDER = 0.2  # Of a side.


def fingerprint(picture: PilImage.Image) -> UInt8[np.ndarray, '1168']:
  """The fingerprint of an upright RGB picture."""
  inner = picture.crop(_inside(np.asarray(picture.convert('L'), np.float32)))
  luma, *chromas = inner.convert('YCbCr').split()
  return np.concatenate([
      np.frombuffer(_pixel_hash(picture), np.uint8),
      _small(luma, LUMA_SIDE), *(_small(x, CHROMA_SIDE) for x in chromas)])


def pixel_hashes(prints: UInt8[np.ndarray, 'n 1168']) -> np.ndarray:
  """Hash of each picture's pixels, as 16 raw bytes that compare, [n]."""
  rows = np.ascontiguousarray(prints[:, :_HASH_BYTES])
  return rows.view(f'V{_HASH_BYTES}')[:, 0]


def lumas(prints: UInt8[np.ndarray, 'n 1168']) -> Float[np.ndarray, 'n 32 32']:
  """Thumbnails, 0 to 255, float32."""
  return prints[:, _HASH_BYTES:_LUMA_END].reshape(
      -1, LUMA_SIDE, LUMA_SIDE).astype(np.float32)


def chromas(prints: UInt8[np.ndarray, 'n 1168']) -> Float[
    np.ndarray, 'n 2 8 8']:
  """Both chromas around 0, float32."""
  return prints[:, _LUMA_END:].reshape(
      -1, 2, CHROMA_SIDE, CHROMA_SIDE).astype(np.float32) - 128


def _pixel_hash(picture: PilImage.Image) -> bytes:
  digest = xxhash.xxh3_128(f'{picture.size}'.encode())
  digest.update(picture.tobytes())
  return digest.digest()


def _small(channel: PilImage.Image, side: int) -> UInt8[np.ndarray, 'm']:
  # Pillow's bilinear filter is antialiased: it averages where it shrinks.
  return np.asarray(channel.resize((side, side), PilImage.BILINEAR)).ravel()


def _inside(grey: Float[np.ndarray, 'h w']) -> tuple[int, int, int, int]:
  """Left, top, right, bottom of what borders of one grey leave."""
  top, bottom = _ends(grey)
  left, right = _ends(grey[top:bottom].T)
  return left, top, right, bottom


def _ends(lines: Float[np.ndarray, 'n m']) -> tuple[int, int]:
  """First and last but one of the lines that are no border."""
  even, means = lines.std(axis=1) <= _SPREAD, lines.mean(axis=1)
  most = int(_MOST_BORDER * len(lines))
  first = _count(even[:most], means[:most])
  return first, len(lines) - _count(even[::-1][:most], means[::-1][:most])


def _count(even: Bool[np.ndarray, 'm'], means: Float[np.ndarray, 'm']) -> int:
  """How many lines from the first on are alike and of one grey."""
  border = even & (np.abs(means - means[:1]) <= _DRIFT)
  return int(len(border) if border.all() else border.argmin())
