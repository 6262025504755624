r"""Somebody else's features to a feature store.

  python -m experiments.import_features --features=F.npy --metadata=M.csv \
    --source=photo|street --out=STORE

F is float16, float32 or float64 [n, d], as .npy or as .npz with one array.
M has a row for each row of F, in the same order: id, lat, lng and optionally
author and sequence, under any usual column name. Nothing is ever unpickled.
"""

from collections.abc import Iterator
import pathlib
import zipfile

from experiments.run import launch
from input_pipeline import csv_table
import numpy as np
from pinpoint_jax.disk import files
from pinpoint_jax.features import store_writer

FLAGS = ('features', 'metadata', 'source', 'out', 'backbone_name', 'swapped')
_CHUNK_ROWS = 8192
_MAX_F16 = float(np.finfo(np.float16).max)


def main(run: launch.Run) -> None:
  """Read, check, write."""
  out = pathlib.Path(run.flags['out'])
  if out.exists():
    raise ValueError(f'--out={out} exists; remove it or name another folder')
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
  made = store_writer.write(
      out, table.photos, _chunks(features), features.shape[1],
      store_writer.FeatureOrigin(run.flags['backbone_name'],
                                 files.checksum(path),
                         'unknown', (f'imported from {path.name}',
                                     *table.notes)))
  print(f'{len(made):,} rows of {features.shape[1]} numbers: {out}')


def read_array(path: pathlib.Path) -> np.ndarray:
  """The floats in an .npy (memory-mapped) or in an .npz of one array."""
  try:
    found = np.load(path, mmap_mode='r', allow_pickle=False)
    if isinstance(found, np.lib.npyio.NpzFile):
      if len(found.files) != 1:
        raise ValueError(f'{path} holds the arrays {found.files}, not one')
      found = found[found.files[0]]
  except (ValueError, EOFError, zipfile.BadZipFile) as error:
    hint = ('; arrays of objects are pickles and never read: save the array '
            'as float32' if 'pickle' in str(error) or 'objects' in str(error)
            else '')
    raise ValueError(f'{path}: {error}{hint}') from error
  if found.ndim != 2 or found.dtype not in (np.float16, np.float32, np.float64):
    raise ValueError(f'{path}: {found.dtype} {list(found.shape)}; expected '
                     f'float16, float32 or float64 [n, d]')
  return found


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


def run() -> None:
  """Entry of the binary."""
  launch.run(main, FLAGS, required=('features', 'metadata', 'source', 'out'),
             use_config=False)


if __name__ == '__main__':
  run()
