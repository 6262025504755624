"""A split as a folder of JPEGs and a CSV."""

from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
import csv
import functools
import json
import multiprocessing
import pathlib
import shutil
import tempfile
from typing import Any

from pinpoint_jax import types

TABLE = 'photos.csv'
MARK = 'synthetic_earth.json'
COLUMNS = ('id', 'lat', 'lng', 'author', 'sequence')
_CHUNK = 256


def write(out_dir: pathlib.Path, photos: types.Photos,
          rows: Sequence[Any], processes: int, mark: Mapping[str, Any],
          jpeg: Callable[[Any], bytes]) -> pathlib.Path:
  """Writes `jpeg` of each row next to `out_dir`, then puts it in its place."""
  _check_replaceable(out_dir)
  out_dir.parent.mkdir(parents=True, exist_ok=True)
  partial = pathlib.Path(tempfile.mkdtemp(
      prefix=f'.{out_dir.name}.', dir=out_dir.parent))
  try:
    _render(partial, photos, rows, processes, jpeg)
    _write_table(partial / TABLE, photos)
    (partial / MARK).write_text(json.dumps(dict(mark), indent=2) + '\n')
    partial.chmod(0o755)  # mkdtemp makes folders private.
    if out_dir.exists():
      shutil.rmtree(out_dir)
    partial.rename(out_dir)
  finally:
    shutil.rmtree(partial, ignore_errors=True)
  return out_dir


def _check_replaceable(out_dir: pathlib.Path) -> None:
  """Refuses a folder with somebody's own files in it."""
  if not out_dir.exists() or (out_dir / MARK).exists():
    return
  if not out_dir.is_dir() or any(out_dir.iterdir()):
    raise FileExistsError(
        f'{out_dir} exists and has no {MARK}: it was not written by Synthetic '
        'Earth and is left alone; name another folder')


def _render(folder: pathlib.Path, photos: types.Photos,
            rows: Sequence[Any], processes: int,
            jpeg: Callable[[Any], bytes]) -> None:
  jobs = [(photos.ids[i:i + _CHUNK].tolist(), list(rows[i:i + _CHUNK]))
          for i in range(0, len(rows), _CHUNK)]
  work = functools.partial(_render_chunk, folder, jpeg)
  if processes <= 1 or len(jobs) <= 1:
    for job in jobs:
      work(job)
    return
  # Not forked: a process in which jax runs threads must not be.
  context = multiprocessing.get_context('spawn')
  with futures.ProcessPoolExecutor(processes, context) as pool:
    list(pool.map(work, jobs))


def _render_chunk(folder: pathlib.Path, jpeg: Callable[[Any], bytes],
                  job: tuple[list[str], list[Any]]) -> None:
  for name, row in zip(*job):
    (folder / f'{name}.jpg').write_bytes(jpeg(row))


def _write_table(path: pathlib.Path, photos: types.Photos) -> None:
  with path.open('w', encoding='utf-8', newline='') as file:
    writer = csv.writer(file, lineterminator='\n')
    writer.writerow(COLUMNS)
    for name, (lat, lng), author, sequence in zip(
        photos.ids, photos.latlng_deg, photos.authors, photos.sequences):
      writer.writerow([name, f'{lat:.6f}', f'{lng:.6f}', author, sequence])
