"""How well two thumbnails agree if one is a part of the other.

  luma of a, made even ─▶ 36 windows of it, 8 × 8 each ─┐
  luma of b, made even ─▶ all of it, 8 × 8             ─┴▶ best correlation
            ─▶ that window moved and stretched, 16 × 16 ─▶ best correlation
  luma      ─▶ in that window: share of its power that is the same ─┐
  chroma    ─▶ in that window: share of its power that is the same ─┴▶ mean

and b's windows against all of a. Where the window lies is told by lumas without
what is darker over a large part of both, as sky over ground: that is alike in
most pictures. Whether it is a copy is told by lumas as they are: two rooms with
the same things in the same places have the same edges, but not the same light.
"""

import dataclasses
import functools

from jaxtyping import Float, Int, UInt8
import numpy as np
from pinpoint_jax.images import fingerprint

_SIDE, _CHROMA_SIDE = fingerprint.LUMA_SIDE, fingerprint.CHROMA_SIDE
_COARSE, _FINE = 8, 16
# Windows begin and end at whole numbers of steps of a side; their middle is
# always in them.
_STEPS, _MIDDLE = 80, 40
# To begin with a window is as large as one of these; where it begins.
_SIZES, _APART = (80, 72, 64), 8
# Pairs whose best coarse window correlates less are not looked at again.
_FLOOR = .5
# By how many steps ends are then moved, one after the other.
_MOVES = (4, 2, 1)
_EVEN_RADIUS = 3
# Of 255: differences that are noise where a picture is of one tone.
_NOISE = 8.
_TINY = 1e-3

Luma = Float[np.ndarray, 'n 32 32']
Chroma = Float[np.ndarray, 'n 2 8 8']
Numbers = Float[np.ndarray, 'n']
# Begin or end of windows, down and across.
Ends = Int[np.ndarray, 'n 2']


@dataclasses.dataclass(frozen=True)
class Thumbnails:
  """Luma and chroma of pictures, as fingerprint.py describes them."""

  luma: Luma
  chroma: Chroma

  @classmethod
  def of(cls, prints: UInt8[np.ndarray, 'n 1168']) -> 'Thumbnails':
    """Those of fingerprints."""
    return cls(fingerprint.lumas(prints), fingerprint.chromas(prints))

  def with_mirrored(self) -> 'Thumbnails':
    """All of them, then all of them mirrored."""
    return Thumbnails(*(np.concatenate([part, part[..., ::-1]])
                        for part in (self.luma, self.chroma)))

  # What each pair reads of both its pictures is made once for each picture.
  @functools.cached_property
  def even(self) -> Luma:
    """Luma without what is darker over a large part of a picture."""
    return self.luma - _blur() @ self.luma @ _blur().T

  @functools.cached_property
  def coarse(self) -> Float[np.ndarray, 'n 64']:
    """The whole, even, in 8 × 8 parts: unit vectors around their mean."""
    return _unit(_all_of(self.even, _COARSE))

  @functools.cached_property
  def windows(self) -> Float[np.ndarray, 'n 36 64']:
    """Each window so."""
    num, line = len(_windows()), _cut(*_windows().T, _COARSE, _SIDE).reshape(
        -1, _SIDE)
    seen = (line @ self.even @ line.T).reshape(
        -1, num, _COARSE, num, _COARSE).transpose(0, 1, 3, 2, 4)
    return _unit(seen.reshape(-1, num**2, _COARSE**2))


def agreement(left: Thumbnails, right: Thumbnails,
              pairs: Int[np.ndarray, 'm 2']) -> Float[np.ndarray, 'm']:
  """Of each pair of numbers, 1 where one is exactly a part of the other; -1 is
  none."""
  return np.maximum(_inside(left, right, *pairs.T),
                    _inside(right, left, *pairs.T[::-1]))


def weights(low: Float[np.ndarray, '*n'], high: Float[np.ndarray, '*n'],
            count: int, side: int) -> Float[np.ndarray, '*n count side']:
  """What each of `side` pixels adds to each of `count` equal parts of a line
  from low to high, both shares of the line."""
  edges = side * (low[..., None] + (high - low)[..., None]
                  * np.linspace(0, 1, count + 1))
  pixel = np.arange(side)
  overlap = (np.minimum(edges[..., 1:, None], pixel + 1)
             - np.maximum(edges[..., :-1, None], pixel)).clip(0)
  total = overlap.sum(axis=-1, keepdims=True)
  return (overlap / np.where(total > 0, total, 1)).astype(np.float32)


@functools.cache
def _windows() -> Int[np.ndarray, 'v 2']:
  return np.asarray([(begin, begin + size) for size in _SIZES
                     for begin in range(0, _STEPS - size + 1, _APART)])


@functools.cache
def _blur() -> Float[np.ndarray, 's s']:
  near = np.abs(np.subtract.outer(np.arange(_SIDE), np.arange(_SIDE)))
  inside = (near <= _EVEN_RADIUS).astype(np.float32)
  return inside / inside.sum(axis=1, keepdims=True)


@functools.cache
def _all_weights(count: int, side: int) -> Float[np.ndarray, 'b e count side']:
  """Of every window, by where it begins and where it ends behind the middle."""
  low, high = np.meshgrid(np.arange(_MIDDLE + 1),
                          np.arange(_MIDDLE, _STEPS + 1), indexing='ij')
  return weights(low / _STEPS, high / _STEPS, count, side)


def _cut(low: Int[np.ndarray, '*n'] | int, high: Int[np.ndarray, '*n'] | int,
         count: int, side: int) -> Float[np.ndarray, '*n count side']:
  return _all_weights(count, side)[low, high - _MIDDLE]


def _all_of(luma: Luma, count: int) -> Float[np.ndarray, 'n m']:
  """Count × count equal parts of the whole."""
  line = _cut(0, _STEPS, count, _SIDE)
  return (line @ luma @ line.T).reshape(-1, count**2)


def _unit(parts: Float[np.ndarray, '*n m']) -> Float[np.ndarray, '*n m']:
  parts = parts - parts.mean(axis=-1, keepdims=True)
  return parts / np.linalg.norm(parts, axis=-1, keepdims=True).clip(_TINY)


def _inside(outer: Thumbnails, inner: Thumbnails, at_outer: Int[
    np.ndarray, 'm'], at_inner: Int[np.ndarray, 'm']) -> Numbers:
  """The agreement of the best window of `outer` with all of `inner`."""
  best = np.full(len(at_outer), -1.)
  cosines = np.matmul(outer.windows[at_outer],
                      inner.coarse[at_inner][..., None])[..., 0]
  at = np.flatnonzero(cosines.max(axis=1, initial=-1.) >= _FLOOR)
  if len(at):
    o, i = at_outer[at], at_inner[at]
    window = np.divmod(cosines[at].argmax(axis=1), len(_windows()))
    ends = _refined(outer.even[o], inner.even[i], np.stack(window, axis=1))
    best[at] = (_same(outer.luma[o, None], inner.luma[i, None], *ends, _FINE,
                      True)
                + _same(outer.chroma[o], inner.chroma[i], *ends, _CHROMA_SIDE,
                        False)) / 2
  return best


def _same(outer: Float[np.ndarray, 'n c s s'],
          inner: Float[np.ndarray, 'n c s s'], low: Ends, high: Ends,
          count: int, around_mean: bool) -> Numbers:
  """1 less the share of the power in which the window differs."""
  side = outer.shape[-1]
  down, across = (_cut(low[:, i], high[:, i], count, side)[:, None]
                  for i in (0, 1))
  line = _cut(0, _STEPS, count, side)
  window = down @ outer @ across.swapaxes(-1, -2)
  whole = line @ inner @ line.T
  if around_mean:  # How bright it is on the whole is the camera's.
    window, whole = (x - x.mean(axis=(2, 3), keepdims=True)
                     for x in (window, whole))
  differing, power, other = (np.einsum('ncij,ncij->n', x, x) / x[0].size
                             for x in (window - whole, window, whole))
  return 1 - differing / ((power + other) / 2 + _NOISE**2)


def _refined(outer: Luma, inner: Luma, window: Ends) -> tuple[Ends, Ends]:
  """Where the best window begins and ends near one, its ends moved in turn."""
  low, high = (_windows()[window, end] for end in (0, 1))
  moves = np.asarray([(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)])
  target = _unit(_all_of(inner, _FINE))
  rows = np.arange(len(outer))
  for steps in _MOVES:
    for axis in (0, 1):
      tried = [(end[:, axis, None] + steps * moves[:, i]).clip(0, _STEPS)
               for i, end in enumerate((low, high))]
      chosen = _correlation(
          _moved(outer, axis, tried, low[:, 1 - axis], high[:, 1 - axis]),
          target).argmax(axis=1)
      low[:, axis], high[:, axis] = (ends[rows, chosen] for ends in tried)
  return low, high


def _moved(outer: Luma, axis: int, tried: list[np.ndarray],
           low: Int[np.ndarray, 'n'], high: Int[np.ndarray, 'n'],
           ) -> Float[np.ndarray, 'n m 256']:
  """Windows with several ends along one axis and given ends along the other."""
  num = tried[0].shape[1]
  across = _cut(low, high, _FINE, _SIDE)
  along = _cut(*tried, _FINE, _SIDE).reshape(-1, num * _FINE, _SIDE)
  picture = outer if axis == 0 else outer.transpose(0, 2, 1)
  seen = (along @ (picture @ across.transpose(0, 2, 1))).reshape(
      -1, num, _FINE, _FINE)
  if axis:
    seen = seen.transpose(0, 1, 3, 2)
  return seen.reshape(-1, num, _FINE**2)


def _correlation(seen: Float[np.ndarray, 'n m p'],
                 target: Float[np.ndarray, 'n p']) -> Float[np.ndarray, 'n m']:
  """Of each of m windows with one target that is a unit vector around 0."""
  mean = seen.mean(axis=2)
  squares = np.einsum('nmp,nmp->nm', seen, seen) - seen.shape[2] * mean**2
  product = (seen @ target[:, :, None])[..., 0]
  return product / np.sqrt(squares.clip(_TINY))
