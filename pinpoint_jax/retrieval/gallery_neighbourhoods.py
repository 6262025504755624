"""Neighbour lists and density of an open gallery, kept beside it."""

from pinpoint_jax.retrieval import gallery as galleries
from pinpoint_jax.retrieval import neighbourhood_files


def of(gallery: galleries.Gallery) -> neighbourhood_files.Neighbourhoods:
  """Those that lie beside the gallery, or new ones, which are then kept."""
  folder = gallery.derived('support')
  if not folder.exists():
    found = neighbourhood_files.build(gallery.latlng_deg, gallery.source)
    folder.parent.mkdir(exist_ok=True)
    neighbourhood_files.save(found, folder, gallery.fingerprint())
  return neighbourhood_files.load(folder, gallery.fingerprint())
