"""What lies in a gallery directory, and what its manifest must say.

  manifest.json                 the one file that says what the gallery is
  segments/NAME/                rows of one build or one addition, by id
  removed-HASH.i64.bin          numbers of the rows deleted
  index/KEY/, support/KEY/      derived; KEY stands for all rows or a segment

A segment's name is a hash of its files. Nothing here is ever changed: a writer
adds files, puts another manifest in place of the old one, then sweeps.
"""

from collections.abc import Mapping
import hashlib
import json
import pathlib
import re
import shutil
from typing import Any

from pinpoint_jax import types

VERSION = 1
MANIFEST, SEGMENTS, LOCK = 'manifest.json', 'segments', 'lock.json'
DERIVED = ('index', 'support')
RECORDS = ('run.json', 'config.txt')
MODES = {'combined': types.SOURCES, 'photo': ('photo',), 'street': ('street',)}
RAW = ('float16', 'int8', 'off')
Z_IMAGE, Z_LOCATION = 'z_image.f16.bin', 'z_location.f16.bin'
RAW_FILES = {'float16': 'raw.f16.bin', 'int8': 'raw.i8.bin'}
RAW_SCALE = 'raw_scale.f32.bin'
PLACES, SOURCE = 'latlng_deg.f32.bin', 'source.u8.bin'
IDS, ID_OFFSETS = 'ids.txt', 'ids.i64.bin'
# Each has codes, NAME.i32.bin, and names, NAME.txt.
CODED = ('author', 'sequence', 'country', 'admin1', 'admin2')
# Finished segments, and unfinished ones.
_OURS = re.compile(r'[0-9a-f]{16}|\..*\.tmp')
INPUTS = ('backbone', 'weight_hash', 'preprocess', 'dim')
_NEEDED = {'version': int, 'mode': str, 'embedder': str, 'inputs': dict,
           'dim': int, 'raw': str, 'raw_dim': int, 'rows': int,
           'duplicates_left_out': int, 'segments': list}


class BadGallery(ValueError):
  """A gallery that cannot be trusted or does not fit: found, expected."""


def arrays(manifest: Mapping[str, Any],
           rows: int) -> dict[str, tuple[str, tuple[int, ...]]]:
  """Dtype and shape of every array file of a segment of so many rows."""
  dim, raw = manifest['dim'], manifest['raw']
  found = {Z_IMAGE: ('<f2', (rows, dim)), Z_LOCATION: ('<f2', (rows, dim)),
           PLACES: ('<f4', (rows, 2)), SOURCE: ('u1', (rows,)),
           ID_OFFSETS: ('<i8', (rows + 1,))}
  found |= {codes_file(name): ('<i4', (rows,)) for name in CODED}
  if raw != 'off':
    found[RAW_FILES[raw]] = ('<f2' if raw == 'float16' else 'i1',
                             (rows, manifest['raw_dim']))
  if raw == 'int8':
    found[RAW_SCALE] = ('<f4', (rows,))
  return found


def codes_file(name: str) -> str:
  """File of a coded column's numbers."""
  return f'{name}.i32.bin'


def names_file(name: str) -> str:
  """File of a coded column's names."""
  return f'{name}.txt'


def is_gallery(path: pathlib.Path) -> bool:
  """Whether the folder is a gallery, sound or not."""
  return (path / SEGMENTS).is_dir()


def read_manifest(path: pathlib.Path) -> dict[str, Any]:
  """The manifest; refuses one that is missing, broken or of another version."""
  file = path / MANIFEST
  if not file.is_file():
    raise BadGallery(f'{file} is missing: {path} is no gallery, or its build '
                     f'did not finish; build it again')
  try:
    manifest = dict(json.loads(file.read_text(encoding='utf-8')))
  except (ValueError, TypeError) as error:
    raise BadGallery(f'{file}: not readable as a JSON object: {error}'
                     ) from error
  if manifest.get('version') != VERSION:
    raise BadGallery(f'{file}: version {manifest.get("version")!r}, this '
                     f'program reads {VERSION}; remove {path} and build it '
                     f'again')
  wrong = [f'{name} is {manifest.get(name)!r:.80}' for name in _NEEDED
           if not _is_sound(name, manifest)]
  if not wrong and not _segments_are_sound(manifest):
    wrong = ['segments or removed are broken']
  if wrong:
    raise BadGallery(f'{file}: {"; ".join(wrong)}, which no writer of this '
                     f'program writes; remove {path} and build it again')
  return manifest


def _is_sound(name: str, manifest: Mapping[str, Any]) -> bool:
  value = manifest.get(name)
  if type(value) is not _NEEDED[name]:
    return False
  choices = {'mode': MODES, 'raw': RAW}
  return value in choices[name] if name in choices else (
      type(value) is not int or value >= (name == 'dim'))


def _segments_are_sound(manifest: Mapping[str, Any]) -> bool:
  removed = manifest.get('removed', {})
  try:
    plain = all(type(s['rows']) is int and s['rows'] >= 0
                and _is_name(s['name']) and _are_files(s['files'])
                for s in manifest['segments'])
    return (plain and sum(s['rows'] for s in manifest['segments'])
            == manifest['rows'] and (removed is None or (
                type(removed['rows']) is int and removed['rows'] > 0
                and _are_files({removed['file']: removed}))))
  except (KeyError, TypeError, AttributeError):
    return False


def _are_files(files: Mapping[str, Any]) -> bool:
  return all(_is_name(name) and type(facts['bytes']) is int
             and type(facts['xxh3_128']) is str
             for name, facts in files.items())


def _is_name(name: Any) -> bool:
  # What a manifest names must lie inside the gallery.
  return (type(name) is str and name == pathlib.PurePath(name).name
          and name[:1] != '.' and '\0' not in name and '\\' not in name)


def size_problems(path: pathlib.Path, manifest: Mapping[str, Any]) -> list[str]:
  """What does not fit in the number and size of files."""
  problems = []
  for segment in manifest['segments']:
    folder = pathlib.PurePath(SEGMENTS, segment['name'])
    expected = expected_bytes(manifest, segment)
    problems += [f'{folder / name} is not in the manifest'
                 for name in expected if name not in segment['files']]
    for name, facts in segment['files'].items():
      problems += _size_problem(path, folder / name, expected.get(name), facts)
  removed = manifest['removed']
  if removed:
    problems += _size_problem(path, pathlib.PurePath(removed['file']),
                              8 * removed['rows'], removed)
  return problems


def expected_bytes(manifest: Mapping[str, Any],
                   segment: Mapping[str, Any]) -> dict[str, int | None]:
  """Bytes of each file of a segment by its rows; None for text."""
  found: dict[str, int | None] = {IDS: None}
  found |= {names_file(name): None for name in CODED}
  for name, (dtype, shape) in arrays(manifest, segment['rows']).items():
    found[name] = int(dtype[-1])
    for length in shape:
      found[name] *= length
  return found


def _size_problem(path: pathlib.Path, name: pathlib.PurePath,
                  by_rows: int | None, facts: Mapping[str, Any]) -> list[str]:
  file = path / name
  if not file.is_file():
    return [f'{name} is missing']
  found = file.stat().st_size
  expected = facts['bytes'] if by_rows is None else by_rows
  if found != expected or found != facts['bytes']:
    return [f'{name} has {found:,} bytes, expected {expected:,}']
  return []


def fingerprint(manifest: Mapping[str, Any]) -> str:
  """Content hash of all that can change an answer."""
  about = {name: value for name, value in manifest.items()
           if name != 'duplicates_left_out'}
  text = json.dumps(about, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:16]


def rows_key(manifest: Mapping[str, Any]) -> str:
  """Content hash of the rows, not with what is deleted.

  A segment's name is a hash of its files.
  """
  names = ' '.join(segment['name'] for segment in manifest['segments'])
  return hashlib.sha256(names.encode()).hexdigest()[:16]


def derived(path: pathlib.Path, kind: str, key: str) -> pathlib.Path:
  """Folder of something made from a gallery or from one of its segments.

  `key` is the gallery's rows_key or the segment's name; a folder with another
  key is removed by the next writer of the gallery.
  """
  if kind not in DERIVED:
    raise ValueError(f'derived {kind!r}: choices are {DERIVED}')
  return path / kind / key


def leftovers(path: pathlib.Path,
              manifest: Mapping[str, Any] | None) -> list[pathlib.Path]:
  """Files and folders of killed writers and of earlier states."""
  found = [*path.glob(f'.{MANIFEST}.*.tmp'), *path.glob('.removed-*.tmp')]
  segments = manifest['segments'] if manifest else []
  live = {segment['name'] for segment in segments}
  found += [x for x in path.glob(f'{SEGMENTS}/*')
            if x.name not in live and _OURS.fullmatch(x.name)]
  removed = (manifest['removed'] if manifest else None) or {'file': None}
  found += [x for x in path.glob('removed-*.i64.bin')
            if x.name != removed['file']]
  for kind in DERIVED if manifest else ():
    keys = {rows_key(manifest), *live}
    found += [x for x in path.glob(f'{kind}/*') if x.name not in keys]
  return sorted(found)


def sweep(path: pathlib.Path, manifest: Mapping[str, Any] | None) -> None:
  """Removes leftovers; only the holder of the lock may."""
  for left in leftovers(path, manifest):
    if left.is_dir():
      shutil.rmtree(left)
    else:
      left.unlink()


def unexpected_files(path: pathlib.Path) -> list[str]:
  """Names in the folder that no part of this program puts there."""
  known = {MANIFEST, SEGMENTS, LOCK, *DERIVED, *RECORDS}
  return sorted(x.name for x in path.iterdir() if x.name not in known
                and not x.match('removed-*.i64.bin')
                and not x.name.startswith('.'))
