"""Training, extraction and exact search on a GPU beside torch on the same card.

  python -m benchmarks.gpu_bench --peer_python=python3 \\
    --out=benchmarks/results/gpu.json --page=docs/results/gpu.md

Both sides of all cases are made and compiled first, many at once; then one case
after the other is measured, its sides in turn, with nothing else on the card.
Without a GPU everything runs small, on the CPU: that shows that it runs, its
figures say nothing, and file and page say so; a file of a GPU is not written
over with them. Without --peer_python ours runs alone. Cases that are not run
again keep what --out has of them, if by that device.
"""

import argparse
from collections.abc import Callable, Iterator
from concurrent import futures
import contextlib
import functools
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time
from typing import Protocol

from experiments.configs import train_embedder as embedder_config
from experiments.run import run_record
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float16
import numpy as np
from pinpoint_jax.pretrained import load, vit_sizes
from pinpoint_jax.search import exact, vectors

from benchmarks import embedder_bench, gpu_page, peer, vit_bench

_SETTLE_S = 0.05
# Rows that are made at once: 1 GB of 256 numbers in float32.
_MADE = 1 << 20

class Case(Protocol):
  """Two sides, compiled."""

  def measure(self, rounds: int) -> dict:
    """What they take, in turn."""


def in_turn(sides: dict[str, Callable[[], float]],
            rounds: int) -> dict[str, float]:
  """Median seconds of each side."""
  taken = {name: [] for name in sides}
  for _ in range(rounds):
    for name, seconds in sides.items():
      time.sleep(_SETTLE_S)
      taken[name].append(seconds())
  return {name: statistics.median(each) for name, each in taken.items()}


class Training:
  """A step of the embedder's training."""

  def __init__(self, stack: contextlib.ExitStack, args: argparse.Namespace,
               size: str, batch: int, bf16: bool) -> None:
    config = embedder_config.get_config(
        ','.join(filter(None, (size, 'bf16' * bf16))))
    self._batch = batch
    rows = embedder_bench.make_batch(batch)
    self._ours, self._ways, self._row = (
        embedder_bench.Ours(config, rows), {}, {})
    if args.peer_python:
      folder = stack.enter_context(tempfile.TemporaryDirectory())
      self._ours.write(pathlib.Path(folder), config, rows)
      ask = stack.enter_context(peer.asked(
          args.peer_python, 'embedder_torch.py', f'--folder={folder}',
          f'--device={args.device}', *['--bf16'] * bf16))
      self._row = dict(loss=self._ours.loss(),
                       torch_loss=json.loads(ask())['loss'])
      for way in ('eager', 'compiled'):
        if ask(way) != 'failed':
          self._ways[f'torch {way}'] = functools.partial(_seconds, ask, way)
    self._ours.seconds()

  def measure(self, rounds: int) -> dict:
    """Samples per second, of both sources together."""
    taken = in_turn(self._ways | {'ours': self._ours.seconds}, rounds)
    return self._row | _rates(taken, 2 * self._batch, self._ours.flop)


class Extraction:
  """A batch of images through a backbone, in bfloat16."""

  def __init__(self, stack: contextlib.ExitStack, args: argparse.Namespace,
               name: str, batch: int) -> None:
    self._batch, self._ways, self._row = batch, {}, {}
    attention = ('cudnn', None) if args.device == 'cuda' else (None,)
    if args.peer_python:
      folder = pathlib.Path(
          stack.enter_context(tempfile.TemporaryDirectory()))
      ask = stack.enter_context(peer.asked(
          args.peer_python, 'vit_torch.py', f'--folder={folder}',
          f'--batch={batch}', '--engine=compiled', f'--device={args.device}',
          '--dtype=bfloat16',
          f'--config={json.dumps(vit_bench.peer_config(name))}'))
      while ask() != 'ready':
        pass
      with np.load(folder / 'reference.npz') as file:
        images, pooled = jnp.asarray(file['images']), file['pooled']
      ask('pass')
      self._ways['torch compiled'] = functools.partial(_seconds, ask, 'pass')
      side = images.shape[1]
      make = functools.partial(
          load.load, folder, f'resize({side})|unit_range|normalize(0.5, 0.5)',
          dtype=jnp.bfloat16)
      params = make().params
    else:
      model = vit_sizes.build(name, dtype=jnp.bfloat16)
      images = jnp.zeros((batch, *model.image_size, 3))
      params, pooled = jax.jit(model.init)(jax.random.key(0), images[:1]), None
    params = jax.tree.map(lambda x: jnp.asarray(x, jnp.bfloat16), params)
    self._flop = vit_bench.flops(vit_sizes.build(name)) * batch
    for kind in attention:
      apply = jax.jit(vit_sizes.build(
          name, dtype=jnp.bfloat16, attention=kind).apply)
      features = np.asarray(apply(params, images), np.float32)
      if pooled is not None:
        self._row[f'difference {kind or "plain"}'] = float(
            np.linalg.norm(features - pooled) / np.linalg.norm(pooled))
      self._ways[f'ours, {kind or "plain"} attention'] = functools.partial(
          vit_bench.timed, functools.partial(apply, params, images))

  def measure(self, rounds: int) -> dict:
    """Images per second."""
    return self._row | _rates(
        in_turn(self._ways, rounds), self._batch, self._flop)


class Search:
  """The hundred nearest of so many rows in float16, from host to host."""

  k = 100

  def __init__(self, stack: contextlib.ExitStack, args: argparse.Namespace,
               rows: int, dim: int, batch: int) -> None:
    gallery = np.concatenate([
        np.asarray(_unit_rows(jax.random.key(start), min(_MADE, rows - start),
                              dim)) for start in range(0, rows, _MADE)])
    queries = np.asarray(_unit_rows(jax.random.key(rows), batch, dim))
    self._queries = queries.astype(np.float32)
    self._ways: dict[int, dict[str, Callable[[], float]]] = {
        batch: {}, 1: {}}
    if args.peer_python:
      folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
      np.save(folder / 'gallery.npy', gallery)
      np.save(folder / 'queries.npy', self._queries)
      ask = stack.enter_context(peer.asked(
          args.peer_python, 'exact_torch.py', f'--folder={folder}',
          f'--device={args.device}'))
      ask()  # Ready.
      for way in ('eager', 'compiled'):
        for num in (1, batch):
          line = f'{way} {num} {self.k}'
          ask(line)
          self._ways[num][f'torch {way}'] = functools.partial(
              _seconds, ask, line)
      theirs = np.load(folder / 'rows.npy')
    started = time.perf_counter()
    self._engine = exact.Exact(vectors.Vectors(gallery), 'sharded')
    self._search(1)
    nearest = self._engine.search(self._queries, self.k)
    self._row = dict(put_and_compiled_s=time.perf_counter() - started)
    if args.peer_python:
      self._row['same_rows'] = float(np.mean([
          len(np.intersect1d(a, b)) / self.k
          for a, b in zip(nearest.rows, theirs)]))

  def measure(self, rounds: int) -> dict:
    """Queries per second, in a batch and of one alone."""
    row = dict(self._row)
    for num, ways in self._ways.items():
      flop = 2. * num * len(self._engine) * self._queries.shape[1]
      ours = {'ours': functools.partial(self._search, num)}
      row[f'{num} queries'] = _rates(in_turn(ways | ours, rounds), num, flop)
    return row | dict(num_scanned=self._engine.num_scanned)

  def _search(self, num: int) -> float:
    started = time.perf_counter()
    self._engine.search(self._queries[:num], self.k)
    return time.perf_counter() - started


@functools.partial(jax.jit, static_argnums=(1, 2))
def _unit_rows(key: jax.Array, num: int, dim: int) -> Float16[Array, 'n d']:
  rows = jax.random.normal(key, (num, dim))
  return (rows / jnp.linalg.norm(rows, axis=1, keepdims=True)).astype(
      jnp.float16)


def _seconds(ask: Callable[[str], str], line: str) -> float:
  return float(ask(line))


def _rates(taken: dict[str, float], num: int, flop: float) -> dict:
  """Things and TFLOP per second of each side; torch's best time over ours."""
  ours = min(s for name, s in taken.items() if name.startswith('ours'))
  theirs = [s for name, s in taken.items() if name.startswith('torch')]
  return dict(per_second={name: num / s for name, s in taken.items()},
              tflops={name: flop / s / 1e12 for name, s in taken.items()},
              ratio=min(theirs) / ours if theirs else None)


_KINDS = {'training': Training, 'extraction': Extraction, 'search': Search}
# By name: the kind of case and what it is made with.
GPU = {
    'training bfloat16 8192': ('training', '', 8192, True),
    'training float32 8192': ('training', '', 8192, False),
    'training bfloat16 1024': ('training', '', 1024, True),
    'extraction siglip2-b16-256': ('extraction', 'siglip2-b16-256', 256),
    'extraction siglip2-so400m14-384': (
        'extraction', 'siglip2-so400m14-384', 64),
    'extraction siglip2-g-opt16-384': ('extraction', 'siglip2-g-opt16-384', 64),
    'search 4,000,000': ('search', 4_000_000, 256, 1024),
    'search 9,000,000': ('search', 9_000_000, 256, 1024),
}
REDUCED = {
    'training float32 64': ('training', 'quick', 64, False),
    'training bfloat16 64': ('training', 'quick', 64, True),
    'extraction siglip2-tiny8-32': ('extraction', 'siglip2-tiny8-32', 4),
    'search 10,000': ('search', 10_000, 64, 300),
}


def made(stack: contextlib.ExitStack, args: argparse.Namespace,
         name: str) -> Case:
  """Both sides of a case, ready to be measured."""
  kind, *words = (GPU | REDUCED)[name]
  started = time.perf_counter()
  case = _KINDS[kind](stack, args, *words)
  print(f'{name}: ready after {time.perf_counter() - started:.0f} s',
        flush=True)
  return case


def measure(args: argparse.Namespace) -> Iterator[dict]:
  """All cases, made together and measured one by one: what is there so far."""
  names = args.only or (GPU if args.device == 'cuda' else REDUCED)
  rows = {}
  with contextlib.ExitStack() as stack, futures.ThreadPoolExecutor(
      args.threads) as pool:
    cases = dict(zip(names, pool.map(
        functools.partial(made, stack, args), names)))
    for name, case in cases.items():
      rows[name] = case.measure(args.rounds) | {'rounds': args.rounds}
      print(name, json.dumps(rows[name]), flush=True)
      yield rows


def earlier(path: pathlib.Path, device: str, reduced: bool) -> dict:
  """Cases that the file has of that device; a GPU's is not for small ones."""
  if not path.exists():
    return {}
  result = json.loads(path.read_text())
  if reduced and not result['reduced']:
    sys.exit(f'error: {path} is of {result["device"]}, and no GPU is here; '
             'name another --out, and another --page')
  return result['cases'] if result['device'] == device else {}


def main() -> None:
  """Measures, prints, writes."""
  # Both sides share the card's memory.
  os.environ.setdefault('XLA_PYTHON_CLIENT_PREALLOCATE', 'false')
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
  parser.add_argument('--out', required=True, type=pathlib.Path)
  parser.add_argument('--page', type=pathlib.Path)
  parser.add_argument('--peer_python', default='')
  parser.add_argument('--only', nargs='*', choices=(*GPU, *REDUCED))
  parser.add_argument('--rounds', type=int, default=9)
  parser.add_argument('--threads', type=int, default=4,
                      help='cases that are compiled at once')
  args = parser.parse_args()
  args.device = 'cuda' if jax.default_backend() == 'gpu' else 'cpu'
  about = {
      'reduced': args.device == 'cpu',
      'device': jax.devices()[0].device_kind,
      'versions': run_record.versions(), 'git': run_record.git_revision()}
  kept = earlier(args.out, about['device'], about['reduced'])
  for measured in measure(args):
    cases = kept | measured
    result = about | {'cases': {
        name: cases[name] for name in GPU | REDUCED if name in cases}}
    run_record.write_json(args.out, result)
    if args.page:
      gpu_page.write(args.page, result)


if __name__ == '__main__':
  main()
