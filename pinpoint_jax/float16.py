"""float16 as float32, bit for bit as numpy widens it, in a fifth of its time.

  float16    s eeeee mmmmmmmmmm
  float32    s 000eeeee mmmmmmmmmm 0000000000000   · 2¹¹², for the exponents'
                                                     other zero

Where the processor has instructions for it numpy takes them and is as fast.
"""

from jaxtyping import Float, Shaped
import numpy as np
from pinpoint_jax import blocks

# Numbers at a time: they stay in the cache.
_BLOCK = 1 << 16
_SCALE = np.float32(2.**112)
_EXPONENT = np.int16(0x7c00)
# All but the copies of the sign.
_KEPT = np.uint32(0x8fffe000).astype(np.int32)
# 2⁻²⁴, the smallest of float16, as its bits lie in a float32.
_SMALLEST = np.full(1, 1 << 13, np.int32).view(np.float32)


def widened(rows: Shaped[np.ndarray, '...']) -> Float[np.ndarray, '...']:
  """The same numbers as float32; only float16 is copied for certain."""
  if rows.dtype != np.float16 or not _keeps_small_numbers():
    return np.asarray(rows, np.float32)
  halves = np.ascontiguousarray(rows).reshape(-1).view(np.int16)
  bits = np.empty(halves.shape, np.int32)
  for part in blocks.slices(len(halves), _BLOCK):
    half, wide = halves[part], bits[part]
    wide[...] = half  # With 17 copies of the sign before it.
    wide <<= 13
    wide &= _KEPT
    values = wide.view(np.float32)
    values *= _SCALE
    odd = (half & _EXPONENT) == _EXPONENT
    if odd.any():  # Infinite or no number.
      values[odd] = half.view(np.float16)[odd].astype(np.float32)
  return bits.view(np.float32).reshape(rows.shape)


def _keeps_small_numbers() -> bool:
  """Whether this thread's arithmetic does not round them to zero.

  A library may have told the processor to.
  """
  return bool((_SMALLEST * _SCALE)[0] == np.float32(2.**-24))
