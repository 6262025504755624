"""Writes one segment of a gallery; it appears when it is whole."""

from collections.abc import Callable, Iterable, Mapping
import contextlib
import hashlib
import os
import pathlib
import shutil
from typing import Any

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.disk import files as disk
from pinpoint_jax.retrieval import gallery_blocks as blocks_lib
from pinpoint_jax.retrieval import gallery_columns as columns
from pinpoint_jax.retrieval import gallery_files as files
from pinpoint_jax.retrieval.gallery_table import Table, place_columns
import xxhash


class _File:
  """A file that is summed while it is written."""

  def __init__(self, path: pathlib.Path):
    self._path, self._digest = path, xxhash.xxh3_128()
    self._stream, self._bytes = path.open('wb'), 0

  def write(self, data: bytes) -> None:
    """Appends."""
    self._stream.write(data)
    self._digest.update(data)
    self._bytes += len(data)

  def close(self) -> dict[str, Any]:
    """Puts it on disk; what the manifest says of it."""
    self._stream.flush()
    os.fsync(self._stream.fileno())
    self._stream.close()
    return {'bytes': self._bytes, 'xxh3_128': self._digest.hexdigest()}

  def abandon(self) -> None:
    """Closes it as it is."""
    self._stream.close()


def write(path: pathlib.Path, about: Mapping[str, Any], table: Table,
          blocks: Iterable[blocks_lib.Block],
          tell: Callable[[int], None]) -> dict[str, Any]:
  """Writes the rows of `table` as a segment of the gallery at `path`.

  `about` is the gallery's manifest; `tell` hears how many more rows are
  written. Returns what the manifest says of the segment.
  """
  folder = path / files.SEGMENTS
  folder.mkdir(parents=True, exist_ok=True)
  with disk.refusing_full_disk(folder, _needed(about, len(table))):
    partial = disk.fresh_folder(folder / 'new')
    try:
      # First what takes long: its rate is what tells the time left.
      found = _vectors(partial, blocks, about['raw'], tell) | _columns(
          partial, table)
      segment = {'rows': len(table), 'sources': _sources(table),
                 'files': {name: found[name] for name in sorted(found)}}
      name = _name(segment)
      disk.sync_folder(partial)
      _put(partial, folder / name, segment['files'])
    finally:
      shutil.rmtree(partial, ignore_errors=True)
  return {'name': name, **segment}


def _put(partial: pathlib.Path, path: pathlib.Path,
         expected: Mapping[str, Any]) -> None:
  if path.exists():
    if all((path / name).is_file()
           and disk.checksum(path / name) == facts['xxh3_128']
           for name, facts in expected.items()):
      return
    path.rename(disk.fresh_folder(path.with_name('damaged')))
  partial.rename(path)
  disk.sync_folder(path.parent)


def _needed(about: Mapping[str, Any], rows: int) -> int:
  return sum(np.dtype(dtype).itemsize * int(np.prod(shape))
             for dtype, shape in files.arrays(about, rows).values())


def _vectors(folder: pathlib.Path, blocks: Iterable[blocks_lib.Block],
             raw: str, tell: Callable[[int], None]) -> dict[str, Any]:
  with contextlib.ExitStack() as stack:
    opened = {}
    for name in blocks_lib.vector_files(raw):
      opened[name] = _File(folder / name)
      stack.callback(opened[name].abandon)
    for block in blocks:
      for name, file in opened.items():
        file.write(np.ascontiguousarray(block[name]).tobytes())
      tell(len(block[files.Z_IMAGE]))
    return {name: file.close() for name, file in opened.items()}


def _columns(folder: pathlib.Path, table: Table) -> dict[str, Any]:
  text, offsets = columns.to_lines(table.ids)
  found = {files.IDS: text, files.ID_OFFSETS: offsets.tobytes(),
           files.PLACES: table.latlng_deg.astype('<f4').tobytes(),
           files.SOURCE: table.source.astype('u1').tobytes()}
  coded = {'author': table.author, 'sequence': table.sequence}
  for name, column in (coded | place_columns(table.latlng_deg)).items():
    found[files.codes_file(name)] = column.codes.astype('<i4').tobytes()
    found[files.names_file(name)] = columns.to_lines(column.names)[0]
  return {name: _whole(folder / name, data) for name, data in found.items()}


def _whole(path: pathlib.Path, data: bytes) -> dict[str, Any]:
  file = _File(path)
  try:
    file.write(data)
    return file.close()
  finally:
    file.abandon()


def _sources(table: Table) -> dict[str, int]:
  return {name: int((table.source == i).sum())
          for i, name in enumerate(types.SOURCES)}


def _name(segment: Mapping[str, Any]) -> str:
  sums = [f'{name} {facts["xxh3_128"]}'
          for name, facts in segment['files'].items()]
  return hashlib.sha256('\n'.join(sums).encode()).hexdigest()[:16]
