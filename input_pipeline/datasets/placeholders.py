"""Finds the placeholders of deleted photos.

Flickr serves one and the same "photo no longer available" file for every
deleted photo. So a file that at least `MIN_REPEATS` ids share, byte for byte,
of more than one author where authors are known, is a placeholder. Photos that
one person uploaded repeatedly are kept.
"""

from collections import Counter, defaultdict
import contextlib
import hashlib
import pathlib

from input_pipeline.datasets import file_photos
from jaxtyping import Bool
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.images import decode

# Two people may well have uploaded one picture; five hardly ever.
MIN_REPEATS = 5


def repeated(source: file_photos.FilePhotos, min_repeats: int = MIN_REPEATS,
             ) -> tuple[Bool[np.ndarray, 'n'], int]:
  """Which photos are placeholders, [n], and how many different ones exist.

  Only files of a size that occurs often enough are read.
  """
  if min_repeats < 2:
    raise ValueError(f'min_repeats={min_repeats}: must be at least 2')
  sizes = [_size(source.root / str(file)) for file in source.files]
  frequent = {size for size, count in Counter(sizes).items()
              if count >= min_repeats and size >= 0}
  groups = defaultdict(list)
  for row, size in enumerate(sizes):
    if size in frequent:
      with contextlib.suppress(decode.BadImage):  # Gone; met again later.
        groups[hashlib.sha256(source.read(row)).digest()].append(row)
  pictures = [rows for rows in groups.values() if len(rows) >= min_repeats
              and _by_several(source.photos.authors[rows])]
  mask = np.zeros(len(sizes), bool)
  for rows in pictures:
    mask[rows] = True
  return mask, len(pictures)


def _size(path: pathlib.Path) -> int:
  try:
    return path.lstat().st_size
  except OSError:
    return -1


def _by_several(authors: types.Strings) -> bool:
  return len(set(authors)) > 1 or not any(authors)
