"""WebDataset shards: tars in which KEY.json follows or precedes KEY.jpg.

Where and by whom a photo was taken is read from its JSON under the names of
`csv_table.COLUMNS`. Shards are named by a pattern with {000..122} or *.
"""

import bisect
from collections import defaultdict
from collections.abc import Iterator
import itertools
import json
import math
import pathlib
import re
from typing import Any, NamedTuple

from input_pipeline import csv_table
from input_pipeline.datasets import archive, file_photos, tar_index
import numpy as np
from pinpoint_jax import types

INDEX = 'webdataset.index.npz'
_MAX_JSON_BYTES = 1 << 20
_NUM_EXAMPLES = 5
_RANGE = re.compile(r'\{(\d+)\.\.(\d+)\}')


class _Left(Exception):
  """A sample is left out, and why."""


class _Photo(NamedTuple):
  """A row of the table to be."""

  name: str
  latlng_deg: tuple[float, float]
  author: str
  sequence: str
  start: int
  size: int


def read_webdataset(
    root: str | pathlib.Path, shards: str = '*.tar',
    source: types.Source = 'photo',
    cache_dir: str | pathlib.Path | None = None,
    duplicates: str = 'refuse') -> archive.ArchivedPhotos:
  """Samples with an image and a place, in the order of the shards.

  The index of all members is saved in `cache_dir`, or next to the data.
  """
  if duplicates not in ('refuse', 'first'):
    raise ValueError(f'duplicates={duplicates!r}: choices are refuse, first')
  root = pathlib.Path(root)
  parts = archive.parts(expand(root, shards))
  index = tar_index.load(parts, pathlib.Path(cache_dir or root) / INDEX, False)
  photos: dict[str, _Photo] = {}
  left = defaultdict(list)
  for key, members in _samples(index, parts):
    try:
      photo = _photo(key, members, index, parts)
      if photos.setdefault(photo.name, photo) is not photo:
        raise _Left('duplicate id')
    except _Left as reason:
      left[str(reason)].append(
          key.encode('utf-8', 'backslashreplace').decode())
  notes = [f'{root}/{shards}: {len(keys)} samples left out, {reason}: '
           f'{", ".join(keys[:_NUM_EXAMPLES])}'
           for reason, keys in sorted(left.items())]
  _check(photos, left, notes, f'{root}/{shards}', duplicates)
  rows = list(photos.values())
  return archive.ArchivedPhotos(
      _table(rows, source), (*index.notes, *notes), {}, parts,
      np.asarray([row.start for row in rows]),
      np.asarray([row.size for row in rows]))


def expand(root: pathlib.Path, pattern: str) -> list[pathlib.Path]:
  """Files below `root` that the pattern names, in order; {a..b} must exist."""
  patterns = [pattern]
  while match := _RANGE.search(patterns[0]):
    first, last = match.groups()
    patterns = [_RANGE.sub(f'{i:0{len(first)}d}', text, count=1)
                for text in patterns for i in range(int(first), int(last) + 1)]
    if not patterns:
      raise ValueError(f'shards {pattern!r}: {match[0]} is empty')
  paths = []
  for text in patterns:
    here = sorted(root.glob(text))
    if not here:
      raise ValueError(
          f'{root}: no shard {text!r} of {pattern!r}; name those that are '
          f'here, such as shards={{000..009}}.tar')
    paths += here
  return paths


def _samples(index: tar_index.TarIndex, parts: archive.Parts,
             ) -> Iterator[tuple[str, dict[str, int]]]:
  """Key of each run of members of one sample, and these by extension."""
  def shard_and_key(member: int) -> tuple[int, str]:
    base, name = index.names[member].removeprefix('./').rpartition('/')[::2]
    shard = bisect.bisect_right(parts.ends, int(index.starts[member]) - 1)
    return shard, (f'{base}/' if base else '') + name.split('.', 1)[0]
  for (_, key), members in itertools.groupby(range(len(index.names)),
                                             shard_and_key):
    yield key, {'.' + index.names[i].rsplit('/', 1)[-1].partition('.')[2]
                .lower(): i for i in members}


def _photo(key: str, members: dict[str, int], index: tar_index.TarIndex,
           parts: archive.Parts) -> _Photo:
  images = [i for extension, i in members.items()
            if extension in file_photos.EXTENSIONS]
  if len(images) != 1:
    raise _Left('several images' if images else 'no image')
  if '.json' not in members:
    raise _Left('no json')
  label = members['.json']
  if index.sizes[label] > _MAX_JSON_BYTES:
    raise _Left('json too large')
  fields = _fields(parts.read(int(index.starts[label]),
                              int(index.sizes[label])))
  name = str(fields.get('id', key))
  latlng_deg = _number(fields.get('lat')), _number(fields.get('lng'))
  lat, lng = latlng_deg
  if not (abs(lat) <= 90 and abs(lng) <= 180 and (lat or lng)):
    raise _Left('no place in its json')
  texts = name, str(fields.get('author', '')), str(fields.get('sequence', ''))
  if not name or not all(map(_is_utf8, texts)):
    raise _Left('no UTF-8, or an empty id')
  return _Photo(name, latlng_deg, *texts[1:], int(index.starts[images[0]]),
                int(index.sizes[images[0]]))


def _fields(data: bytes) -> dict[str, Any]:
  """Our names → values, those that are null left out."""
  try:
    label = json.loads(data)
  except (ValueError, RecursionError) as error:
    raise _Left('broken json') from error
  if not isinstance(label, dict):
    raise _Left('broken json')
  return {name: label[header] for name, accepted in csv_table.COLUMNS.items()
          for header in accepted if label.get(header) is not None}


def _number(value: Any) -> float:
  try:
    plain = isinstance(value, (int, float)) or (
        isinstance(value, str) and value.isascii() and '_' not in value)
    return float(value) if plain else math.nan
  except (ValueError, OverflowError):
    return math.nan


def _is_utf8(text: str) -> bool:
  # tarfile turns bytes that are not UTF-8 into lone surrogates.
  return not any('\ud800' <= char <= '\udfff' for char in text)


def _check(photos: dict[str, _Photo], left: dict[str, list[str]],
           notes: list[str], where: str, duplicates: str) -> None:
  if 'duplicate id' in left and duplicates == 'refuse':
    raise ValueError(
        f'{where}: {len(left["duplicate id"])} samples have the id of another, '
        f'first {left["duplicate id"][0]}; correct the shards or read them '
        f"with duplicates='first'")
  if not photos:
    raise ValueError(f'{where}: no sample can be used: '
                     f'{"; ".join(notes) or "the shards are empty"}')


def _table(rows: list[_Photo], source: types.Source) -> types.Photos:
  return types.Photos(
      np.asarray([row.name for row in rows], np.str_),
      np.asarray([row.latlng_deg for row in rows], np.float64),
      np.asarray([row.author for row in rows], np.str_),
      np.asarray([row.sequence for row in rows], np.str_), source)
