"""Copies of pictures among rows: cropped, compressed, mirrored, framed.

  query, mirrored or not     rows
    whole ───────────────── whole       low frequencies of luma and chroma:
    whole ───────────────── middle      some rows each, by exact search
    middle ──────────────── whole                 │
                                                  ▼
                     do thumbnails agree (windows.py)? ─▶ pairs
"""

import dataclasses

from jaxtyping import Float, Int, UInt8
import numpy as np
from pinpoint_jax import blocks
from pinpoint_jax.audit import pairs as pairs_lib
from pinpoint_jax.audit import prints as prints_lib
from pinpoint_jax.audit import windows
from pinpoint_jax.features import progress
from pinpoint_jax.images import fingerprint
from pinpoint_jax.search import exact
from pinpoint_jax.search import vectors as vectors_lib

# Off each side for the middle of a picture.
_INSET = .08
_LUMA_WAVES, _CHROMA_WAVES = 8, 4
_LUMA_PARTS = 16
_READ_ROWS = 16384
_QUERIES = 256
_TINY = 1e-6


@dataclasses.dataclass(frozen=True)
class Settings:
  """How copies are looked for.

  Attributes:
    num_candidates: rows that each comparison proposes to a query.
    min_agreement: of a copy's thumbnails; docs/audit.md says how it was chosen.
  """

  num_candidates: int = 8
  min_agreement: float | int = .9246

  def __post_init__(self):
    if self.num_candidates < 1:
      raise ValueError(f'num_candidates={self.num_candidates}: must be at '
                       f'least 1')
    if not 0 < self.min_agreement <= 1:
      raise ValueError(f'min_agreement={self.min_agreement}: must be above 0 '
                       f'and at most 1')


class Finder:
  """Pictures among which copies are looked for."""

  def __init__(self, prints: prints_lib.Prints, chosen: Int[np.ndarray, 'g'],
               settings: Settings = Settings()):
    """`chosen` are the rows of `prints` that count, numbered as they come."""
    self._prints, self._chosen, self._settings = prints, chosen, settings
    whole, middle = (np.empty((len(chosen), _num_waves()), np.float16)
                     for _ in range(2))
    for part in blocks.slices(len(chosen), _READ_ROWS):
      read = prints.take(chosen[part])
      whole[part], middle[part] = waves(read), waves(read, _INSET)
    self._whole, self._middle = (exact.Exact(vectors_lib.Vectors(rows))
                                 for rows in (whole, middle))

  def find(self, queries: UInt8[np.ndarray, 'b 1168']) -> pairs_lib.Pairs:
    """Rows that are copies of each query, or of a part of it, or contain it."""
    parts = []
    shown = progress.Progress(len(queries), unit='pictures')
    for part in blocks.slices(len(queries), _QUERIES):
      query, row, value = self._some(queries[part])
      parts.append((query + part.start, row, value))
      shown.add(part.stop - part.start)
    shown.finish()
    query, row, value = map(np.concatenate, zip(*parts))
    return pairs_lib.collected(len(queries), query, row, value)

  def candidates(self, queries: UInt8[np.ndarray, 'b 1168']) -> Int[
      np.ndarray, 'm 3']:
    """Query, row and whether mirrored, of every pair worth a closer look."""
    seen = []
    for mirrored in (False, True):
      whole, middle = (waves(queries, inset, mirrored)
                       for inset in (0., _INSET))
      for left, right in ((whole, self._whole), (whole, self._middle),
                          (middle, self._whole)):
        rows = right.search(left, self._settings.num_candidates).rows
        query = np.repeat(np.arange(len(queries)), rows.shape[1])
        seen.append(np.stack([query, rows.ravel(),
                              np.full(rows.size, int(mirrored))], axis=1))
    pairs = np.unique(np.concatenate(seen), axis=0)
    return pairs[pairs[:, 1] >= 0]

  def _some(self, queries: UInt8[np.ndarray, 'b 1168']) -> tuple[
      np.ndarray, np.ndarray, np.ndarray]:
    query, row, mirrored = self.candidates(queries).T
    value = windows.agreement(
        windows.Thumbnails.of(queries[query], mirrored == 1),
        windows.Thumbnails.of(self._prints.take(self._chosen[row])))
    alike = value >= self._settings.min_agreement
    return query[alike], row[alike], value[alike]


def waves(prints: UInt8[np.ndarray, 'n 1168'], inset: float = 0.,
          mirrored: bool = False) -> Float[np.ndarray, 'n 95']:
  """Low frequencies of a picture, or of its middle, of unit length."""
  ends = np.asarray(inset), np.asarray(1 - inset)
  turn = -1 if mirrored else 1
  luma = _cosines(_LUMA_PARTS, _LUMA_WAVES) @ windows.weights(
      *ends, _LUMA_PARTS, fingerprint.LUMA_SIDE)
  chroma = _cosines(fingerprint.CHROMA_SIDE, _CHROMA_WAVES) @ windows.weights(
      *ends, fingerprint.CHROMA_SIDE, fingerprint.CHROMA_SIDE)
  # How bright it is on the whole is the camera's; what colour, the picture's.
  light = (luma @ fingerprint.lumas(prints)[..., ::turn] @ luma.T).reshape(
      len(prints), -1)[:, 1:]
  colour = (chroma @ fingerprint.chromas(prints)[..., ::turn]
            @ chroma.T).reshape(len(prints), -1)
  return np.concatenate([_unit(light), _unit(colour)], axis=1) / np.sqrt(2)


def _num_waves() -> int:
  return _LUMA_WAVES**2 - 1 + 2 * _CHROMA_WAVES**2


def _cosines(count: int, waves: int) -> Float[np.ndarray, 'waves count']:
  place = (np.arange(count) + .5) / count
  return np.cos(np.pi * np.arange(waves)[:, None] * place).astype(np.float32)


def _unit(rows: Float[np.ndarray, 'n d']) -> Float[np.ndarray, 'n d']:
  return rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(_TINY)
