"""The error of every query on disk: what differences are computed from later.

  FOLDER/manifest.json              query sets, their rows, the distance
  FOLDER/queries_000.ids.txt        one line per query of the first query set
  FOLDER/queries_000.clusters.txt   photographer or drive of each, as a line
  FOLDER/queries_000.dist_km.f32.bin  [rows, queries], little-endian

Distances are rounded down to float32, so that the same queries lie strictly
below every threshold as in results.json.
"""

from collections.abc import Iterable, Mapping
import dataclasses
import hashlib
import json
import pathlib
from typing import Any

from jaxtyping import Float, Float32
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.disk import sealed
from pinpoint_jax.evals import metrics
from pinpoint_jax.evals.results import Key

VERSION = 1
KIND = sealed.Kind(
    "folder of queries' errors", ValueError, 'evaluate again to have it made',
    {'version': int, 'distance': str, 'query_sets': list, 'files': dict},
    versions=(VERSION,))


@dataclasses.dataclass(frozen=True)
class ErrorsFile:
  """Errors of rows of one results.json.

  Attributes:
    errors: of each row, by its key.
    ids: of the queries of each query set, in the order of the errors.
    distance: name in `geo.distance.DISTANCES`.
    fingerprint: changes with any query, row or distance.
  """

  errors: Mapping[Key, metrics.Errors]
  ids: Mapping[str, types.Strings]
  distance: str
  fingerprint: str


def write(folder: pathlib.Path, errors: Mapping[Key, metrics.Errors],
          ids: Mapping[str, types.Strings],
          distance: str = 'haversine') -> ErrorsFile:
  """Writes errors of rows by key, whole or not at all, in place of others.

  ids: of the queries, by the name of the query set. All rows of a query set
  have one error per query, in that order; `chance` with its draws has not.
  """
  names = list(dict.fromkeys(key.queries for key in errors))
  unknown = sorted(set(names) ^ set(ids))
  if unknown:
    raise ValueError(f'{folder}: query set {unknown[0]!r} has ids or errors, '
                     f'not both: give both for every query set')
  query_sets = []
  with sealed.writing(folder, 4 * sum(
      len(some.dist_km) for some in errors.values())) as draft:
    for number, name in enumerate(names):
      rows = {key: some for key, some in errors.items() if key.queries == name}
      first = next(iter(rows.values()))
      for key, some in rows.items():
        _check_row(folder, key, some, first, ids[name])
      stem = _stem(number)
      draft.write(f'{stem}.ids.txt', _lines(folder, ids[name]))
      draft.write(f'{stem}.clusters.txt', _lines(folder, first.clusters))
      with draft.open(f'{stem}.dist_km.f32.bin') as file:
        for some in rows.values():
          file.write(rounded_down(some.dist_km).tobytes())
      query_sets.append({'queries': name, 'num_queries': len(first.dist_km),
                         'rows': [key[1:] for key in rows]})
    draft.publish(folder, KIND, {
        'version': VERSION, 'distance': distance,
        'query_sets': query_sets}, replace=True)
  return read(folder)


def read(folder: pathlib.Path) -> ErrorsFile:
  """What was written, after a look at every byte."""
  manifest, files = sealed.open_files(folder, KIND)
  errors, ids = {}, {}
  for number, entry in enumerate(manifest['query_sets']):
    stem, name, count = _stem(number), entry['queries'], entry['num_queries']
    ids[name] = _strings(files, f'{stem}.ids.txt', count)
    clusters = _strings(files, f'{stem}.clusters.txt', count)
    table = files.array(f'{stem}.dist_km.f32.bin', '<f4',
                        (len(entry['rows']), count))
    for fields, dist_km in zip(entry['rows'], table):
      errors[Key(name, *fields)] = metrics.Errors(
          np.asarray(dist_km, np.float64), clusters)
  text = json.dumps(manifest, sort_keys=True)
  return ErrorsFile(errors, ids, manifest['distance'],
                    hashlib.sha256(text.encode()).hexdigest()[:16])


def rounded_down(
    dist_km: Float[np.ndarray, 'n']) -> Float32[np.ndarray, 'n']:
  """The largest float32 that is not above each distance, little-endian."""
  nearest = dist_km.astype('<f4')
  below = np.nextafter(nearest, np.float32(0))
  return np.where(nearest > dist_km, below, nearest).astype('<f4')


def _check_row(folder: pathlib.Path, key: Key, errors: metrics.Errors,
               first: metrics.Errors, ids: types.Strings) -> None:
  if len(errors.dist_km) != len(ids):
    raise ValueError(f'{folder}: {key} has {len(errors.dist_km):,} errors, '
                     f'{key.queries!r} {len(ids):,} queries: leave rows out '
                     f'that have not one answer per query')
  if not np.array_equal(errors.clusters, first.clusters):
    raise ValueError(f'{folder}: {key} has clusters of other queries or in '
                     f'another order than the first row of {key.queries!r}')


def _stem(number: int) -> str:
  return f'queries_{number:03d}'


def _lines(folder: pathlib.Path, values: Iterable[Any]) -> bytes:
  lines = [str(value) for value in values]
  bad = [line for line in lines if '\n' in line]
  if bad:
    raise ValueError(f'{folder}: a line break in {bad[0]!r}: ids and clusters '
                     f'are single lines')
  return ''.join(f'{line}\n' for line in lines).encode()


def _strings(files: sealed.Files, name: str, count: int) -> types.Strings:
  lines = files.read(name).decode().split('\n')[:-1]
  if len(lines) != count:
    raise ValueError(f'{files.folder / name} has {len(lines):,} lines, '
                     f'expected {count:,}; {KIND.remedy}')
  return np.asarray(lines, np.str_)
