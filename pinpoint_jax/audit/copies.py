"""Copies of pictures among rows: cropped, compressed, mirrored, framed.

  query, mirrored or not     rows
    whole ───────────────── whole       low frequencies of luma and chroma:
    whole ───────────────── middle      some rows each, by exact search
    middle ──────────────── whole                 │
                                                  ▼
                     do thumbnails agree (windows.py)? ─▶ pairs
"""

from concurrent import futures
import dataclasses
import functools

from jaxtyping import Float, Int, UInt8
import numpy as np
from pinpoint_jax import blocks
from pinpoint_jax.audit import pairs as pairs_lib
from pinpoint_jax.audit import prints as prints_lib
from pinpoint_jax.audit import windows
from pinpoint_jax.features import progress
from pinpoint_jax.images import fingerprint
from pinpoint_jax.search import exact, exact_scores, scan
from pinpoint_jax.search import vectors as vectors_lib

# Off each side for the middle of a picture.
_INSET = .08
_LUMA_WAVES, _CHROMA_WAVES = 8, 4
_LUMA_PARTS = 16
_READ_ROWS = 16384
# Queries that are searched together, and whose pairs one thread takes.
_QUERIES, _TOGETHER = 512, 32
_TINY = 1e-6


@dataclasses.dataclass(frozen=True)
class Settings:
  """How copies are looked for.

  Attributes:
    num_candidates: rows that each comparison proposes to a query.
    min_agreement: of a copy's thumbnails; docs/audit.md says how it was chosen.
  """

  num_candidates: int = 8
  min_agreement: float | int = .9443

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
    for index, insets in ((self._whole, (0., _INSET)), (self._middle, (0.,))):
      ways = [(inset, mirrored) for mirrored in (False, True)
              for inset in insets]
      # Rows are read once for all ways of looking at the queries.
      nearest = index.search(
          np.concatenate([waves(queries, *way) for way in ways]),
          self._settings.num_candidates).rows.reshape(
              len(ways), len(queries), -1)
      for (_, mirrored), rows in zip(ways, nearest):
        query = np.repeat(np.arange(len(queries)), rows.shape[1])
        seen.append(np.stack([query, rows.ravel(),
                              np.full(rows.size, int(mirrored))], axis=1))
    pairs = np.unique(np.concatenate(seen), axis=0)
    return pairs[pairs[:, 1] >= 0]

  def _some(self, queries: UInt8[np.ndarray, 'b 1168']) -> tuple[
      np.ndarray, np.ndarray, np.ndarray]:
    pairs = self.candidates(queries)
    groups = np.split(pairs, np.searchsorted(
        pairs[:, 0], np.arange(_TOGETHER, len(queries), _TOGETHER)))
    with (scan.one_thread() as alone, futures.ThreadPoolExecutor(
        exact_scores.THREADS if alone else 1) as pool):
      value = np.concatenate(list(pool.map(
          lambda group: self._agreement(queries, group), groups)))
    alike = value >= self._settings.min_agreement
    return pairs[alike, 0], pairs[alike, 1], value[alike]

  def _agreement(self, queries: UInt8[np.ndarray, 'b 1168'],
                 pairs: Int[np.ndarray, 'm 3']) -> Float[np.ndarray, 'm']:
    query, at_query = np.unique(pairs[:, 0], return_inverse=True)
    row, at_row = np.unique(pairs[:, 1], return_inverse=True)
    return windows.agreement(
        windows.Thumbnails.of(queries[query]).with_mirrored(),
        windows.Thumbnails.of(self._prints.take(self._chosen[row])),
        np.stack([at_query + len(query) * pairs[:, 2], at_row], axis=1))


def waves(prints: UInt8[np.ndarray, 'n 1168'], inset: float = 0.,
          mirrored: bool = False) -> Float[np.ndarray, 'n 95']:
  """Low frequencies of a picture, or of its middle, of unit length."""
  luma = _pixel_weights(_LUMA_PARTS, _LUMA_WAVES, fingerprint.LUMA_SIDE, inset,
                        mirrored)
  side = fingerprint.CHROMA_SIDE
  chroma = _pixel_weights(side, _CHROMA_WAVES, side, inset, mirrored)
  # How bright it is on the whole is the camera's; what colour, the picture's.
  light = fingerprint.lumas(prints).reshape(len(prints), -1) @ luma.T[:, 1:]
  colour = fingerprint.chromas(prints).reshape(-1, 2, side**2) @ chroma.T
  return np.concatenate([_unit(light), _unit(colour.reshape(len(prints), -1))],
                        axis=1) / np.float32(np.sqrt(2))


def _num_waves() -> int:
  return _LUMA_WAVES**2 - 1 + 2 * _CHROMA_WAVES**2


@functools.cache
def _pixel_weights(parts: int, waves: int, side: int, inset: float,
                   mirrored: bool) -> Float[np.ndarray, 'w p']:
  """What each pixel adds to each pair of a wave down and a wave across."""
  line = _cosines(parts, waves) @ windows.weights(
      np.asarray(inset), np.asarray(1 - inset), parts, side)
  return np.kron(line, line[:, ::-1 if mirrored else 1])


def _cosines(count: int, waves: int) -> Float[np.ndarray, 'waves count']:
  place = (np.arange(count) + .5) / count
  return np.cos(np.pi * np.arange(waves)[:, None] * place).astype(np.float32)


def _unit(rows: Float[np.ndarray, 'n d']) -> Float[np.ndarray, 'n d']:
  return rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(_TINY)
