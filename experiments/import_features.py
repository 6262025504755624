r"""Somebody else's features to a feature store.

  python -m experiments.import_features --features=F.npy --metadata=M.csv \
    --source=photo|street --out=STORE --backbone_name=NAME --weights=ID

F is float16, float32 or float64 [n, d], as .npy or as .npz with one array.
M has a row for each row of F, in the same order: id, lat, lng and optionally
author and sequence, under any usual column name. Nothing is ever unpickled.

Stores are used together only if one model made them: the same
--backbone_name, --weights, --preprocess and dimension. --weights is any text
that names the weights, such as google/siglip2-so400m-patch14-384 or a hash;
give every import of these features the same one. Without it the weights are
recorded as unknown, and stores of the same --backbone_name count as made by
the same weights. docs/own_features.md leads from features to a table.
"""

from collections.abc import Iterator
import pathlib
import zipfile

from experiments.run import launch
from input_pipeline import csv_table
import numpy as np
from pinpoint_jax.features import store_writer

_UNKNOWN = 'unknown'
FLAGS = (
    launch.Flag('features', None, 'Array of features [n, d]: .npy, or .npz '
                'with one array.'),
    launch.Flag('metadata', None, 'CSV with a row for each feature: id, lat, '
                'lng, optionally author, sequence.'),
    launch.Flag('source', None, 'photo or street.'),
    launch.Flag('out', None, 'Feature store to write.'),
    launch.Flag('backbone_name', 'imported', 'Name of the model that made the '
                'features.'),
    launch.Flag('weights', _UNKNOWN, 'Any text that names the weights that '
                'made the features: stores are used together only if it is '
                'the same. unknown: stores of the same --backbone_name are.'),
    launch.Flag('preprocess', _UNKNOWN, 'How photos became the input of the '
                'model that made the features, as text.'),
    launch.Flag('licence', '', 'Under which the photos may be shown: it stands '
                'beside those that speak for an answer.'),
    launch.Flag('swapped', 'refuse', 'Where LAT and LON headers are swapped: '
                'refuse or fix.'),
)
_CHUNK_ROWS = 8192
_MAX_F16 = float(np.finfo(np.float16).max)


def main(run: launch.Run) -> None:
  """Read, check, write."""
  out = pathlib.Path(run.flags['out'])
  if out.exists():
    raise ValueError(f'--out={out} exists; remove it or name another folder')
  for name in ('backbone_name', 'weights', 'preprocess'):
    if not run.flags[name].strip():
      raise ValueError(f'--{name}={run.flags[name]!r}: must not be empty')
  source = run.flags['source']
  if source not in ('photo', 'street'):
    raise ValueError(f'--source={source!r}: choices are photo, street')
  path = pathlib.Path(run.flags['features'])
  features = read_array(path)
  table = csv_table.read_photos_csv(run.flags['metadata'], source,
                                    run.flags['swapped'])
  if len(features) != len(table.photos):
    raise ValueError(f'{path} has {len(features):,} rows, '
                     f'{run.flags["metadata"]} has {len(table.photos):,}')
  _check(features, path)
  notes = [f'imported from {path.name}', *table.notes]
  if run.flags['weights'] == _UNKNOWN:
    notes.append(f'the weights are unknown: stores of '
                 f'{run.flags["backbone_name"]!r} and {features.shape[1]} '
                 f'dimensions count as made by the same; name them by '
                 f'--weights')
    print(f'note: {notes[-1]}')
  origin = store_writer.FeatureOrigin(
      run.flags['backbone_name'], run.flags['weights'],
      run.flags['preprocess'], tuple(notes), licence=run.flags['licence'])
  store = store_writer.write(out, table.photos, _chunks(features),
                             features.shape[1], origin)
  print(f'{len(store):,} rows of {features.shape[1]} dimensions: {out}')


def read_array(path: pathlib.Path) -> np.ndarray:
  """The floats in an .npy (memory-mapped) or in an .npz of one array."""
  try:
    array = np.load(path, mmap_mode='r', allow_pickle=False)
    if isinstance(array, np.lib.npyio.NpzFile):
      if len(array.files) != 1:
        raise ValueError(f'{path} holds the arrays {array.files}, not one')
      array = array[array.files[0]]
  except (ValueError, EOFError, zipfile.BadZipFile) as error:
    hint = ('; arrays of objects are pickles and never read: save the array '
            'as float32' if 'pickle' in str(error) or 'objects' in str(error)
            else '')
    raise ValueError(f'{path}: {error}{hint}') from error
  if array.ndim != 2 or array.dtype not in (np.float16, np.float32, np.float64):
    raise ValueError(f'{path}: {array.dtype} {list(array.shape)}; expected '
                     f'float16, float32 or float64 [n, d]')
  return array


def _check(features: np.ndarray, path: pathlib.Path) -> None:
  """Refuses what float16 cannot hold: nothing is changed in silence."""
  bad, largest = [], 0.0
  for start, chunk in zip(range(0, len(features), _CHUNK_ROWS),
                          _chunks(features)):
    fits = np.isfinite(chunk).all(1)
    bad += (start + np.flatnonzero(~fits)).tolist()
    largest = max(largest, float(np.abs(chunk[fits]).max(initial=0)))
  if bad:
    raise ValueError(f'{path}: {len(bad)} rows hold NaN or infinity: '
                     f'{bad[:5]}; remove them from features and metadata')
  if largest > _MAX_F16:
    raise ValueError(f'{path}: the largest value {largest:g} does not fit '
                     f'into float16 ({_MAX_F16:g}); scale all features by one '
                     f'factor')


def _chunks(features: np.ndarray) -> Iterator[np.ndarray]:
  for start in range(0, len(features), _CHUNK_ROWS):
    yield np.asarray(features[start:start + _CHUNK_ROWS], np.float64)


if __name__ == '__main__':
  launch.run(main, FLAGS, (('features', 'metadata', 'source', 'out'),))
