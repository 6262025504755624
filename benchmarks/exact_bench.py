"""Our exact search beside faiss IndexFlatIP on a CPU.

  python -m benchmarks.exact_bench --peer_python=.venv-peers/bin/python \\
    --out=benchmarks/results/exact_cpu.json

The same clustered vectors on both sides, searches taken in turn, so that a
busy machine is busy for both; the target is a ratio >= 1. float16 and int8
galleries lie memory-mapped on disk and are set against faiss with float32 in
memory.
"""

import argparse
from collections.abc import Iterator
import contextlib
import itertools
import pathlib
import statistics
import subprocess
import tempfile
import time

from experiments.run import run_record
import numpy as np
from pinpoint_jax.search import exact, vectors

from benchmarks import stages

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


@contextlib.contextmanager
def faiss_flat(folder: pathlib.Path, python: str) -> Iterator:
  """A function (batch, k) → seconds of faiss."""
  script = pathlib.Path(__file__).parent / 'peers' / 'exact_faiss.py'
  with subprocess.Popen(
      [python, script, f'--folder={folder}'], text=True,
      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
      env=stages.peer_environment()) as peer:
    if peer.stdout.readline() != 'ready\n':
      raise RuntimeError(f'{script} stopped; run it with {python}')
    def search(batch: int, k: int) -> float:
      peer.stdin.write(f'{batch} {k}\n')
      peer.stdin.flush()
      return float(peer.stdout.readline())
    yield search
    peer.stdin.close()


def compare(engine: exact.Exact, queries: np.ndarray, k: int, peer,
            folder: pathlib.Path, rounds: int) -> dict:
  """Queries per second of both, their ratio and their agreement."""
  def ours() -> float:
    started = time.perf_counter()
    engine.search(queries, k)
    return time.perf_counter() - started
  result = engine.search(queries, k)
  peer(len(queries), k)
  same = np.mean([len(np.intersect1d(a, b)) / k for a, b in zip(
      result.rows, np.load(folder / 'rows.npy'))])
  times = []
  for _ in range(rounds):
    for run in (ours, lambda: peer(len(queries), k)):
      time.sleep(_SETTLE_S)
      times.append(run())
  mine, theirs = times[::2], times[1::2]
  return dict(
      ours=len(queries) / statistics.median(mine),
      faiss=len(queries) / statistics.median(theirs),
      ratio=statistics.median(theirs) / statistics.median(mine),
      ratio_best=min(theirs) / min(mine), same_rows=float(same))


def measure(args: argparse.Namespace) -> Iterator[dict]:
  """A row for each size, storage, batch and k."""
  for rows, dim in itertools.product(args.rows, args.dims):
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
      folder = pathlib.Path(name)
      both = clustered(rows + _MOST_QUERIES, dim)
      gallery, queries = both[:rows], both[rows:]
      np.save(folder / 'gallery.npy', gallery)
      np.save(folder / 'queries.npy', queries)
      with faiss_flat(folder, args.peer_python) as peer:
        for kind in args.kinds:
          engine = exact.Exact(held(kind, folder, gallery), 'scan')
          for batch, k in itertools.product(args.batches, args.ks):
            yield dict(rows=rows, dim=dim, stored=kind, batch=batch, k=k) | (
                compare(engine, queries[:batch], k, peer, folder, args.rounds))


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
