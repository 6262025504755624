"""A seeded world: its splits, block by block, any block alone.

  gallery_photo ─ authors ─ query_photo_known     (as YFCC4k)
                            query_photo_new       (as IM2GPS3k)
  gallery_street ─ ≥ 1 km ─ query_street          (as OSV-5M)
  rerank_photo, rerank_street: as the last two, for rerankers to learn from
  calibrate_photo, calibrate_street: as the last two, to calibrate answers on
"""

from collections.abc import Iterator
import dataclasses
import functools

from input_pipeline.feature_earth import (
  cues,
  drives,
  exact,
  features,
  geography,
  pictures,
  settings,
  travellers,
)
from jaxtyping import Float
import numpy as np
from pinpoint_jax import types
import scipy

BLOCK_ROWS = 4096
# Two letters that begin a split's ids.
_PREFIXES = {
    'gallery_photo': 'pg', 'gallery_street': 'sg', 'rerank_photo': 'pr',
    'rerank_street': 'sr', 'query_photo_known': 'pk', 'query_photo_new': 'pn',
    'query_street': 'sq', 'calibrate_photo': 'pc', 'calibrate_street': 'sc'}
SPLITS = tuple(_PREFIXES)
# A little more than the promised 1 km, so that no rounding can break it.
_APART_KM = 1.05
_MAX_ATTEMPTS = 50


class World:
  """A world of `variant` and `size` from `seed`; see settings.py for both."""

  def __init__(self, variant: str, seed: int, size: settings.Size | str):
    if variant not in settings.VARIANTS:
      raise ValueError(f'world variant {variant!r}: choices are '
                       f'{sorted(settings.VARIANTS)}')
    if isinstance(size, str) and size not in settings.SIZES:
      raise ValueError(f'world size {size!r}: choices are '
                       f'{sorted(settings.SIZES)}, or a settings.Size')
    if seed < 0:
      raise ValueError(f'world seed {seed}: must be at least 0')
    self.variant, self.seed = variant, seed
    self.size = settings.SIZES[size] if isinstance(size, str) else size
    self.size_name = size if isinstance(size, str) else repr(size)
    self.habits = settings.VARIANTS[variant]
    self.geography = geography.build(seed, self.habits, self.size)
    self.cues = cues.Cues(seed, self.geography)
    self.appearance = features.Appearance(
        seed, self.cues, self.habits, self.size.dim)
    self._travellers = travellers.Travellers(
        seed, self.geography, self.habits)
    self._drives = drives.Drives(seed, self.geography)

  @property
  def splits(self) -> tuple[str, ...]:
    """The splits that this variant has."""
    absent = {f'gallery_{source}' for source in types.SOURCES
              if source not in self.habits.galleries}
    if 'photo' not in self.habits.galleries:
      absent.add('query_photo_known')
    return tuple(split for split in SPLITS if split not in absent)

  def num_rows(self, split: str) -> int:
    """How many pictures the split holds."""
    self._check(split)
    return self._num_rows(split)

  def num_blocks(self, split: str) -> int:
    """How many blocks of BLOCK_ROWS, the last of which may be shorter."""
    return -(-self.num_rows(split) // BLOCK_ROWS)

  def taken(self, split: str, block: int) -> pictures.Pictures:
    """What is behind the rows of one block, tags and truth."""
    if not 0 <= block < self.num_blocks(split):
      raise IndexError(f'{split} has blocks 0 to {self.num_blocks(split) - 1}, '
                       f'not {block}')
    return self._pictures(split, block)

  def photos(self, split: str, block: int | None = None) -> types.Photos:
    """The public table of one block, or of the whole split."""
    numbers = range(self.num_blocks(split)) if block is None else [block]
    tables = [self._table(split, number) for number in numbers]
    return types.Photos(
        *(np.concatenate([getattr(table, name) for table in tables])
          for name in ('ids', 'latlng_deg', 'authors', 'sequences')),
        source_of(split))

  def features(self, split: str, block: int) -> Float[np.ndarray, 'n d']:
    """Features of the rows of one block, float16, not normalised."""
    return self.appearance.features(
        self.taken(split, block), source_of(split))

  def chunks(self, split: str) -> Iterator[Float[np.ndarray, 'n d']]:
    """Features of the whole split, block by block."""
    for block in range(self.num_blocks(split)):
      yield self.features(split, block)

  def _num_rows(self, split: str) -> int:
    size = self.size
    return {'gallery_photo': size.num_photos, 'gallery_street': size.num_street,
            'rerank_photo': size.num_rerank, 'rerank_street': size.num_rerank,
            }.get(split, size.num_queries)

  def _block_rows(self, split: str, block: int) -> int:
    return min(BLOCK_ROWS, self._num_rows(split) - block * BLOCK_ROWS)

  # Both galleries exist here whatever the variant: without one of them, the
  # other rows of the world are still those of `default`.
  def _pictures(self, split: str, block: int) -> pictures.Pictures:
    stream, num = f'{split} {block}', self._block_rows(split, block)
    if split == 'gallery_photo':
      return self._travellers.mistag(self._gallery_photos(block))
    if split == 'query_photo_known':
      num_blocks = self.num_blocks('gallery_photo')
      return self._travellers.others(
          stream, self._gallery_photos(block % num_blocks),
          (1 + block // num_blocks) * BLOCK_ROWS, num)
    if source_of(split) == 'photo':
      return self._travellers.travel(stream, num)
    if split == 'gallery_street':
      return self._drives.round_trip(
          stream, block * (BLOCK_ROWS // drives.FRAMES), num)
    return self._apart(stream, num)

  def _gallery_photos(self, block: int) -> pictures.Pictures:
    """A block of the photo gallery before some tags went wrong."""
    return self._travellers.travel(
        f'gallery_photo {block}', self._block_rows('gallery_photo', block))

  def _apart(self, stream: str, num: int) -> pictures.Pictures:
    """Every second frame of drives, away from both galleries."""
    parts, total = [], 0
    for attempt in range(_MAX_ATTEMPTS):
      taken = self._drives.anywhere(f'{stream} {attempt}', 2 * BLOCK_ROWS)
      steps = self._galleries.query(exact.grid_xyz(taken.latlng_deg))[0]
      kept = np.flatnonzero((steps > _APART_KM * exact.STEPS_PER_KM)
                            & (np.arange(len(taken)) % 2 == 0))
      taken = taken.take(kept)
      first = attempt * 2 * BLOCK_ROWS
      parts.append(dataclasses.replace(
          taken, authors=taken.authors + first, visits=taken.visits + first))
      total += len(kept)
      if total >= num:
        return _joined(stream, parts).take(slice(num))
    raise ValueError(
        f'{stream}: the galleries are so dense that only {total} frames of '
        f'{_MAX_ATTEMPTS * BLOCK_ROWS} lie {_APART_KM} km from both; give the '
        f'size more towns than {self.size.num_towns}')

  @functools.cached_property
  def _galleries(self) -> 'scipy.spatial.cKDTree':
    """Places of both galleries, on the exact grid."""
    places = [self._pictures(split, block).latlng_deg
              for split in ('gallery_photo', 'gallery_street')
              for block in range(-(-self._num_rows(split) // BLOCK_ROWS))]
    return scipy.spatial.cKDTree(exact.grid_xyz(np.concatenate(places)))

  def _table(self, split: str, block: int) -> types.Photos:
    taken = self.taken(split, block)
    first = block * BLOCK_ROWS
    ids = np.asarray([f'{_PREFIXES[split]}{first + i:08d}'
                      for i in range(len(taken))], np.str_)
    owner = taken.owner_stream.replace(' ', '-')
    names = np.asarray([f'{owner}-{a}' for a in taken.authors], np.str_)
    unknown = np.full(len(taken), '', np.str_)
    source = source_of(split)
    authors, sequences = ((names, unknown) if source == 'photo'
                          else (unknown, names))
    return types.Photos(ids, taken.latlng_deg, authors, sequences, source)

  def _check(self, split: str) -> None:
    if split not in self.splits:
      raise ValueError(f'split {split!r}: {self.variant} has '
                       f'{", ".join(self.splits)}')


def source_of(split: str) -> types.Source:
  """The source of the pictures in a split."""
  return 'street' if split.endswith('street') else 'photo'


def _joined(stream: str, parts: list[pictures.Pictures]) -> pictures.Pictures:
  names = ('authors', 'visits', 'sights', 'spot_deg', 'latlng_deg')
  return pictures.Pictures(stream, stream, *(
      np.concatenate([getattr(part, name) for part in parts])
      for name in names))
