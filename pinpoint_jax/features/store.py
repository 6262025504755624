"""The feature store: flat files that numpy alone can read.

  manifest.json        what this is, and a checksum of every other file
  features.f16.bin     [n, dim], un-normalised
  latlng_deg.f32.bin   [n, 2]
  ids.txt              one per line
  author.i32.bin       line of authors.txt, -1 where unknown     (as sequence)
  quarantine.jsonl     the photos that gave no feature, and why
"""

from collections.abc import Mapping
import dataclasses
import functools
import hashlib
import json
import pathlib
from typing import Any

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.features import columns

VERSION = 1
MANIFEST = 'manifest.json'
FEATURES, PLACES, IDS = 'features.f16.bin', 'latlng_deg.f32.bin', 'ids.txt'
AUTHOR, AUTHORS = 'author.i32.bin', 'authors.txt'
SEQUENCE, SEQUENCES = 'sequence.i32.bin', 'sequences.txt'
QUARANTINE = 'quarantine.jsonl'
_NEEDED = {'version': int, 'backbone': str, 'weight_hash': str,
           'preprocess': str, 'dim': int, 'dtype': str, 'rows': int,
           'source': str, 'files': dict}
_FINGERPRINT = ('backbone', 'weight_hash', 'preprocess', 'dim', 'source')


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
        np.asarray(columns.read_lines(self.path / IDS), np.str_),
        places.astype(np.float64), self._names(AUTHOR, AUTHORS),
        self._names(SEQUENCE, SEQUENCES), self.manifest['source'])

  def rows(self, rows: Int[np.ndarray, 'b']) -> Float[np.ndarray, 'b d']:
    """Features of those rows, float32 [b, d]."""
    return np.asarray(self.features[rows], np.float32)

  def table(self) -> types.FeatureTable:
    """All of it in memory."""
    return types.FeatureTable(self.photos,
                              np.asarray(self.features, np.float32))

  def fingerprint(self) -> str:
    """Content hash of backbone, preprocessing and rows.

    By what the manifest says of the files: they are not read.
    """
    sums = {name: facts['xxh3_128']
            for name, facts in self.manifest['files'].items()
            if name != QUARANTINE}
    about = {name: self.manifest[name] for name in _FINGERPRINT}
    text = json.dumps([about, sums], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]

  def _names(self, codes: str, names: str) -> types.Strings:
    file = self.path / names
    known = columns.read_lines(file) if names in self.manifest['files'] else []
    return columns.decode(np.fromfile(self.path / codes, '<i4'), known)


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
    manifest = json.loads(file.read_text(encoding='utf-8'))
    missing = [name for name in _NEEDED if name not in manifest]
  except (ValueError, TypeError) as error:
    raise BadStore(f'{file}: not readable as JSON: {error}') from error
  if missing:
    raise BadStore(f'{file}: {missing} are missing')
  if manifest['version'] != VERSION:
    raise BadStore(f'{file}: version {manifest["version"]!r}, this program '
                   f'reads {VERSION}')
  wrong = [f'{name} is {manifest[name]!r:.80}'
           for name in _NEEDED if not _is_sound(name, manifest[name])]
  if wrong:
    raise BadStore(f'{file}: {"; ".join(wrong)}, which no writer of this '
                   f'program writes; extract it again, or fetch it again')
  return manifest


def _is_sound(name: str, value: Any) -> bool:
  if type(value) is not _NEEDED[name]:
    return False
  if name == 'files':
    return all('/' not in file and isinstance(facts, dict)
               and type(facts.get('bytes')) is int
               and type(facts.get('xxh3_128')) is str
               for file, facts in value.items())
  if name in ('dim', 'rows'):
    return value >= (name == 'dim')
  choices = {'dtype': ('float16',), 'source': types.SOURCES}
  return value in choices.get(name, (value,))


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
