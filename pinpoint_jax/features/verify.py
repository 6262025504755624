"""Reads every byte of a feature store and says all that is wrong with it."""

from collections.abc import Iterator
import json
import pathlib
from typing import Any

import numpy as np
from pinpoint_jax.disk import files
from pinpoint_jax.features import columns, store
from pinpoint_jax.geo import coords

_CHUNK_ROWS = 1 << 16
_UNIT_TOLERANCE = 1e-2


def verify(path: str | pathlib.Path) -> dict[str, Any]:
  """Counts of a sound store; raises BadStore with every problem found."""
  path = pathlib.Path(path)
  manifest = store.read_manifest(path)
  problems = store.size_problems(path, manifest)
  if not problems:
    problems = list(_problems(path, manifest))
  if problems:
    raise store.BadStore(f'{path}: {"; ".join(problems)}')
  return {'rows': manifest['rows'], 'dim': manifest['dim'],
          'quarantined': manifest.get('quarantined', 0),
          'files': len(manifest['files']), 'backbone': manifest['backbone'],
          'preprocess': manifest['preprocess']}


def _problems(path: pathlib.Path, manifest: dict[str, Any]) -> Iterator[str]:
  for name, facts in manifest['files'].items():
    found = files.checksum(path / name)
    if found != facts['xxh3_128']:
      yield (f'{name} was changed: checksum {found}, expected '
             f'{facts["xxh3_128"]}')
  known = {store.MANIFEST, *manifest['files']}
  for file in sorted(path.iterdir()):
    if file.name not in known and not file.name.startswith('.'):
      yield f'{file.name} is in the folder but not in the manifest'
  checks = [_id_problems(path, manifest), _place_problems(path),
            _code_problems(path, store.AUTHOR, store.AUTHORS),
            _code_problems(path, store.SEQUENCE, store.SEQUENCES),
            _quarantine_problems(path, manifest),
            _feature_problems(path, manifest)]
  for check in checks:
    try:
      yield from check
    except columns.BadColumn as error:
      yield str(error)


def _id_problems(path: pathlib.Path,
                 manifest: dict[str, Any]) -> Iterator[str]:
  ids, rows = columns.read_lines(path / store.IDS), manifest['rows']
  if len(ids) != rows:
    yield f'{store.IDS} has {len(ids):,} lines, expected {rows:,}'
  if ids:
    columns.check_ids(np.asarray(ids, np.str_), store.IDS)


def _place_problems(path: pathlib.Path) -> Iterator[str]:
  places = np.fromfile(path / store.PLACES, '<f4').reshape(-1, 2)
  try:
    coords.check_latlng_deg(places.astype(np.float64), store.PLACES, True)
  except coords.BadCoordinates as error:
    yield str(error)


def _code_problems(path: pathlib.Path, codes: str, names: str) -> Iterator[str]:
  file = path / names
  num_names = len(columns.read_lines(file)) if file.is_file() else 0
  found = np.fromfile(path / codes, '<i4')
  bad = np.flatnonzero((found < -1) | (found >= num_names))
  if len(bad):
    yield (f'{codes} names line {found[bad[0]]} in row {bad[0]}, but {names} '
           f'has {num_names} lines')


def _quarantine_problems(path: pathlib.Path,
                         manifest: dict[str, Any]) -> Iterator[str]:
  expected = manifest.get('quarantined', 0)
  file = path / store.QUARANTINE
  lines = columns.read_lines(file) if file.is_file() else []
  if len(lines) != expected:
    yield f'{store.QUARANTINE} has {len(lines):,} lines, expected {expected:,}'
  for number, line in enumerate(lines, 1):
    try:
      json.loads(line)
    except ValueError as error:
      yield f'{store.QUARANTINE}: line {number} is no JSON: {error}'
      return


def _feature_problems(path: pathlib.Path,
                      manifest: dict[str, Any]) -> Iterator[str]:
  if not manifest['rows']:
    return
  features = np.memmap(path / store.FEATURES, '<f2', 'r',
                       shape=(manifest['rows'], manifest['dim']))
  bad, long = [], []
  for start in range(0, len(features), _CHUNK_ROWS):
    chunk = np.asarray(features[start:start + _CHUNK_ROWS], np.float32)
    bad += (start + np.flatnonzero(~np.isfinite(chunk).all(1))).tolist()
    if manifest.get('normalized'):
      off = np.abs(np.linalg.norm(chunk, axis=1) - 1)
      long += (start + np.flatnonzero(~(off <= _UNIT_TOLERANCE))).tolist()
  if bad:
    yield (f'{store.FEATURES}: {len(bad)} rows hold NaN or infinity, the first '
           f'is row {bad[0]}')
  if long:
    yield (f'{store.FEATURES}: {len(long)} rows do not have length 1 though '
           f'the manifest says so, the first is row {long[0]}')
