"""Reads every byte of a gallery and names all that is wrong with it."""

from collections.abc import Iterator
import pathlib
from typing import Any

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.disk import sealed
from pinpoint_jax.gallery import columns, indexes, layout, neighbours, table
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery.gallery import Gallery, Segment
from pinpoint_jax.gallery.layout import BadGallery
from pinpoint_jax.geo import coords

_CHUNK_ROWS = 1 << 16
_UNIT_TOLERANCE = 1e-2


def verify(path: str | pathlib.Path) -> dict[str, Any]:
  """Counts of a sound gallery; raises BadGallery with every problem.

  Files that a killed writer left are no problem: the next one removes them.
  """
  path = pathlib.Path(path)
  gallery = galleries.open_gallery(path)
  gallery.files.verify()
  if (path / layout.BUILD).exists():
    sealed.read_manifest(path, layout.BUILD_KIND)
  problems = [f'{name} is in the folder but not in the manifest'
              for name in layout.unexpected_files(path)]
  for segment in gallery.segments:
    problems += [f'{layout.SEGMENTS}/{segment.name}/{problem}'
                 for problem in _problems(gallery, segment)]
  if not problems:
    problems += _repeated_ids(gallery)
  if problems:
    raise BadGallery(f'{path}: {"; ".join(problems)}')
  return {'rows': len(gallery), 'taken_down': len(gallery.removed),
          **table.count_sources(np.delete(gallery.source, gallery.removed)),
          'segments': len(gallery.segments),
          'dim': gallery.manifest['dim'], 'raw': gallery.manifest['raw'],
          'duplicates_left_out': gallery.manifest['duplicates_left_out'],
          'embedder': gallery.manifest['embedder'],
          'fingerprint': gallery.fingerprint(),
          'indices': indexes.verify(gallery),
          'neighbour_lists': neighbours.is_sound(gallery),
          'leftovers': len(layout.leftovers(path, gallery.manifest)),
          **sealed.note(gallery.manifest)}


def seal(path: str | pathlib.Path) -> None:
  """Adds a checksum of its own to the manifest of a verified gallery."""
  path = pathlib.Path(path)
  with layout.writing(path) as manifest:
    layout.publish(path, manifest)


def _problems(gallery: Gallery, segment: Segment) -> Iterator[str]:
  for check in (_id_problems, _code_problems, _place_problems):
    yield from check(segment)
  sources = layout.MODES[gallery.manifest['mode']]
  known = [types.SOURCES.index(name) for name in sources]
  if not np.isin(segment.files[layout.SOURCE], known).all():
    yield f'{layout.SOURCE} holds a source that is none of {sources}'
  for channel in types.CHANNELS:
    yield from _vector_problems(segment, channel)


def _id_problems(segment: Segment) -> Iterator[str]:
  offsets, text = segment.ids.offsets, segment.ids.text
  ends = np.flatnonzero(text == ord('\n')) + 1
  if offsets[0] != 0 or not np.array_equal(offsets[1:], ends):
    yield f'{layout.ID_OFFSETS} does not fit the lines of {layout.IDS}'
    return
  last = ''
  for start in range(0, len(segment), _CHUNK_ROWS):
    try:
      ids = segment.ids.block(start, min(start + _CHUNK_ROWS, len(segment)))
    except UnicodeDecodeError as error:
      yield f'{layout.IDS} is no UTF-8: {error}'
      return
    ids = np.append(np.asarray([last]), ids)
    wrong = np.flatnonzero(ids[1:] <= ids[:-1])
    if len(wrong):
      yield (f'{layout.IDS}: {str(ids[wrong[0] + 1])!r} in row '
             f'{start + wrong[0]} does not follow {str(ids[wrong[0]])!r}')
      return
    last = ids[-1]


def _code_problems(segment: Segment) -> Iterator[str]:
  for name in layout.coded_columns(segment.files.shapes):
    try:
      names = columns.lines(segment.files[layout.names_file(name)])
    except UnicodeDecodeError as error:
      yield f'{layout.names_file(name)} is no UTF-8: {error}'
      continue
    codes = segment.files[layout.codes_file(name)]
    if (names[1:] <= names[:-1]).any():
      yield f'{layout.names_file(name)} does not ascend'
    bad = np.flatnonzero((codes < -1) | (codes >= len(names)))
    if len(bad):
      yield (f'{layout.codes_file(name)} names line {codes[bad[0]]} in row '
             f'{bad[0]}, but there are {len(names)}')


def _place_problems(segment: Segment) -> Iterator[str]:
  try:
    coords.check_latlng_deg(segment.files[layout.PLACES].astype(np.float64),
                            layout.PLACES, True)
  except coords.BadCoordinates as error:
    yield str(error)


def _vector_problems(segment: Segment, channel: str) -> Iterator[str]:
  vectors = segment.channel(channel)
  bad = []
  for start in range(0, len(segment) if vectors else 0, _CHUNK_ROWS):
    rows = vectors.block(start, start + _CHUNK_ROWS)
    length = np.linalg.norm(rows, axis=1)
    off = np.abs(length - 1)
    if channel == 'location':  # Of a place of which its cells know nothing.
      off[length == 0] = 0
    bad += (start + np.flatnonzero(~(off <= _UNIT_TOLERANCE))).tolist()
  if bad:
    yield (f'channel {channel}: {len(bad)} rows do not have length 1, the '
           f'first is row {bad[0]}')


def _repeated_ids(gallery: Gallery) -> Iterator[str]:
  for i, segment in enumerate(gallery.segments):
    for start in range(0, len(segment), _CHUNK_ROWS):
      ids = segment.ids.block(start, min(start + _CHUNK_ROWS, len(segment)))
      for other in gallery.segments[:i]:
        again = ids[other.ids.find(ids) >= 0]
        if len(again):
          yield (f'{len(again)} ids of segment {segment.name} are in segment '
                 f'{other.name} too, the first is {str(again[0])!r}')
