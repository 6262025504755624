"""The feature store: flat files that numpy alone can read.

  manifest.json        what this is, a checksum of every other file and its own
  features.f16.bin     [n, dim], un-normalised
  latlng_deg.f32.bin   [n, 2]
  ids.txt              one per line
  author.i32.bin       line of authors.txt, -1 where unknown     (as sequence)
  quarantine.jsonl     the photos that gave no feature, and why

A sealed folder (disk/sealed.py): what is used of a file was verified before.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import hashlib
import json
import pathlib
from typing import Any

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import float16, types
from pinpoint_jax.disk import sealed


def check_names(names: types.Strings, where: str) -> None:
  """Refuses a name that is empty, more than a line, or no Unicode."""
  known = names.tolist()
  if not _are_lines(known):
    bad = [name for name in known if not _are_lines([name])]
    raise ValueError(f'{where}: {len(bad)} names do not fit on a line of '
                     f'their own, the first is {bad[0]!r}; rename them')


def check_ids(ids: types.Strings, where: str) -> None:
  """As `check_names`; refuses repeated ids too."""
  check_names(ids, where)
  names, counts = np.unique(ids, return_counts=True)
  repeated = names[counts > 1]
  if len(repeated):
    raise ValueError(
        f'{where} has {len(repeated):,} duplicate ids, the first is '
        f'{str(repeated[0])!r}; rename or remove the repetitions, or read the '
        f'data set with duplicates=first where it has that option')


def encode_names(
    names: types.Strings) -> tuple[Int[np.ndarray, 'n'], types.Strings]:
  """Codes into a sorted list of names; '' is -1."""
  known, codes = np.unique(names, return_inverse=True)
  if len(known) and known[0] == '':
    return (codes - 1).astype('<i4'), known[1:]
  return codes.astype('<i4'), known


def decode_names(codes: Int[np.ndarray, 'n'],
                 known: Sequence[str]) -> types.Strings:
  """The names behind codes."""
  # The last stands for -1, unknown.
  return np.asarray([*known, ''], np.str_)[codes]


def to_lines(names: types.Strings) -> bytes:
  """One name per line, UTF-8."""
  return ''.join(f'{name}\n' for name in names.tolist()).encode()


def from_lines(data: bytes, where: str) -> list[str]:
  """The names in lines of text."""
  try:
    return data.decode().splitlines()
  except UnicodeDecodeError as error:
    raise ValueError(f'{where} is no UTF-8: byte {error.start:,} is '
                     f'{data[error.start]:#x}') from error


def _are_lines(names: list[str]) -> bool:
  # Surrogates are what Python makes of file names that are no UTF-8.
  text = '\n'.join(names)
  try:
    text.encode()
  except UnicodeEncodeError:
    return False
  return text.splitlines() == names and '' not in names


VERSION = 1
FEATURES, PLACES, IDS = 'features.f16.bin', 'latlng_deg.f32.bin', 'ids.txt'
AUTHOR, AUTHORS = 'author.i32.bin', 'authors.txt'
SEQUENCE, SEQUENCES = 'sequence.i32.bin', 'sequences.txt'
QUARANTINE = 'quarantine.jsonl'
_FINGERPRINT = (*types.BACKBONE_KEYS, 'source')
_CHOICES = {'dtype': ('float16',), 'source': types.SOURCES}


class BadStore(ValueError):
  """A feature store that cannot be trusted: which file, actual, expected."""


KIND = sealed.Kind(
    'feature store', BadStore, 'extract it again, or fetch it again',
    {'version': int, 'backbone': str, 'weight_hash': str, 'preprocess': str,
     'dim': int, 'dtype': str, 'rows': int, 'source': str, 'files': dict},
    ('normalized', 'quarantined', 'values_not_finite_set_to_0', 'notes',
     'licence'),
    versions=(VERSION,))


@dataclasses.dataclass(frozen=True)
class FeatureStore:
  """Photos with features that stay on disk.

  Attributes:
    path: the folder.
    manifest: what manifest.json says.
    files: the files, each verified before it is used.
  """

  path: pathlib.Path
  manifest: Mapping[str, Any]
  files: sealed.Files

  def __len__(self) -> int:
    return self.manifest['rows']

  @property
  def licence(self) -> str:
    """Under which its photos may be shown; '' where nobody has said."""
    return self.manifest.get('licence', '')

  @functools.cached_property
  def features(self) -> Float[np.ndarray, 'n d']:
    """Un-normalised, float16, memory-mapped."""
    return self.files.array(FEATURES, '<f2', (len(self), self.manifest['dim']))

  @functools.cached_property
  def photos(self) -> types.Photos:
    """Who took what, where; places are exact to float32."""
    return types.Photos(
        self.ids(), self.places().astype(np.float64),
        decode_names(*self.coded(AUTHOR, AUTHORS)),
        decode_names(*self.coded(SEQUENCE, SEQUENCES)),
        self.manifest['source'])

  def ids(self) -> types.Strings:
    """Id of each photo."""
    ids = from_lines(self.files.read(IDS), IDS)
    if len(ids) != len(self):
      raise BadStore(f'{self.path / IDS} has {len(ids):,} lines, expected '
                     f'{len(self):,}; {KIND.remedy}')
    return np.asarray(ids, np.str_)

  def places(self) -> Float[np.ndarray, 'n 2']:
    """Where each photo was taken, float32 degrees."""
    return np.frombuffer(self.files.read(PLACES), '<f4').reshape(-1, 2)

  def coded(self, codes: str, names: str) -> tuple[
      Int[np.ndarray, 'n'], list[str]]:
    """Codes of a text column and the names they stand for; -1 is unknown."""
    known = (from_lines(self.files.read(names), names)
             if names in self.files.sums else [])
    column = np.frombuffer(self.files.read(codes), '<i4')
    bad = np.flatnonzero((column < -1) | (column >= len(known)))
    if len(bad):
      raise BadStore(f'{self.path / codes} names line {column[bad[0]]} in row '
                     f'{bad[0]}, but {names} has {len(known)} lines; '
                     f'{KIND.remedy}')
    return column, known

  def rows(self, rows: Int[np.ndarray, 'b']) -> Float[np.ndarray, 'b d']:
    """Features of those rows, float32 [b, d]."""
    return float16.widened(self.features[rows])

  def fingerprint(self) -> str:
    """Content hash of backbone, preprocessing, rows and licence.

    By what the manifest says of the files: they are not read.
    """
    sums = {name: sums['xxh3_128'] for name, sums in self.files.sums.items()
            if name != QUARANTINE}
    origin = {name: self.manifest[name] for name in _FINGERPRINT}
    if self.licence:  # Stores of earlier versions keep their hash.
      origin['licence'] = self.licence
    text = json.dumps([origin, sums], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def open_store(path: str | pathlib.Path) -> FeatureStore:
  """Opens a store after a look at its manifest and the size of every file.

  A file's bytes are verified when it is first used; `verify` reads all.
  """
  path = pathlib.Path(path)
  manifest = read_manifest(path)
  files = sealed.Files(path, manifest['files'], KIND)
  rows, dim = manifest['rows'], manifest['dim']
  files.check_sizes({FEATURES: 2 * rows * dim, PLACES: 8 * rows,
                     AUTHOR: 4 * rows, SEQUENCE: 4 * rows}, (IDS,))
  return FeatureStore(path, manifest, files)


def read_manifest(path: pathlib.Path) -> dict[str, Any]:
  """The manifest; refuses one that is missing, changed or no store's."""
  manifest = sealed.read_manifest(path, KIND)
  wrong = [f'{name} is {manifest[name]!r:.80}, expected one of {choices}'
           for name, choices in _CHOICES.items()
           if manifest[name] not in choices]
  wrong += [f'{name} is {manifest[name]}, expected at least {least}'
            for name, least in (('rows', 0), ('dim', 1))
            if manifest[name] < least]
  if not isinstance(manifest.get('licence', ''), str):
    wrong.append(f'licence is {manifest["licence"]!r:.80}, expected text')
  if wrong:
    raise BadStore(f'{path / KIND.manifest}: {"; ".join(wrong)}; {KIND.remedy}')
  return manifest
