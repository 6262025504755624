"""How well two thumbnails agree if one is a part of the other.

  luma of a ─▶ 36 windows of it, 8 × 8 each ─┐
  luma of b ─▶ all of it, 8 × 8             ─┴▶ is the best correlation enough?
            ─▶ that window moved and stretched, 16 × 16 ─▶ the best correlation
  chroma    ─▶ in that window: how much of the colour differs
            ─▶ agreement: the lower of both

and b's windows against all of a. Lumas are made even first: what is darker over
a large part of both, as sky over ground, says nothing. Two pictures of one
street agree in their edges but not in their colours, or the other way round.
"""

import dataclasses

from jaxtyping import Bool, Float, Int, UInt8
import numpy as np
from pinpoint_jax import blocks
from pinpoint_jax.images import fingerprint

_SIDE, _CHROMA_SIDE = fingerprint.LUMA_SIDE, fingerprint.CHROMA_SIDE
_COARSE, _FINE = 8, 16
# Of a side: a window is as large as one of these, and where it begins.
_SIZES, _STEP = (1., .9, .8), .1
# Pairs whose best coarse window correlates less are not looked at again.
_FLOOR = .5
_FINE_STEPS = (.05, .025, .0125)
_EVEN_RADIUS = 3
# Of 255: differences of colour that are noise where there is no colour.
_CHROMA_NOISE = 8.
_BLOCK = 256
_TINY = 1e-3

Luma = Float[np.ndarray, 'n 32 32']
Chroma = Float[np.ndarray, 'n 2 8 8']
Numbers = Float[np.ndarray, 'n']


@dataclasses.dataclass(frozen=True)
class Thumbnails:
  """Luma and chroma of pictures, as fingerprint.py describes them."""

  luma: Luma
  chroma: Chroma

  @classmethod
  def of(cls, prints: UInt8[np.ndarray, 'n 1168'],
         mirrored: Bool[np.ndarray, 'n'] | None = None) -> 'Thumbnails':
    """Those of fingerprints, some of them mirrored."""
    luma, chroma = fingerprint.lumas(prints), fingerprint.chromas(prints)
    if mirrored is not None:
      luma[mirrored] = luma[mirrored, :, ::-1]
      chroma[mirrored] = chroma[mirrored, :, :, ::-1]
    return cls(luma, chroma)

  def __len__(self) -> int:
    return len(self.luma)

  def take(self, rows: slice | Int[np.ndarray, 'm']) -> 'Thumbnails':
    """Some of them."""
    return Thumbnails(self.luma[rows], self.chroma[rows])


def agreement(left: Thumbnails, right: Thumbnails) -> Numbers:
  """Of each pair, 1 where one is exactly a part of the other; -1 is none."""
  best = np.full(len(left), -1.)
  for part in blocks.slices(len(left), _BLOCK):
    pair = left.take(part), right.take(part)
    best[part] = np.maximum(_inside(*pair), _inside(*pair[::-1]))
  return best


def weights(low: Float[np.ndarray, '*n'], high: Float[np.ndarray, '*n'],
            count: int, side: int) -> Float[np.ndarray, '*n count side']:
  """What each of `side` pixels adds to each of `count` equal parts of a line
  from low to high, both shares of the line."""
  edges = side * (low[..., None] + (high - low)[..., None]
                  * np.linspace(0, 1, count + 1))
  pixel = np.arange(side)
  overlap = (np.minimum(edges[..., 1:, None], pixel + 1)
             - np.maximum(edges[..., :-1, None], pixel)).clip(0)
  return (overlap / overlap.sum(axis=-1, keepdims=True)).astype(np.float32)


def whole(count: int, side: int) -> Float[np.ndarray, 'count side']:
  """Weights of equal parts of a whole line."""
  return weights(np.zeros(()), np.ones(()), count, side)


def _windows() -> Float[np.ndarray, 'v 2']:
  return np.asarray([
      (number * _STEP, number * _STEP + size) for size in _SIZES
      for number in range(round((1 - size) / _STEP) + 1)])


def _blur() -> Float[np.ndarray, 's s']:
  near = np.abs(np.subtract.outer(np.arange(_SIDE), np.arange(_SIDE)))
  inside = (near <= _EVEN_RADIUS).astype(np.float32)
  return inside / inside.sum(axis=1, keepdims=True)


_WINDOWS, _BLUR = _windows(), _blur()
_COARSE_WEIGHTS = weights(*_WINDOWS.T, _COARSE, _SIDE).reshape(-1, _SIDE)


def _even(luma: Luma) -> Luma:
  return luma - _BLUR @ luma @ _BLUR.T


def _inside(outer: Thumbnails, inner: Thumbnails) -> Numbers:
  """The best agreement of a window of `outer` with all of `inner`."""
  best = np.full(len(outer), -1.)
  even = _even(outer.luma), _even(inner.luma)
  coarse, window = _best_window(*even)
  at = np.flatnonzero(coarse >= _FLOOR)
  if len(at):
    fine, low, high = _refined(even[0][at], even[1][at], window[at])
    best[at] = np.minimum(fine, _colour(outer.chroma[at], inner.chroma[at],
                                        low, high))
  return best


def _colour(outer: Chroma, inner: Chroma, low: Float[np.ndarray, 'n 2'],
            high: Float[np.ndarray, 'n 2']) -> Numbers:
  """1 less the share of the colours' power in which the window differs."""
  down, across = (weights(low[:, i], high[:, i], _CHROMA_SIDE, _CHROMA_SIDE)
                  [:, None] for i in (0, 1))
  seen = down @ outer @ across.transpose(0, 1, 3, 2)
  differing, power, other = (
      (x**2).mean(axis=(1, 2, 3)) for x in (seen - inner, seen, inner))
  return 1 - differing / ((power + other) / 2 + _CHROMA_NOISE**2)


def _best_window(outer: Luma, inner: Luma) -> tuple[
    Numbers, Int[np.ndarray, 'n 2']]:
  """Its correlation, and which of _WINDOWS it is down and across."""
  num = len(_WINDOWS)
  seen = _COARSE_WEIGHTS @ outer @ _COARSE_WEIGHTS.T
  seen = seen.reshape(-1, num, _COARSE, num, _COARSE).transpose(0, 1, 3, 2, 4)
  found = _correlation(seen.reshape(-1, num * num, _COARSE**2),
                       _all_of(inner, _COARSE))
  return found.max(axis=1), np.stack(
      np.divmod(found.argmax(axis=1), num), axis=1)


def _refined(outer: Luma, inner: Luma, window: Int[np.ndarray, 'n 2'],
             ) -> tuple[Numbers, Float[np.ndarray, 'n 2'],
                        Float[np.ndarray, 'n 2']]:
  """The best correlation near a window, whose ends are moved in turn, and
  where it then begins and ends, down and across."""
  low, high = (_WINDOWS[window, end] for end in (0, 1))
  moves = np.asarray([(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)])
  target = _all_of(inner, _FINE)
  rows = np.arange(len(outer))
  best = np.full(len(outer), -1.)
  for step in _FINE_STEPS:
    for axis in (0, 1):
      tried = [(end[:, axis, None] + step * moves[:, i]).clip(0, 1)
               for i, end in enumerate((low, high))]
      found = _correlation(
          _moved(outer, axis, tried, low[:, 1 - axis], high[:, 1 - axis]),
          target)
      chosen = found.argmax(axis=1)
      best = found[rows, chosen]
      low[:, axis], high[:, axis] = (ends[rows, chosen] for ends in tried)
  return best, low, high


def _moved(outer: Luma, axis: int, tried: list[np.ndarray],
           low: Numbers, high: Numbers) -> Float[np.ndarray, 'n m 256']:
  """Windows with several ends along one axis and given ends along the other."""
  across = weights(low, high, _FINE, _SIDE)
  along = weights(*tried, _FINE, _SIDE)
  picture = outer if axis == 0 else outer.transpose(0, 2, 1)
  seen = along @ (picture @ across.transpose(0, 2, 1))[:, None]
  if axis:
    seen = seen.transpose(0, 1, 3, 2)
  return seen.reshape(*seen.shape[:2], _FINE**2)


def _all_of(luma: Luma, count: int) -> Float[np.ndarray, 'n m']:
  """Count × count equal parts, as unit vectors around their mean."""
  line = whole(count, _SIDE)
  parts = (line @ luma @ line.T).reshape(-1, count**2)
  parts = parts - parts.mean(axis=1, keepdims=True)
  return parts / np.linalg.norm(parts, axis=1, keepdims=True).clip(_TINY)


def _correlation(seen: Float[np.ndarray, 'n m p'],
                 target: Float[np.ndarray, 'n p']) -> Float[np.ndarray, 'n m']:
  """Of each of m windows with one target that is a unit vector around 0."""
  mean = seen.mean(axis=2)
  squares = np.einsum('nmp,nmp->nm', seen, seen) - seen.shape[2] * mean**2
  product = (seen @ target[:, :, None])[..., 0]
  return product / np.sqrt(squares.clip(_TINY))
