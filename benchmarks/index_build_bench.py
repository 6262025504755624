"""Time and memory to build one channel's index from float16 rows on disk.

  python -m benchmarks.index_build_bench --rows=1000000 --dim=1536 \\
    --out=benchmarks/results/index_build.json

The build runs in a process of its own, so that its peak memory is its own.
Above 512 numbers the rows are projected first, as the gallery's raw channel.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
from pinpoint_jax.search import ann, ann_projected, ann_scann, vectors

from benchmarks import search_bench

_LONGEST_DIRECT = 512


def write_rows(path: pathlib.Path, num_rows: int, dim: int) -> None:
  """Clustered rows as float16, a block at a time."""
  rows = np.lib.format.open_memmap(path, 'w+', np.float16, (num_rows, dim))
  for seed, start in enumerate(range(0, num_rows, 50_000)):
    part = rows[start:start + 50_000]
    part[:] = search_bench.clustered(len(part), dim, seed)
  rows.flush()


def built(rows: vectors.Vectors):
  """The index that rows of this length get."""
  settings = ann.settings_for_rows(len(rows))
  if rows.dim <= _LONGEST_DIRECT:
    return ann_scann.ScannIndex.build(rows, settings, '')
  matrix = ann_projected.fit(rows)
  inner = ann_scann.ScannIndex.build(
      ann_projected.project(rows, matrix), settings, '')
  return ann_projected.ProjectedIndex(inner, matrix, rows, '')


def loaded(folder: pathlib.Path, rows: vectors.Vectors):
  """The index that `built` and saved."""
  if rows.dim <= _LONGEST_DIRECT:
    return ann_scann.ScannIndex.load(folder)
  return ann_projected.ProjectedIndex.load(
      folder, rows, '', ann_scann.ScannIndex.load)


def forget_peak() -> None:
  """Has `peak_gib` count from now on."""
  pathlib.Path('/proc/self/clear_refs').write_text('5')


def peak_gib() -> float:
  """Most memory of this process, with the pages of files it has mapped.

  Not ru_maxrss, which starts at what the parent held when it forked.
  """
  status = pathlib.Path('/proc/self/status').read_text()
  return int(status.split('VmHWM:')[1].split()[0]) / 2**20


def measure(path: pathlib.Path) -> dict:
  """Builds, saves and searches; runs in the process that is measured."""
  rows = vectors.Vectors(np.load(path, mmap_mode='r'))
  wall, cpu = time.perf_counter(), time.process_time()
  index = built(rows)
  result = dict(rows=len(rows), dim=rows.dim,
                build_s=time.perf_counter() - wall,
                build_cpu_s=time.process_time() - cpu)
  wall = time.perf_counter()
  index.save(path.parent / 'index')
  result['save_s'] = time.perf_counter() - wall
  result['peak_gib'] = peak_gib()
  result['one_query_ms'] = one_query_ms(index, rows.block(0, 101))
  return result | dict(load=os.getloadavg()[0])


def one_query_ms(index, queries: np.ndarray) -> float:
  """Milliseconds of a single query with twelve answers, median."""
  seconds = []
  for query in queries:
    started = time.perf_counter()
    index.search(query[None], 12)
    seconds.append(time.perf_counter() - started)
  return 1e3 * statistics.median(seconds)


def main() -> None:
  """Adds one measurement to the file of results."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--rows', type=int, default=1_000_000)
  parser.add_argument('--dim', type=int, default=256)
  parser.add_argument('--out', type=pathlib.Path, required=True)
  parser.add_argument('--measure', type=pathlib.Path, help='rows to measure')
  args = parser.parse_args()
  if args.measure:
    args.out.write_text(json.dumps(measure(args.measure)))
    return
  with tempfile.TemporaryDirectory() as name:
    path, part = pathlib.Path(name) / 'rows.npy', pathlib.Path(name) / 'found'
    write_rows(path, args.rows, args.dim)
    subprocess.run([sys.executable, '-m', 'benchmarks.index_build_bench',
                    f'--measure={path}', f'--out={part}'], check=True)
    result = json.loads(part.read_text())
  search_bench.add_result(args.out, f'{args.rows}x{args.dim}', result)


if __name__ == '__main__':
  main()
