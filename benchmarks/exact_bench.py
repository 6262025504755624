"""Our exact search beside faiss IndexFlatIP on a CPU.

  python -m benchmarks.exact_bench --peer_python=.venv-peers/bin/python \\
    --out=benchmarks/results/exact_cpu.json

The same clustered vectors on both sides, searches taken in turn, so that a
busy machine is busy for both; the target is a ratio >= 1. float16 and int8
galleries lie memory-mapped on disk and are set against faiss with float32 in
memory.
"""

import argparse
from collections.abc import Callable, Iterator
import itertools
import pathlib
import statistics
import tempfile
import time

from experiments.run import run_record
import numpy as np
from pinpoint_jax.search import exact, vectors

from benchmarks import peer

_SETTLE_S = 0.1  # Threads of the other side may spin for a while.
_MOST_QUERIES = 1024


def clustered(rows: int, dim: int, seed: int = 0) -> np.ndarray:
  """Unit rows around one centre for every hundred of them, float32."""
  rng = np.random.default_rng(seed)
  centres = rng.standard_normal((rows // 100, dim), dtype=np.float32)
  result = rng.standard_normal((rows, dim), dtype=np.float32)
  for start in range(0, rows, 1 << 16):
    part = result[start:start + (1 << 16)]
    part += centres[rng.integers(len(centres), size=len(part))]
    part /= np.linalg.norm(part, axis=1, keepdims=True)
  return result


def held(kind: str, folder: pathlib.Path,
         gallery: np.ndarray) -> vectors.Vectors:
  """The gallery as it is stored; all but float32 memory-mapped."""
  if kind == 'float32':
    return vectors.Vectors(gallery)
  path, scale, stored = folder / f'{kind}.npy', None, gallery
  if kind == 'int8':
    quantised = vectors.quantise(gallery)
    stored, scale = quantised.stored, quantised.scale
  np.save(path, stored.astype(kind))
  return vectors.Vectors(np.load(path, mmap_mode='r'), scale)


def compare(engine: exact.Exact, queries: np.ndarray, k: int,
            ask: Callable[[str], str], folder: pathlib.Path,
            rounds: int) -> dict:
  """Queries per second of both, their ratio and their agreement."""
  def ours() -> float:
    started = time.perf_counter()
    engine.search(queries, k)
    return time.perf_counter() - started
  theirs = lambda: float(ask(f'{len(queries)} {k}'))
  result = engine.search(queries, k)
  theirs()
  same = np.mean([len(np.intersect1d(a, b)) / k for a, b in zip(
      result.rows, np.load(folder / 'rows.npy'))])
  times = []
  for _ in range(rounds):
    for run in (ours, theirs):
      time.sleep(_SETTLE_S)
      times.append(run())
  mine, other = times[::2], times[1::2]
  return dict(
      ours=len(queries) / statistics.median(mine),
      faiss=len(queries) / statistics.median(other),
      ratio=statistics.median(other) / statistics.median(mine),
      ratio_best=min(other) / min(mine), same_rows=float(same))


def measure(args: argparse.Namespace) -> Iterator[dict]:
  """A row for each size, storage, batch and k."""
  for rows, dim in itertools.product(args.rows, args.dims):
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
      folder = pathlib.Path(name)
      both = clustered(rows + _MOST_QUERIES, dim)
      gallery, queries = both[:rows], both[rows:]
      np.save(folder / 'gallery.npy', gallery)
      np.save(folder / 'queries.npy', queries)
      with peer.asked(args.peer_python, 'exact_faiss.py',
                      f'--folder={folder}') as ask:
        ask()  # Ready.
        for kind in args.kinds:
          engine = exact.Exact(held(kind, folder, gallery), 'scan')
          for batch, k in itertools.product(args.batches, args.ks):
            yield dict(rows=rows, dim=dim, stored=kind, batch=batch, k=k) | (
                compare(engine, queries[:batch], k, ask, folder, args.rounds))


def main() -> None:
  """Measures, prints, writes."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--out', required=True, type=pathlib.Path)
  parser.add_argument('--peer_python', required=True,
                      help='the python of the venv with faiss')
  parser.add_argument('--rows', type=int, nargs='*',
                      default=[200_000, 1_000_000])
  parser.add_argument('--dims', type=int, nargs='*', default=[512, 256])
  parser.add_argument('--ks', type=int, nargs='*', default=[100, 12])
  parser.add_argument('--batches', type=int, nargs='*', default=[1, 256, 1024])
  parser.add_argument('--kinds', nargs='*',
                      default=['float32', 'float16', 'int8'])
  parser.add_argument('--rounds', type=int, default=5)
  parser.add_argument('--folder', help='where the galleries may lie meanwhile')
  args = parser.parse_args()
  result = []
  for row in measure(args):
    print(*(f'{k} {v:.4g}' if isinstance(v, float) else f'{k} {v}'
            for k, v in row.items()), flush=True)
    result.append(row)
  run_record.write_json(args.out, {
      'queries_per_second': result, 'versions': run_record.versions(),
      'git': run_record.git_revision()})


if __name__ == '__main__':
  main()
