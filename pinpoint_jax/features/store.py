"""The feature store: flat files that numpy alone can read.

  manifest.json        what this is, and a checksum of every other file
  features.f16.bin     [n, dim], un-normalised
  latlng_deg.f32.bin   [n, 2]
  ids.txt              one per line
  author.i32.bin       line of authors.txt, -1 where unknown     (as sequence)
  quarantine.jsonl     the photos that gave no feature, and why
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import json
import pathlib
from typing import Any

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types

VERSION = 1
MANIFEST = 'manifest.json'
FEATURES, PLACES, IDS = 'features.f16.bin', 'latlng_deg.f32.bin', 'ids.txt'
AUTHOR, AUTHORS = 'author.i32.bin', 'authors.txt'
SEQUENCE, SEQUENCES = 'sequence.i32.bin', 'sequences.txt'
QUARANTINE = 'quarantine.jsonl'
_NEEDED = ('version', 'backbone', 'weight_hash', 'preprocess', 'dim', 'dtype',
           'rows', 'source', 'files')


class BadStore(ValueError):
  """A feature store that cannot be trusted: which file, found, expected."""


@dataclasses.dataclass(frozen=True)
class FeatureStore:
  """Photos with features that stay on disk.

  Attributes:
    path: the folder.
    manifest: what manifest.json says.
    features: memory-mapped, un-normalised, float16 [n, d].
  """

  path: pathlib.Path
  manifest: Mapping[str, Any]
  features: np.ndarray

  def __len__(self) -> int:
    return self.manifest['rows']

  @functools.cached_property
  def photos(self) -> types.Photos:
    """Who took what, where; places are exact to float32."""
    places = np.fromfile(self.path / PLACES, '<f4').reshape(-1, 2)
    return types.Photos(
        np.asarray(_lines(self.path / IDS), np.str_),
        places.astype(np.float64), _names(self.path, AUTHOR, AUTHORS),
        _names(self.path, SEQUENCE, SEQUENCES), self.manifest['source'])

  def rows(self, rows: Int[np.ndarray, 'b']) -> Float[np.ndarray, 'b d']:
    """Features of those rows, float32 [b, d]."""
    return np.asarray(self.features[rows], np.float32)

  def table(self) -> types.FeatureTable:
    """All of it in memory."""
    return types.FeatureTable(self.photos,
                              np.asarray(self.features, np.float32))

  def fingerprint(self) -> str:
    """Changes with any byte of features, places, ids, authors, backbone."""
    parts = [self.manifest['files'][name]['xxh3_128'] for name in
             (FEATURES, PLACES, IDS, AUTHOR, SEQUENCE)]
    return '-'.join(part[:6] for part in parts)


def open_store(path: str | pathlib.Path) -> FeatureStore:
  """Opens a store after a look at the size of every file; `verify` reads all.

  Refuses a folder whose files do not fit its manifest.
  """
  path = pathlib.Path(path)
  manifest = read_manifest(path)
  problems = size_problems(path, manifest)
  if problems:
    raise BadStore(f'{path}: {"; ".join(problems)}. Extract it again, or fetch '
                   f'it again')
  shape = (manifest['rows'], manifest['dim'])
  features = (np.memmap(path / FEATURES, '<f2', 'r', shape=shape)
              if shape[0] else np.zeros(shape, '<f2'))
  return FeatureStore(path, manifest, features)


def read_manifest(path: pathlib.Path) -> dict[str, Any]:
  """The manifest; refuses one that is missing, broken or of another version."""
  file = path / MANIFEST
  if not file.is_file():
    raise BadStore(f'{file} is missing: {path} is no feature store, or its '
                   f'extraction did not finish')
  try:
    manifest = json.loads(file.read_text())
    missing = [name for name in _NEEDED if name not in manifest]
  except (ValueError, TypeError) as error:
    raise BadStore(f'{file}: not readable as JSON: {error}') from error
  if missing:
    raise BadStore(f'{file}: {missing} are missing')
  if manifest['version'] != VERSION:
    raise BadStore(f'{file}: version {manifest["version"]!r}, this program '
                   f'reads {VERSION}')
  return manifest


def size_problems(path: pathlib.Path, manifest: Mapping[str, Any]) -> list[str]:
  """What does not fit in the number and size of files."""
  rows, dim = manifest['rows'], manifest['dim']
  by_rows = {FEATURES: 2 * rows * dim, PLACES: 8 * rows, AUTHOR: 4 * rows,
             SEQUENCE: 4 * rows}
  problems = [f'{name} is not in the manifest' for name in (*by_rows, IDS)
              if name not in manifest['files']]
  for name, facts in manifest['files'].items():
    file = path / name
    found = file.stat().st_size if file.is_file() else None
    expected = by_rows.get(name, facts['bytes'])
    if found is None:
      problems.append(f'{name} is missing')
    elif found != expected or found != facts['bytes']:
      problems.append(f'{name} has {found:,} bytes, expected {expected:,}'
                      f' for {rows:,} rows')
  return problems


def encode_names(names: types.Strings) -> tuple[
    Int[np.ndarray, 'n'], list[str]]:
  """Codes into a sorted list of names; '' is -1."""
  known, codes = np.unique(names, return_inverse=True)
  if len(known) and known[0] == '':
    return (codes - 1).astype('<i4'), known[1:].tolist()
  return codes.astype('<i4'), known.tolist()


def write_lines(path: pathlib.Path, lines: Sequence[str]) -> None:
  """One name per line; a name that is more than a line is refused."""
  bad = [line for line in lines if len(line.splitlines()) > 1
         or line != line.strip('\r\n') or not line]
  if bad:
    raise BadStore(f'{path}: {len(bad)} names cannot stand on a line of their '
                   f'own, the first is {bad[0]!r}; rename them')
  path.write_text(''.join(f'{line}\n' for line in lines), encoding='utf-8')


def _names(path: pathlib.Path, codes: str, names: str) -> types.Strings:
  known = _lines(path / names) if (path / names).is_file() else []
  # The last stands for -1, unknown.
  return np.asarray([*known, ''], np.str_)[np.fromfile(path / codes, '<i4')]


def _lines(path: pathlib.Path) -> list[str]:
  return path.read_text(encoding='utf-8').splitlines()
