"""Reads every byte of a feature store and names all that is wrong with it."""

import json
import pathlib
from typing import Any

import numpy as np
from pinpoint_jax.disk import sealed
from pinpoint_jax.features import store
from pinpoint_jax.geo import coords

_CHUNK_ROWS = 1 << 16
_UNIT_TOLERANCE = 1e-2


def verify(path: str | pathlib.Path) -> dict[str, Any]:
  """Counts of a sound store; raises BadStore with every problem."""
  opened = store.open_store(path)
  problems = opened.files.damage() or _nonsense(opened)
  problems += [f'{name} is in the folder but not in the manifest'
               for name in opened.files.unexpected()]
  if problems:
    raise store.BadStore(f'{path}: {"; ".join(problems)}')
  manifest = opened.manifest
  return {'rows': manifest['rows'], 'dim': manifest['dim'],
          'quarantined': manifest.get('quarantined', 0),
          'files': len(manifest['files']), 'backbone': manifest['backbone'],
          'preprocess': manifest['preprocess']} | sealed.note(manifest)


def seal(path: str | pathlib.Path) -> None:
  """Adds a checksum of its own to the manifest of a verified store."""
  path = pathlib.Path(path)
  sealed.write_manifest(path, store.KIND, store.read_manifest(path))


def _nonsense(opened: store.FeatureStore) -> list[str]:
  """What a faulty writer put into files whose checksums are right."""
  checks = (
      lambda: store.check_ids(opened.ids(), store.IDS),
      lambda: coords.check_latlng_deg(
          opened.places().astype(np.float64), store.PLACES, True),
      lambda: opened.coded(store.AUTHOR, store.AUTHORS),
      lambda: opened.coded(store.SEQUENCE, store.SEQUENCES),
      lambda: _check_quarantine(opened), lambda: _check_features(opened))
  problems = []
  for check in checks:
    try:
      check()
    except ValueError as error:
      problems.append(str(error))
  return problems


def _check_quarantine(opened: store.FeatureStore) -> None:
  expected = opened.manifest.get('quarantined', 0)
  lines = (store.from_lines(opened.files.read(store.QUARANTINE),
                            store.QUARANTINE)
           if store.QUARANTINE in opened.files.sums else [])
  if len(lines) != expected:
    raise store.BadStore(f'{store.QUARANTINE} has {len(lines):,} lines, '
                         f'expected {expected:,}')
  for number, line in enumerate(lines, 1):
    try:
      json.loads(line)
    except ValueError as error:
      raise store.BadStore(f'{store.QUARANTINE}: line {number} is no JSON: '
                           f'{error}') from error


def _check_features(opened: store.FeatureStore) -> None:
  features, infinite, lengths = opened.features, [], []
  for start in range(0, len(features), _CHUNK_ROWS):
    chunk = np.asarray(features[start:start + _CHUNK_ROWS], np.float32)
    infinite += (start + np.flatnonzero(~np.isfinite(chunk).all(1))).tolist()
    if opened.manifest.get('normalized'):
      off = np.abs(np.linalg.norm(chunk, axis=1) - 1)
      lengths += (start + np.flatnonzero(~(off <= _UNIT_TOLERANCE))).tolist()
  if infinite:
    raise store.BadStore(f'{store.FEATURES}: {len(infinite)} rows hold NaN or '
                         f'infinity, the first is row {infinite[0]}')
  if lengths:
    raise store.BadStore(
        f'{store.FEATURES}: {len(lengths)} rows do not have length 1 though '
        f'the manifest says so, the first is row {lengths[0]}')
