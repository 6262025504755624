"""Three channels of one gallery: cost to build, to hold and to search.

  python -m benchmarks.gallery_bench --out=benchmarks/results/gallery.json \\
    --plot=docs/search_cost.png

Image and location rows of 256 numbers, raw rows of 1536, all float16 on disk.
Every size is built and searched in a process of its own, so that its peak
memory is its own. Queries are rows moved by noise; each channel takes the
least effort that finds 95 % of the 12 nearest, by exact search.
"""

import argparse
import gc
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from experiments.run import run_record
import numpy as np
from PIL import Image, ImageDraw
from pinpoint_jax.search import ann, ann_projected, ann_tuning, exact, vectors
from pinpoint_jax.search import recall as recalls

from benchmarks import index_build_bench

CHANNELS = {'image': 256, 'location': 256, 'raw': 1536}
_K, _TARGET = 12, .95
_TUNED_ON, _TIMED, _NOISE = 64, 201, .5
_REORDER = 120


def held(folder: pathlib.Path, name: str, num_rows: int) -> vectors.Vectors:
  """The first rows of a channel, memory-mapped."""
  return vectors.Vectors(
      np.load(folder / f'{name}.npy', mmap_mode='r')[:num_rows])


def build_all(folder: pathlib.Path, num_rows: int) -> dict:
  """Builds and saves one index after the other; seconds and bytes of each."""
  found = {}
  for name in CHANNELS:
    wall, cpu = time.perf_counter(), time.process_time()
    made = index_build_bench.built(held(folder, name, num_rows))
    made.save(folder / f'index_{name}')
    del made
    gc.collect()
    found[name] = dict(
        wall_s=time.perf_counter() - wall, cpu_s=time.process_time() - cpu,
        index_bytes_per_row=sum(
            path.stat().st_size for path in (folder / f'index_{name}').rglob(
                '*') if path.is_file()) / num_rows,
        stored_bytes_per_row=2 * CHANNELS[name])
  return dict(channels=found, peak_gib=index_build_bench.peak_gib())


def with_leaves(found: ann.Index, leaves: int) -> ann.Index:
  """The same index, that many cells looked into."""
  if not isinstance(found, ann_projected.ProjectedIndex):
    return found.with_effort(leaves, _REORDER)
  found.inner = found.inner.with_effort(leaves, _REORDER)
  return found


def tuned(found: ann.Index, rows: vectors.Vectors,
          queries: np.ndarray) -> tuple[ann.Index, dict]:
  """The index at the fewest cells that reach the recall, and what they do."""
  right = exact.search(queries, rows, _K).rows
  inner = getattr(found, 'inner', found)
  leaves, most = 1, max(1, inner.settings.num_leaves)
  while True:
    found = with_leaves(found, leaves)
    recall = recalls.by_row(found.search(queries, _K).rows, right)
    if recall >= _TARGET or leaves == most:
      return found, dict(leaves_to_search=leaves, recall=recall)
    leaves = min(2 * leaves, most)


def search_all(folder: pathlib.Path, num_rows: int, smallest: int) -> dict:
  """Milliseconds of one query through all channels, and through each."""
  loaded, queries, found = {}, {}, {}
  for name in CHANNELS:
    rows = held(folder, name, num_rows)
    # Near rows that every size has.
    queries[name] = ann_tuning.perturbed(
        held(folder, name, smallest), _TUNED_ON + _TIMED, _NOISE, seed=1)
    loaded[name], found[name] = tuned(
        index_build_bench.loaded(folder / f'index_{name}', rows), rows,
        queries[name][:_TUNED_ON])
  times = np.empty((_TIMED, len(CHANNELS), 2))
  for i in range(_TIMED):
    for at, name in enumerate(CHANNELS):
      query = queries[name][_TUNED_ON + i][None]
      wall, cpu = time.perf_counter(), time.process_time()
      loaded[name].search(query, _K)
      times[i, at] = time.perf_counter() - wall, time.process_time() - cpu
  for at, name in enumerate(CHANNELS):
    found[name] |= milliseconds(times[:, at])
  return dict(channels=found, together=milliseconds(times.sum(axis=1)))


def milliseconds(seconds: np.ndarray) -> dict:
  """Quantiles of wall and CPU time, [n, 2] in seconds."""
  quantile = lambda at, q: 1e3 * float(np.quantile(seconds[:, at], q))
  return dict(wall_p50_ms=quantile(0, .5), wall_p90_ms=quantile(0, .9),
              cpu_p50_ms=quantile(1, .5))


def plot(path: pathlib.Path, points: list[tuple[int, float]]) -> None:
  """Rows against milliseconds, both in powers of ten, and a linear guide."""
  width, height, edge = 640, 420, 60
  image = Image.new('RGB', (width, height), 'white')
  draw = ImageDraw.Draw(image)
  x, y = np.log10(np.asarray(points, float)).T
  low, high = np.floor(y.min()), np.ceil(max(y.max(), y[0] + x[-1] - x[0]))
  def at(log_rows: float, log_ms: float) -> tuple[float, float]:
    across = (log_rows - x[0]) / max(x[-1] - x[0], 1e-9)
    up = (log_ms - low) / max(high - low, 1e-9)
    return (edge + across * (width - 2 * edge),
            height - edge - up * (height - 2 * edge))
  for tick in range(int(low), int(high) + 1):
    draw.line([at(x[0], tick), at(x[-1], tick)], '#dddddd')
    draw.text((5, at(x[0], tick)[1] - 6), f'{10.**tick:g} ms', 'black')
  for rows, log_rows in zip(points, x):
    draw.text((at(log_rows, low)[0] - 20, height - edge + 8),
              f'{rows[0]:,}', 'black')
  draw.line([at(x[0], y[0]), at(x[-1], y[0] + x[-1] - x[0])], '#999999')
  draw.line([at(*point) for point in zip(x, y)], '#0055aa', width=3)
  draw.text((edge, 12), 'One query, three channels, CPU ms; grey: in '
            'proportion to rows', 'black')
  image.save(path)


def measure(folder: pathlib.Path, num_rows: int, smallest: int) -> dict:
  """One size, in a process of its own."""
  part = folder / 'part.json'
  subprocess.run(
      [sys.executable, '-m', 'benchmarks.gallery_bench', f'--out={part}',
       f'--folder={folder}', f'--measure={num_rows}', f'--rows={smallest}'],
      check=True)
  return json.loads(part.read_text())


def write_rows(folder: pathlib.Path, num_rows: int) -> None:
  """Rows of all channels, unless they lie there."""
  for name, dim in CHANNELS.items():
    if not (folder / f'{name}.npy').exists():
      index_build_bench.write_rows(folder / f'{name}.npy', num_rows, dim)


def main() -> None:
  """Measures every size, writes figures and plot after each."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--rows', type=int, nargs='*', default=[
      10_000, 30_000, 100_000, 300_000, 1_000_000])
  parser.add_argument('--out', type=pathlib.Path, required=True)
  parser.add_argument('--plot', type=pathlib.Path)
  parser.add_argument('--folder', type=pathlib.Path, help='keep the rows here')
  parser.add_argument('--measure', type=int, help='one size, rows written')
  args = parser.parse_args()
  if args.measure:
    found = dict(rows=args.measure) | build_all(args.folder, args.measure)
    found['search'] = search_all(args.folder, args.measure, args.rows[0])
    args.out.write_text(json.dumps(found | dict(load=os.getloadavg()[0])))
    return
  with tempfile.TemporaryDirectory() as name:
    folder = args.folder or pathlib.Path(name)
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder, max(args.rows))
    sizes = []
    for num_rows in args.rows:
      sizes.append(measure(folder, num_rows, min(args.rows)))
      print(json.dumps(sizes[-1]), flush=True)
      run_record.write_json(args.out, dict(
          sizes=sizes, cores=os.cpu_count(), versions=run_record.versions(),
          git=run_record.git_revision(), date=time.strftime('%Y-%m-%d')))
  if args.plot:
    plot(args.plot, [(one['rows'], one['search']['together']['cpu_p50_ms'])
                     for one in sizes])


if __name__ == '__main__':
  main()
