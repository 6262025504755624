"""Photos of known place, answered as a stranger's: what calibrates a model.

  store ─▶ candidates without its authors and drives ─▶ Signals, errors in km
        ─▶ Calibration
"""

from collections.abc import Iterator

import numpy as np
from pinpoint_jax import blocks
from pinpoint_jax.answer import answerer, calibration
from pinpoint_jax.candidates import filters
from pinpoint_jax.features import store as stores
from pinpoint_jax.geo import distance

# Photos whose candidates are in memory at a time.
_BLOCK = 256


def calibrated(answering: answerer.Answerer,
               store: stores.FeatureStore) -> calibration.Calibration:
  """What a store's photos say about answers to photos of its source."""
  photos, task = store.photos, store.manifest['source']
  if task not in answering.model.tasks:
    raise ValueError(f'{store.path} holds {task} features; this model answers '
                     f'{", ".join(answering.model.tasks)}')
  parts = list(_answered(answering, store, task))
  near, alike, dist_km, rows = (
      np.concatenate([part[i] for part in parts]) for i in range(4))
  return calibration.fit(calibration.Signals(near, alike), dist_km,
                         photos.clusters[rows])


def _answered(answering: answerer.Answerer, store: stores.FeatureStore,
              task: str) -> Iterator[tuple[np.ndarray, ...]]:
  """Signals, errors and numbers of the photos that have an answer."""
  gallery = answering.opened.gallery
  mask = filters.mask(gallery, store.photos, 'author')
  for at in blocks.slices(len(store), _BLOCK):
    rows = np.arange(at.start, at.stop)
    scored = answering.scored(
        task, answering.encode(task, store.rows(rows)), mask.take(at))
    kept = np.flatnonzero(scored.answered)
    dist_km = distance.haversine_km(
        scored.latlng_deg[kept, 0], store.photos.latlng_deg[rows[kept]])
    yield (scored.signals.near[kept], scored.signals.alike[kept], dist_km,
           rows[kept])
