"""Updating a gallery: rows are deleted, segments become one again.

  add      one more segment                        (writer.add)
  remove   rows are listed as deleted: gone from every answer at once
  compact  one segment of what is left: gone from the disk too

What an update reads of the old gallery is verified before the new manifest
vouches for it.
"""

import dataclasses
import pathlib

from jaxtyping import Int, Shaped
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.disk import files as disk
from pinpoint_jax.features import progress
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import layout, segment_writer
from pinpoint_jax.gallery import table as tables
from pinpoint_jax.gallery.layout import BadGallery
import xxhash


@dataclasses.dataclass(frozen=True)
class Removed:
  """What became of the ids that should be deleted.

  Attributes:
    num_removed: rows that are gone now and were there before.
    num_gone: ids whose rows had been deleted before.
    unknown: ids that the gallery never had, or has compacted away.
  """

  num_removed: int
  num_gone: int
  unknown: types.Strings


def remove(path: str | pathlib.Path, ids: Shaped[np.ndarray, 'n'],
           allow_unknown: bool = False) -> Removed:
  """Deletes rows; an id that the gallery lacks refuses them all.

  Unless `allow_unknown`: those are counted, the others are deleted.
  """
  path, ids = pathlib.Path(path), np.unique(ids)
  with layout.writing(path):
    old = galleries.open_gallery(path)
    rows = old.find(ids)
    unknown = ids[rows < 0]
    if len(unknown) and not allow_unknown:
      raise BadGallery(
          f'{path}: {len(unknown):,} of {len(ids):,} ids are not in the '
          f'gallery, the first is {str(unknown[0])!r}; nothing was deleted. '
          f'Correct them, or allow them with --allow_unknown_ids')
    gone = np.isin(rows[rows >= 0], old.removed)
    removed = np.union1d(old.removed, rows[rows >= 0])
    if not gone.all():
      _publish_removed(old, removed)
  return Removed(int((~gone).sum()), int(gone.sum()), unknown)


def compact(path: str | pathlib.Path) -> galleries.Gallery:
  """Makes one segment of the rows that are left, to the byte as if built so.

  Vectors are copied, not computed again; what is damaged is not copied.
  """
  path = pathlib.Path(path)
  with layout.writing(path):
    old = galleries.open_gallery(path)
    old.files.verify()
    live = np.setdiff1d(np.arange(len(old)), old.removed, assume_unique=True)
    table = tables.join([tables.of_segment(s) for s in old.segments])
    order = tables.order(table.ids[live], 'refuse',
                         lambda ids: np.full(len(ids), -1, np.int64))
    rows = live[order.rows]
    shown = progress.Progress(len(rows), unit='rows')
    segment = segment_writer.write(
        path, old.manifest, table.take(rows),
        segment_writer.Copied(old, rows), shown.add)
    shown.finish()
    layout.publish(path, {
        **old.manifest, 'rows': len(rows), 'segments': [segment],
        'removed': None})
  return galleries.open_gallery(path)


def _publish_removed(old: galleries.Gallery,
                     rows: Int[np.ndarray, 'r']) -> None:
  data = rows.astype('<i8').tobytes()
  digest = xxhash.xxh3_128(data).hexdigest()
  name = f'removed-{digest[:16]}.i64.bin'
  with disk.atomic(old.path / name, len(data)) as file:
    file.write(data)
  layout.publish(old.path, {
      **old.manifest, 'removed': {'file': name, 'rows': len(rows),
                                  'bytes': len(data), 'xxh3_128': digest}})
