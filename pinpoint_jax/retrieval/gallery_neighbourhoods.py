"""Neighbour lists and density of a gallery, kept beside it.

Made of all rows, also of those taken down: a mask hides them. They stay good
until rows are added or the gallery is compacted.
"""

import pathlib

from pinpoint_jax.retrieval import gallery as galleries
from pinpoint_jax.retrieval import gallery_files as files
from pinpoint_jax.retrieval import gallery_writer, neighbourhood_files


def of(gallery: galleries.Gallery) -> neighbourhood_files.Neighbourhoods:
  """Those that lie beside the gallery; without them, new ones for now."""
  if folder(gallery).exists():
    return neighbourhood_files.load(folder(gallery), gallery.rows_key())
  return neighbourhood_files.build(gallery.latlng_deg, gallery.source)


def is_sound(gallery: galleries.Gallery) -> bool:
  """Whether there are any; refuses those that are damaged or strangers."""
  if not folder(gallery).exists():
    return False
  neighbourhood_files.load(folder(gallery), gallery.rows_key())
  return True


def write(path: str | pathlib.Path) -> None:
  """Makes and keeps those of a gallery that has none."""
  with gallery_writer.writing(pathlib.Path(path)):
    gallery = galleries.open_gallery(path)
    if not folder(gallery).exists():
      folder(gallery).parent.mkdir(exist_ok=True)
      neighbourhood_files.save(
          neighbourhood_files.build(gallery.latlng_deg, gallery.source),
          folder(gallery), gallery.rows_key())


def folder(gallery: galleries.Gallery) -> pathlib.Path:
  """Where they lie, or would."""
  return files.derived(gallery.path, 'support', gallery.rows_key())
