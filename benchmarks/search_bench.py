"""Our approximate search beside the bare engine and other libraries.

  python -m benchmarks.search_bench --rows=200000 --dim=256 \\
    --out=benchmarks/results/search.json

Peers run in their own environment (.venv-peers: faiss-cpu, hnswlib, usearch),
and so does our own index by faiss, which tune_index takes where it is faster.
For every recall asked for, each side takes its cheapest effort that reaches
it; then all sides search the same queries in turn, so that a busy machine is
busy for all. Rates are queries per second of CPU time and threads, medians.
"""

import argparse
from collections.abc import Callable
import itertools
import json
import os
import pathlib
import statistics
import tempfile
import time

import numpy as np
from pinpoint_jax.search import ann, ann_scann, exact, vectors
from pinpoint_jax.search import recall as recalls

from benchmarks import peer

_LATENT = 128
_REGIONS = 50
_REORDERS = {100: (110, 130, 180, 300), 12: (18, 24, 40, 60, 100)}
_LEAVES = (2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)
# What engines of cells are built with; our own choose for themselves.
_BUILDS = {'faiss': lambda rows: dict(
    num_leaves=rows // (500 if rows > 500_000 else 200)),
           'our_faiss': lambda _: {}}
_WIDTHS = (50, 100, 200, 400, 800)


def clustered(num_rows: int, dim: int, seed: int = 0) -> np.ndarray:
  """Unit rows: regions, a hundred rows round each place in them, and noise."""
  rng = np.random.default_rng(seed)
  normal = lambda *shape: rng.standard_normal(shape, dtype=np.float32)
  mixing = normal(_LATENT, dim) / np.sqrt(_LATENT).astype(np.float32)
  regions, num_places = normal(_REGIONS, _LATENT), max(10, num_rows // 100)
  places = regions[rng.integers(_REGIONS, size=num_places)]
  places += .8 * normal(num_places, _LATENT)
  found = np.empty((num_rows, dim), np.float32)
  for start in range(0, num_rows, 1 << 16):
    part = found[start:start + (1 << 16)]
    place = places[rng.integers(num_places, size=len(part))]
    part[:] = (place + .9 * normal(len(part), _LATENT)) @ mixing
    part += .5 * normal(*part.shape)
    part /= np.linalg.norm(part, axis=1, keepdims=True)
  return found


class Ours:
  """Our index, or the engine inside it without us."""

  def __init__(self, index: ann_scann.ScannIndex, queries: np.ndarray,
               bare: bool) -> None:
    self.index, self.queries, self.bare = index, queries, bare
    self.efforts = {k: list(itertools.product(_LEAVES, reorders))
                    for k, reorders in _REORDERS.items()}

  def search(self, k: int, effort: tuple, batch: int) -> tuple:
    """Rows found, wall seconds, CPU seconds."""
    index, queries = self.index.with_effort(*effort), self.queries[:batch]
    wall, cpu = time.perf_counter(), time.process_time()
    if self.bare:
      each = -(-len(queries) // os.cpu_count())
      rows, _ = index._native.search_batched_parallel(
          queries, k, max(k, effort[1]), effort[0], batch_size=min(each, 256))
    else:
      rows = index.search(queries, k).rows
    return rows, time.perf_counter() - wall, time.process_time() - cpu


class Peer:
  """One library in the other process."""

  def __init__(self, ask: Callable[[str], str], folder: pathlib.Path,
               engine: str, build: dict) -> None:
    self.ask, self.folder, self.engine = ask, folder, engine
    graph = [(width,) for width in _WIDTHS]
    self.efforts = {
        k: list(itertools.product(_LEAVES, reorders))
        if engine in _BUILDS else graph for k, reorders in _REORDERS.items()}
    self.built = self._ask(engine=engine, build=build)

  def search(self, k: int, effort: tuple, batch: int) -> tuple:
    """Rows found, wall seconds, CPU seconds."""
    seconds = self._ask(engine=self.engine, k=k, effort=effort, batch=batch)
    return (np.load(self.folder / f'{self.engine}.npy'), seconds['wall_s'],
            seconds['cpu_s'])

  def _ask(self, **request) -> dict:
    return json.loads(self.ask(json.dumps(request)))


def cheapest(side, k: int, exact: np.ndarray, target: float) -> dict | None:
  """The effort of least CPU time with that recall, of two rounds."""
  best = None
  for effort in side.efforts[k]:
    rows = side.search(k, effort, len(exact))[0]
    recall = recalls.by_row(rows.astype(np.int64), exact)
    if recall < target:
      continue
    cpu = min(side.search(k, effort, len(exact))[2] for _ in range(2))
    if best is None or cpu < best['cpu_s']:
      best = dict(effort=effort, recall=round(recall, 4), cpu_s=cpu)
    if recall > target + (1 - target) * .9:
      break
  return best


def compare(sides: dict, k: int, exact: np.ndarray, target: float,
            num_rounds: int) -> dict:
  """Rates of all sides at that recall, taken in turn."""
  chosen = {name: cheapest(side, k, exact, target)
            for name, side in sides.items() if name != 'bare'}
  if 'bare' in sides:
    chosen['bare'] = chosen['ours']
  chosen = {name: one for name, one in chosen.items() if one}
  walls, cpus = ({name: [] for name in chosen} for _ in range(2))
  # Shuffled: who follows the same index finds it in the cache.
  rng = np.random.default_rng(0)
  for _ in range(num_rounds):
    for name in rng.permutation(list(chosen)):
      _, wall, cpu = sides[name].search(
          k, chosen[name]['effort'], len(exact))
      walls[name].append(wall)
      cpus[name].append(cpu)
  median = lambda values: statistics.median(values)
  return {name: dict(
      effort=one['effort'], recall=one['recall'],
      queries_per_s=round(len(exact) / median(walls[name])),
      queries_per_cpu_s=round(len(exact) / median(cpus[name])),
      ours_over_this_wall=round(statistics.median(
          a / b for a, b in zip(walls[name], walls['ours'])), 3),
      ours_over_this_cpu=round(statistics.median(
          a / b for a, b in zip(cpus[name], cpus['ours'])), 3))
          for name, one in chosen.items()}


def single_ms(side, k: int, effort: tuple) -> float:
  """Milliseconds of one query alone, median."""
  return round(1e3 * statistics.median(
      side.search(k, effort, 1)[1] for _ in range(101)), 3)


def measure(args: argparse.Namespace, folder: pathlib.Path) -> dict:
  """Builds all sides and compares them."""
  both = clustered(args.rows + args.queries, args.dim)
  rows, queries = both[:args.rows], both[args.rows:].copy()
  np.save(folder / 'rows.npy', rows)
  np.save(folder / 'queries.npy', queries)
  nearest = exact.search(queries, rows, 100).rows
  settings = ann.settings_for_rows(args.rows)
  wall, cpu = time.perf_counter(), time.process_time()
  index = ann_scann.ScannIndex.build(vectors.Vectors(rows), settings, '')
  built = {'ours': dict(wall_s=time.perf_counter() - wall,
                        cpu_s=time.process_time() - cpu)}
  sides = dict(ours=Ours(index, queries, False),
               bare=Ours(index, queries, True))
  with peer.asked(args.peer_python, 'search_peers.py',
                  f'--folder={folder}') as ask:
    for engine in args.engines:
      build = _BUILDS.get(engine, lambda _: dict(links=16))
      sides[engine] = Peer(ask, folder, engine, build(args.rows))
      built[engine] = sides[engine].built
    searched = {f'k={k} recall>={target}': compare(
        sides, k, nearest[:, :k], target, args.rounds)
                for k in (100, 12) for target in (.95, .99)}
    effort = searched['k=12 recall>=0.99']['ours']['effort']
    single = single_ms(sides['ours'], 12, effort)
  return dict(rows=args.rows, dim=args.dim, queries=args.queries, built=built,
              searched=searched, one_query_ms=single,
              load=os.getloadavg()[0])


def add_result(path: pathlib.Path, name: str, result: dict) -> None:
  """Adds a named measurement to a file of results and prints it."""
  results = json.loads(path.read_text()) if path.exists() else {}
  path.write_text(json.dumps(results | {name: result}, indent=1) + '\n')
  print(json.dumps(result, indent=1))


def main() -> None:
  """Adds one measurement to the file of results."""
  parser = argparse.ArgumentParser()
  parser.add_argument('--rows', type=int, default=200_000)
  parser.add_argument('--dim', type=int, default=256)
  parser.add_argument('--queries', type=int, default=1024)
  parser.add_argument('--rounds', type=int, default=11)
  parser.add_argument('--engines', nargs='*', default=['faiss', 'our_faiss'])
  parser.add_argument('--peer_python', default='.venv-peers/bin/python')
  parser.add_argument('--out', type=pathlib.Path, required=True)
  args = parser.parse_args()
  with tempfile.TemporaryDirectory() as folder:
    found = measure(args, pathlib.Path(folder))
  add_result(args.out, f'{args.rows}x{args.dim}', found)


if __name__ == '__main__':
  main()
