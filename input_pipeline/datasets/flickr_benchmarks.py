"""IM2GPS, IM2GPS3k, YFCC4k and YFCC26k: a folder of Flickr photos and a CSV.

Rows that their owners marked as placeholders are left out. So are pictures
that look like one in YFCC4k, whose marks are known to miss some, and in
YFCC26k; IM2GPS and IM2GPS3k keep all their rows, so that figures compare with
published ones, and such pictures are only counted.
"""

from collections.abc import Mapping
import dataclasses
import pathlib

from input_pipeline.datasets import csv_images, file_photos, placeholders
from jaxtyping import Bool
import numpy as np
from pinpoint_jax import types

_MARKS: Mapping[str, bool] = {'0': False, '0.0': False, 'False': False,
                              '1': True, '1.0': True, 'True': True}


@dataclasses.dataclass(frozen=True)
class Benchmark:
  """File names of a benchmark's CSV, and which rows are left out.

  Attributes:
    tables: file names of the CSV.
    placeholders: 'leave_out' or 'keep' what `placeholders.repeated` finds.
  """

  tables: tuple[str, ...]
  placeholders: str


BENCHMARKS: Mapping[str, Benchmark] = {
    'im2gps': Benchmark(('im2gps_places365.csv', 'im2gps.csv'), 'keep'),
    'im2gps3k': Benchmark(('im2gps3k_places365.csv',), 'keep'),
    'yfcc4k': Benchmark(('yfcc4k.csv', 'yfcc4k_places365.csv'), 'leave_out'),
    'yfcc26k': Benchmark(('yfcc25600_places365.csv',), 'leave_out'),
}


def read_benchmark(
    name: str, root: str | pathlib.Path, table: str | None = None,
    images: str = '.', swapped: str = 'refuse', duplicates: str = 'refuse',
    placeholder_pictures: str | None = None,
    min_repeats: int = placeholders.MIN_REPEATS,
) -> file_photos.FilePhotos:
  """A benchmark below `root`; `table` and `images` are paths below it.

  `placeholder_pictures`, 'leave_out' or 'keep', replaces the benchmark's own
  choice for placeholders of deleted photos.
  """
  if name not in BENCHMARKS:
    raise ValueError(f'benchmark {name!r}: choices are {sorted(BENCHMARKS)}')
  benchmark, root = BENCHMARKS[name], pathlib.Path(root)
  choice = placeholder_pictures or benchmark.placeholders
  if choice not in ('leave_out', 'keep'):
    raise ValueError(f'placeholder_pictures={choice!r}: choices are leave_out, '
                     f'keep')
  path = root / table if table else _table(root, benchmark.tables)
  source = csv_images.read_csv_images(path, root / images, 'photo', swapped,
                                      duplicates)
  return _leave_repeated(_leave_marked(source, path), choice, min_repeats)


def _table(root: pathlib.Path, names: tuple[str, ...]) -> pathlib.Path:
  there = [root / name for name in names if (root / name).is_file()]
  if len(there) != 1:
    raise ValueError(
        f'{root}: {len(there)} of the tables {list(names)} are here, not one; '
        f'name it with table=')
  return there[0]


def _leave_marked(source: file_photos.FilePhotos,
                  path: pathlib.Path) -> file_photos.FilePhotos:
  """Without the rows that their owners marked."""
  if 'Placeholder' not in source.extra:
    return source
  marked = _marked(source.extra['Placeholder'], source.photos.ids, path)
  if not marked.any():
    return source
  return source.take(~marked, f'{path}: {marked.sum()} rows left out: '
                     f'Placeholder is 1')


def _marked(texts: types.Strings, ids: types.Strings,
            path: pathlib.Path) -> Bool[np.ndarray, 'n']:
  unknown = [i for i, text in enumerate(texts) if str(text) not in _MARKS]
  if unknown:
    raise ValueError(
        f'{path}: column Placeholder: {len(unknown)} values are neither 0 nor '
        f'1, first {str(texts[unknown[0]])!r} of id {ids[unknown[0]]}')
  return np.asarray([_MARKS[str(text)] for text in texts], bool)


def _leave_repeated(source: file_photos.FilePhotos, choice: str,
                    min_repeats: int) -> file_photos.FilePhotos:
  """Without placeholders of deleted photos, or with a note about them."""
  repeated, num_pictures = placeholders.repeated(source, min_repeats)
  if not repeated.any():
    return source
  left = choice == 'leave_out'
  note = (f'{source.root}: {repeated.sum()} rows '
          f'{"left out" if left else "kept"}: {num_pictures} pictures have '
          f'at least {min_repeats} ids each, byte for byte, such as '
          f'{source.photos.ids[np.argmax(repeated)]}')
  return source.take(~repeated if left else np.ones(len(repeated), bool), note)
