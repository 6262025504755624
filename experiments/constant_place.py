"""The best single place of other photos, for `evaluate --predictions`.

It is chosen from a gallery, a feature store or a CSV, never from the truth: of
these places those of photos that the truth has, too, are left out.
"""

from collections.abc import Mapping
import dataclasses
import pathlib

from input_pipeline import csv_table
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.evals import baselines
from pinpoint_jax.features import store as stores
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import layout

ADVICE = ('note: there is no `constant` row, the best single place: name the '
          'gallery, feature store or CSV of photos to choose it from, '
          '--constant_from=…; it is never chosen from the truth')


@dataclasses.dataclass(frozen=True)
class Constant:
  """One place for all photos.

  Attributes:
    answers: the same to every photo of the truth, by decoding.
    data: content hash of what it was chosen from.
  """

  answers: Mapping[str, types.Predictions]
  data: str


def choose(path: str, truth: types.Photos) -> Constant:
  """The best place for other photos than those of the truth."""
  ids, latlng_deg, data = _photos(pathlib.Path(path), truth.source)
  others = ~np.isin(ids, truth.ids)
  left_out = f'{(~others).sum():,} of {len(ids):,} photos are in the truth'
  if not others.any():
    raise ValueError(f'--constant_from={path}: {left_out}: the place would be '
                     f'chosen from what it is judged by; name other photos')
  if not others.all():
    print(f'note: --constant_from={path}: {left_out} and left out')
  return Constant({
      decode: types.Predictions(truth.ids, np.tile(place, (len(truth), 1)))
      for decode, place in baselines.best_places(latlng_deg[others]).items()},
                  data)


def _photos(path: pathlib.Path, source: types.Source) -> tuple[
    types.Strings, types.LatLng, str]:
  """Ids, places, and a content hash."""
  if layout.is_gallery(path):
    gallery = galleries.open_gallery(path)
    live = np.setdiff1d(np.arange(len(gallery)), gallery.removed)
    return gallery.ids(live), gallery.latlng_deg[live], gallery.fingerprint()
  if path.is_dir():
    store = stores.open_store(path)
    return store.ids(), store.photos.latlng_deg, store.fingerprint()
  if not path.is_file():
    raise ValueError(f'--constant_from={path}: there is no gallery, no feature '
                     f'store and no CSV with the columns id, lat, lng')
  photos = csv_table.read_photos_csv(path, source, extra_names=()).photos
  return photos.ids, photos.latlng_deg, photos.fingerprint()
