"""Every data set by its name: `open_source('osv5m', root, split='test')`.

`tfds:NAME` is that data set as `experiments.prepare_tfds` wrote it.
"""

from collections.abc import Callable, Mapping, Sequence
import functools
import inspect
import pathlib
from typing import Any

from input_pipeline import prepared, sources
from input_pipeline.datasets import (
  commons26,
  csv_images,
  file_photos,
  flickr_benchmarks,
  folder,
  mp16_pro,
  osv5m,
  webdataset,
)
from input_pipeline.picture_earth import dataset as synthetic
import numpy as np
from pinpoint_jax import blocks, types

Root = str | pathlib.Path | None
PREPARED = 'tfds:'
# Under which their owners publish the photos, where one is known for all.
_LICENCES: Mapping[str, str] = {
    'osv5m': 'CC BY-SA 4.0', 'synthetic_earth': sources.SYNTHETIC_LICENCE}


def open_source(name: str, /, root: Root = None, *,
                max_rows: int | None = None, evenly: bool = False,
                record: pathlib.Path | None = None,
                **options: Any) -> sources.PhotoSource:
  """The photos of a data set below `root`; `max_rows` takes the first ones.

  evenly: of `max_rows`, such as are spread evenly over the data set. The error
  for an unknown name or option lists the choices. `record` names a file that
  keeps the list of photos of a folder, for a job that is resumed: see
  `file_photos.recorded`.
  """
  reader = _reader(name)
  if max_rows is not None and max_rows < 1:
    raise ValueError(f'max_rows={max_rows}: must be at least 1')
  allowed = options_of(name)
  unknown = sorted(set(options) - set(allowed))
  if unknown:
    raise ValueError(f'data set {name!r} has no options {unknown}: choices are '
                     f'{sorted([*allowed, "max_rows"])}')
  if bool(root) == (name == 'synthetic_earth'):
    raise ValueError(f'data set {name!r}: root={str(root)!r}, but '
                     + ('it has no files' if root else 'it needs a folder'))
  read = functools.partial(reader, root, **options)
  source = file_photos.recorded(
      record, {'name': name, 'root': str(root)} | options, read,
  ) if record else read()
  if max_rows is None or len(source.photos) <= max_rows:
    return source
  return sources.Subset(source, (
      blocks.evenly_spread(len(source.photos), max_rows) if evenly
      else np.arange(max_rows)))


def of_words(words: Sequence[str], root: Root = None,
             split: str = '') -> sources.PhotoSource | None:
  """The prepared data set that a command line names, as its only word and with
  its folder; None where the words are photos."""
  named = [word for word in words if word.startswith(PREPARED)]
  if not named:
    if root or split:
      raise ValueError(f'--root={root or ""} --split={split}: they are of '
                       f'{PREPARED}NAME, and no word is one')
    return None
  if len(words) > 1:
    raise ValueError(f'{named[0]!r} and {len(words) - 1} more: a data set is '
                     f'taken alone')
  if not root:
    raise ValueError(f'{named[0]!r}: --root is empty: name the folder that '
                     f'prepare_tfds wrote, its --out')
  return open_source(named[0], root, **({'split': split} if split else {}))


def licence_of(name: str) -> str:
  """Under which all photos of a data set may be shown; '' where unknown."""
  return _LICENCES.get(name.removeprefix(PREPARED), '')


def options_of(name: str) -> tuple[str, ...]:
  """The options of a data set, other than its folder."""
  return tuple(inspect.signature(_reader(name)).parameters)[1:]


def _reader(name: str) -> Callable[..., sources.PhotoSource]:
  """What opens the data set of that name."""
  plain = name.removeprefix(PREPARED)
  if plain not in READERS:
    raise ValueError(f'data set {name!r}: choices are {sorted(READERS)}, and '
                     f'{PREPARED}NAME for what prepare_tfds wrote')
  if plain == name:
    return READERS[name]
  def read(root: Root, split: str = 'main') -> prepared.PreparedPhotos:
    return prepared.PreparedPhotos(prepared.folder(root, plain), split)
  return read


def all_options() -> dict[str, type]:
  """Every option of any data set, and its type."""
  options: dict[str, type] = {}
  for name in sorted(READERS):
    for parameter in list(inspect.signature(READERS[name]).parameters
                          .values())[1:]:
      default = parameter.default
      options[parameter.name] = str if default is None else type(default)
  return options


def _read_csv(root: Root, table: str = 'photos.csv', images: str = '.',
              source: types.Source = 'photo', swapped: str = 'refuse',
              duplicates: str = 'refuse', allow_null_island: bool = False,
              ) -> file_photos.FilePhotos:
  """A CSV and a folder of images, both below `root`."""
  base = pathlib.Path(root)
  return csv_images.read_csv_images(base / table, base / images, source,
                                    swapped, duplicates, allow_null_island)


def _read_benchmark(name: str) -> Callable[..., sources.PhotoSource]:
  def read(root: Root, table: str | None = None, images: str = '.',
           swapped: str = 'refuse', duplicates: str = 'refuse',
           placeholder_pictures: str | None = None,
           ) -> file_photos.FilePhotos:
    return flickr_benchmarks.read_benchmark(
        name, root, table, images, swapped, duplicates, placeholder_pictures)
  return read


class SyntheticPhotos:
  """One split of a Synthetic Earth; what travels is the name of the world."""

  notes = ()

  def __init__(self, size: str = 'tiny', seed: int = 0,
               split: str = 'gallery_photo', variant: str = 'default'):
    self._name = size, seed, split, variant
    self._earth = synthetic.picture_earth(size, seed, variant)
    self._split = split
    # Made once; an unknown split is refused here.
    self.photos: types.Photos = self._earth.photos(split)

  def read(self, row: int) -> bytes:
    """The JPEG of that row, drawn now."""
    return self._earth.jpeg(self._split, int(row))

  def __reduce__(self) -> tuple[Any, ...]:
    return SyntheticPhotos, self._name


def _read_synthetic(root: Root, size: str = 'tiny', seed: int = 0,
                    split: str = 'gallery_photo',
                    variant: str = 'default') -> SyntheticPhotos:
  del root  # It has no files.
  return SyntheticPhotos(size, seed, split, variant)


READERS: Mapping[str, Callable[..., sources.PhotoSource]] = {
    'commons26': commons26.read_commons26,
    'csv': _read_csv,
    'folder': folder.read_folder,
    'mp16_pro': mp16_pro.read_mp16_pro,
    'osv5m': osv5m.read_osv5m,
    'synthetic_earth': _read_synthetic,
    'webdataset': webdataset.read_webdataset,
    **{name: _read_benchmark(name) for name in flickr_benchmarks.BENCHMARKS},
}
