"""All shards, in order, as one store; any host may do it, or several."""

from collections import Counter
import pathlib
import shutil

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.disk import files
from pinpoint_jax.features import backbone as backbones
from pinpoint_jax.features import shards, store, store_writer


def merge(photos: types.Photos, backbone: backbones.Backbone,
          workdir: pathlib.Path, total: int, max_failed_share: float | int,
          notes: tuple[str, ...], licence: str) -> store.FeatureStore:
  """The store of `total` finished shards, which are then removed."""
  try:
    merged = _write(photos, backbone, workdir, total, max_failed_share, notes,
                    licence)
  except (FileNotFoundError, store.BadStore):
    # Another host was first, and has removed the shards and our half.
    merged = finished(workdir)
    if merged is None:
      raise
  clean(workdir)
  return merged


def finished(workdir: pathlib.Path) -> store.FeatureStore | None:
  """The store, where it is finished."""
  path = workdir / 'store'
  there = (path / store.KIND.manifest).is_file()
  return store.open_store(path) if there else None


def clean(workdir: pathlib.Path) -> None:
  """Removes what a finished store no longer needs."""
  shutil.rmtree(workdir / 'shards', ignore_errors=True)
  for name in ('store', shards.JOB_FILE):
    files.remove_partials(workdir / name)


def _write(photos: types.Photos, backbone: backbones.Backbone,
           workdir: pathlib.Path, total: int, max_failed_share: float | int,
           notes: tuple[str, ...], licence: str) -> store.FeatureStore:
  folder = workdir / 'shards'
  manifests = [shards.manifest(folder, number) for number in range(total)]
  rows = np.concatenate([shards.rows(folder, n) for n in range(total)])
  quarantine = [entry for manifest in manifests
                for entry in manifest['quarantine']]
  reasons = Counter(entry['reason'] for entry in quarantine)
  shards.check_failures(str(folder), reasons, len(photos), max_failed_share)
  # Where any share may fail all may, and the store says why.
  if not len(rows) and max_failed_share < 1:
    raise ValueError(
        f'{folder}: none of {len(photos)} photos gives a feature '
        f'{dict(reasons.most_common())}')
  zeroed = sum(manifest['zeroed'] for manifest in manifests)
  return store_writer.write(
      workdir / 'store', photos.take(rows),
      (shards.load(folder, number).features for number in range(total)),
      backbone.dim, store_writer.FeatureOrigin(
          backbone.name, backbone.weight_hash, backbone.preprocess, notes,
          zeroed, licence), quarantine)
