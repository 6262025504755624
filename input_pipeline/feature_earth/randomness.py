"""Random numbers that are pure functions of integers.

Everything that decides a place, a label or a split is made of integers and of
+, -, *, / and square roots, which IEEE 754 rounds alike on every machine; sine,
logarithm and the like are kept for what is only looked at.
"""

import zlib

from jaxtyping import Float, Int, UInt64
import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_53_BITS = 1.0 / (1 << 53)

Counter = str | int | np.integer | np.ndarray


def bits(*counters: Counter) -> UInt64[np.ndarray, '*n']:
  """64 random bits for each tuple of `counters` (names, ints, arrays)."""
  state = np.zeros((), np.uint64)
  with np.errstate(over='ignore'):
    for counter in counters:
      state = _mix((state ^ _as_uint64(counter)) + _GOLDEN)
  return np.asarray(state)


def uniform(*counters: Counter) -> Float[np.ndarray, '*n']:
  """Uniform in [0, 1)."""
  return np.asarray((bits(*counters) >> np.uint64(11)) * _53_BITS)


def bell(*counters: Counter) -> Float[np.ndarray, '*n']:
  """Mean 0, variance 1, within ±3.5: a sum of four uniforms."""
  total = uniform(*counters, 0) + uniform(*counters, 1)
  total = total + uniform(*counters, 2) + uniform(*counters, 3)
  return np.asarray((total - 2) * np.sqrt(3.0))


def below(limit: int, *counters: Counter) -> Int[np.ndarray, '*n']:
  """Integers in [0, limit)."""
  return np.asarray(bits(*counters) % np.uint64(limit)).astype(np.int64)


def zipf(num: int, offset: int, *counters: Counter) -> Int[np.ndarray, '*n']:
  """Ranks in [0, num) with weight 1 / (rank + offset)."""
  # Integer weights: their sums are exact in any order.
  ends = np.cumsum(10**9 // (np.arange(num, dtype=np.int64) + offset))
  return np.searchsorted(ends, below(int(ends[-1]), *counters), side='right')


def generator(*counters: Counter) -> np.random.Generator:
  """A stream of its own for each tuple of `counters`."""
  key = [int(bits('key', half, *counters)) for half in (0, 1)]
  return np.random.Generator(np.random.Philox(
      key=np.asarray(key, np.uint64)))


def _as_uint64(counter: Counter) -> np.ndarray:
  if isinstance(counter, str):
    return np.asarray(zlib.crc32(counter.encode()), np.uint64)
  return np.asarray(counter).astype(np.int64).astype(np.uint64)


def _mix(state: np.ndarray | np.uint64) -> np.ndarray:
  """The finaliser of splitmix64 (Steele, Lea, Flood 2014)."""
  state = (state ^ (state >> np.uint64(30))) * _MIX_1
  state = (state ^ (state >> np.uint64(27))) * _MIX_2
  return np.asarray(state ^ (state >> np.uint64(31)))
