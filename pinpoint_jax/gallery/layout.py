"""What lies in a gallery directory, what its manifest must say, who may write.

  manifest.json                 the one file that says what the gallery is
  segments/NAME/                rows of one build or one addition, by id
  removed-HASH.i64.bin          numbers of the deleted rows
  index/KEY/, neighbours/KEY/   derived; KEY stands for all rows or a segment
  build.json                    what the last build or addition started from

A segment's name is a hash of its files. Nothing here is ever changed: a writer
adds files, puts another manifest in place of the old one, then sweeps.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
import contextlib
import hashlib
import json
import math
import pathlib
import re
import shutil
from typing import Any

from pinpoint_jax import types
from pinpoint_jax.disk import lock, sealed

VERSION = 1
MANIFEST, SEGMENTS, LOCK = sealed.MANIFEST, 'segments', lock.NAME
DERIVED = ('index', 'neighbours')
# Folders of earlier versions: the next writer removes them.
_OUTDATED = ('support',)
BUILD = 'build.json'
RECORDS = ('run.json', 'config.txt', BUILD)
MODES = {'combined': types.SOURCES, 'photo': ('photo',), 'street': ('street',)}
RAW = ('float16', 'int8', 'off')
Z_IMAGE, Z_LOCATION = 'z_image.f16.bin', 'z_location.f16.bin'
RAW_FILES = {'float16': 'raw.f16.bin', 'int8': 'raw.i8.bin'}
RAW_SCALE = 'raw_scale.f32.bin'
PLACES, SOURCE = 'latlng_deg.f32.bin', 'source.u8.bin'
IDS, ID_OFFSETS = 'ids.txt', 'ids.i64.bin'
# Each has codes, NAME.i32.bin, and names, NAME.txt.
CODED = ('author', 'sequence', 'country', 'admin1', 'admin2')
# Another one, of segments with a row whose licence is known.
LICENCE = 'licence'
# Finished segments, and unfinished ones.
_OURS = re.compile(r'[0-9a-f]{16}|\..*\.tmp')


class BadGallery(ValueError):
  """A gallery that cannot be trusted or does not fit: actual, expected."""


KIND = sealed.Kind(
    'gallery', BadGallery, 'build it again, or fetch it again',
    {'version': int, 'mode': str, 'embedder': str, 'inputs': dict, 'dim': int,
     'raw': str, 'raw_dim': int, 'rows': int, 'duplicates_left_out': int,
     'segments': list}, ('removed',), versions=(VERSION,))
BUILD_KIND = sealed.Kind(
    'record of a build', BadGallery, 'remove that file',
    {'inputs': str, 'gallery': str}, manifest=BUILD)
_CHOICES = {'mode': tuple(MODES), 'raw': RAW}
_LEAST = {'dim': 1, 'raw_dim': 0, 'rows': 0, 'duplicates_left_out': 0}


def coded_columns(names: Container[str]) -> tuple[str, ...]:
  """Coded columns of a segment that has files of these names."""
  return (*CODED, LICENCE) if codes_file(LICENCE) in names else CODED


def arrays(manifest: Mapping[str, Any], rows: int,
           coded: Iterable[str] = CODED,
           ) -> dict[str, tuple[str, tuple[int, ...]]]:
  """Dtype and shape of every array file of a segment of so many rows."""
  dim, raw = manifest['dim'], manifest['raw']
  shapes = {Z_IMAGE: ('<f2', (rows, dim)), Z_LOCATION: ('<f2', (rows, dim)),
            PLACES: ('<f4', (rows, 2)), SOURCE: ('u1', (rows,)),
            ID_OFFSETS: ('<i8', (rows + 1,))}
  shapes |= {codes_file(name): ('<i4', (rows,)) for name in coded}
  if raw != 'off':
    shapes[RAW_FILES[raw]] = ('<f2' if raw == 'float16' else 'i1',
                              (rows, manifest['raw_dim']))
  if raw == 'int8':
    shapes[RAW_SCALE] = ('<f4', (rows,))
  return shapes


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
  """The manifest; refuses one that is missing, changed or no gallery's."""
  manifest = sealed.read_manifest(path, KIND)
  wrong = [f'{name} is {manifest[name]!r:.80}, expected one of {choices}'
           for name, choices in _CHOICES.items()
           if manifest[name] not in choices]
  wrong += [f'{name} is {manifest[name]}, expected at least {least}'
            for name, least in _LEAST.items() if manifest[name] < least]
  if not _segments_are_sound(manifest):
    wrong.append('segments or removed are broken')
  if wrong:
    raise BadGallery(f'{path / MANIFEST}: {"; ".join(wrong)}; {KIND.remedy}')
  return manifest


def _segments_are_sound(manifest: Mapping[str, Any]) -> bool:
  removed, segments = manifest.get('removed', {}), manifest['segments']
  try:
    plain = all(type(s['rows']) is int and s['rows'] >= 0
                and sealed.is_safe(s['name']) and '/' not in s['name']
                and sealed.are_file_sums(s['files']) for s in segments)
    return (plain and sum(s['rows'] for s in segments) == manifest['rows']
            and (removed is None or type(removed['rows']) is int
                 and removed['rows'] > 0 and sealed.are_file_sums(
                     {removed['file']: _sums_of(removed)})))
  except (KeyError, TypeError, AttributeError):
    return False


def open_files(path: pathlib.Path,
               manifest: Mapping[str, Any]) -> sealed.Files:
  """All files that the manifest names, after a look at their sizes.

  A segment's are called segments/NAME/FILE.
  """
  sums, by_rows, texts = {}, {}, []
  for segment in manifest['segments']:
    folder = f'{SEGMENTS}/{segment["name"]}/'
    sums |= {folder + name: x for name, x in segment['files'].items()}
    coded = coded_columns(segment['files'])
    by_rows |= {folder + name: size for name, size in
                num_bytes(manifest, segment['rows'], coded).items()}
    texts += [folder + name for name in (IDS, *map(names_file, coded))]
  removed = manifest['removed']
  if removed:
    sums[removed['file']] = _sums_of(removed)
    by_rows[removed['file']] = 8 * removed['rows']
  files = sealed.Files(path, sums, KIND)
  files.check_sizes(by_rows, texts)
  return files


def num_bytes(manifest: Mapping[str, Any], rows: int,
              coded: Iterable[str] = CODED) -> dict[str, int]:
  """Bytes of each array file of a segment of so many rows."""
  return {name: int(dtype[-1]) * math.prod(shape)
          for name, (dtype, shape) in arrays(manifest, rows, coded).items()}


def _sums_of(removed: Mapping[str, Any]) -> dict[str, Any]:
  return {name: removed[name] for name in ('bytes', 'xxh3_128')}


def fingerprint(manifest: Mapping[str, Any]) -> str:
  """Content hash of all that can change an answer."""
  entries = sealed.entries_of(manifest)
  del entries['duplicates_left_out']
  text = json.dumps(entries, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:16]


def rows_key(manifest: Mapping[str, Any]) -> str:
  """Content hash of the rows, whichever of them are deleted."""
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
  partials = (MANIFEST, BUILD, sealed.CACHE, 'removed-*')
  left = [x for name in partials for x in path.glob(f'.{name}.*.tmp')]
  segments = manifest['segments'] if manifest else []
  live = {segment['name'] for segment in segments}
  left += [x for x in path.glob(f'{SEGMENTS}/*')
           if x.name not in live and _OURS.fullmatch(x.name)]
  removed = (manifest['removed'] if manifest else None) or {'file': None}
  left += [x for x in path.glob('removed-*.i64.bin')
           if x.name != removed['file']]
  for kind in DERIVED if manifest else ():
    keys = {rows_key(manifest), *live}
    left += [x for x in path.glob(f'{kind}/*') if x.name not in keys]
  left += [path / name for name in _OUTDATED if (path / name).exists()]
  return sorted(left)


def sweep(path: pathlib.Path, manifest: Mapping[str, Any] | None) -> None:
  """Removes leftovers; only the holder of the lock may."""
  for left in leftovers(path, manifest):
    if left.is_dir():
      shutil.rmtree(left)
    else:
      left.unlink()


@contextlib.contextmanager
def writing(path: pathlib.Path) -> Iterator[dict[str, Any] | None]:
  """Holds the gallery's lock, swept of what killed writers left.

  Yields the manifest, None where there is no gallery yet.
  """
  if path.is_dir() and not (path / MANIFEST).exists():
    _refuse_unexpected(path)
  with lock.hold(path):
    manifest = _manifest_or_none(path)
    sweep(path, manifest)
    try:
      yield manifest
    finally:
      sweep(path, _manifest_or_none(path))


def publish(path: pathlib.Path, manifest: Mapping[str, Any]) -> None:
  """Makes the folder be what `manifest` says; `writing` sweeps the rest."""
  sealed.write_manifest(path, KIND, manifest)


def _manifest_or_none(path: pathlib.Path) -> dict[str, Any] | None:
  return read_manifest(path) if (path / MANIFEST).exists() else None


def _refuse_unexpected(path: pathlib.Path) -> None:
  names = [*unexpected_files(path),
           *[name for name in DERIVED if (path / name).exists()]]
  if names:
    raise BadGallery(f'{path} contains {names[:3]}, which is no part of a '
                     f'gallery: choose another folder')


def unexpected_files(path: pathlib.Path) -> list[str]:
  """Names in the folder that no part of this program puts there."""
  known = {MANIFEST, SEGMENTS, LOCK, *DERIVED, *RECORDS, *_OUTDATED}
  return sorted(x.name for x in path.iterdir() if x.name not in known
                and not x.match('removed-*.i64.bin')
                and not x.name.startswith('.'))
