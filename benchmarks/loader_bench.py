"""Batches of features: how fast they come, beside what wants them.

  python -m benchmarks.loader_bench --out=benchmarks/results/loader.json

warm  stores in the page cache, two sources of 8192 rows a step, beside the
      samples per second that a training step of the default towers takes
      (target: 5 times as many).
cold  a store that is not in the page cache, through the windowed reader,
      beside reading the same cold file from end to end in 16 MB pieces
      (target: 0.7 of its rate).
"""

import argparse
import json
import os
import pathlib
import statistics
import tempfile
import time

from experiments import embedder_parts
from experiments.configs import train_embedder
from experiments.run import run_record
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.features import store, store_writer

from benchmarks import embedder_bench

DIM = embedder_bench.FEATURE_DIM
_PIECE = 16 << 20
_FACTS = store_writer.FeatureOrigin('none', '0', 'resize(8)')


def make_store(folder: pathlib.Path, source: str, num_rows: int):
  """A store of random features, all of it on the disk."""
  rng = np.random.default_rng(0)
  blank = np.full(num_rows, '')
  ids = np.char.add(source, np.arange(num_rows).astype(np.str_))
  latlng = np.stack([rng.uniform(-80, 80, num_rows),
                     rng.uniform(-180, 180, num_rows)], 1)
  one = rng.normal(size=(8192, DIM)).astype(np.float32)
  chunks = (one[:min(8192, num_rows - i)] for i in range(0, num_rows, 8192))
  return store_writer.write(
      folder / source, types.Photos(ids, latlng, blank, blank, source), chunks,
      DIM, _FACTS)


def batches(stores: dict, block_rows: int = 0, window_blocks: int = 0):
  """What train_embedder reads from: 1 % of the rows are held out."""
  config = train_embedder.get_config()
  config.stores = {source: str(one.path) for source, one in stores.items()}
  config.model.sources = tuple(stores)
  config.data.block_rows, config.data.window_blocks = block_rows, window_blocks
  rows = embedder_parts.split(config).train
  for part in rows.values():
    assert len(part.xyz) == len(part)  # Read now: it is not measured.
  return embedder_parts.batches(config, rows), sum(map(len, rows.values()))


def rate(found, num_steps: int) -> float:
  """Samples per second over so many steps."""
  started = time.perf_counter()
  num_samples = 0
  for _ in range(num_steps):
    num_samples += sum(len(rows['row']) for rows in next(found).values())
  return num_samples / (time.perf_counter() - started)


def step_rate(batch: int, num_steps: int) -> float:
  """Samples per second of the training step."""
  ours = embedder_bench.Ours(
      train_embedder.get_config(), embedder_bench.make_batch(batch))
  ours.seconds()
  return 2 * batch / statistics.median(
      ours.seconds() for _ in range(num_steps))


def warm(folder: pathlib.Path, args: argparse.Namespace) -> dict:
  """Page-cached stores beside the training step."""
  stores = {source: make_store(folder, source, args.warm_rows)
            for source in ('photo', 'street')}
  for one in stores.values():
    read_through(one)
  plain, _ = batches(stores)
  blocks, _ = batches(stores, args.block_rows, 8)
  for found in (plain, blocks):
    rate(found, 8)  # Fills what is read ahead.
  loader = rate(plain, 30)
  step = step_rate(args.step_batch, args.num_steps)
  return {'loader_samples_per_second': loader,
          'windowed_samples_per_second': rate(blocks, 30),
          'step_samples_per_second': step, 'step_batch': args.step_batch,
          'ratio': loader / step, 'target_ratio': 5}


def drop(one: store.FeatureStore) -> None:
  """Takes the features out of the page cache."""
  with open(one.path / store.FEATURES, 'rb') as file:
    os.fsync(file.fileno())
    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_through(one: store.FeatureStore) -> float:
  """Gigabytes per second of plain reading in order."""
  path, room = one.path / store.FEATURES, bytearray(_PIECE)
  started = time.perf_counter()
  with open(path, 'rb', buffering=0) as file:
    while file.readinto(room):
      pass
  return path.stat().st_size / (time.perf_counter() - started) / 1e9


def epoch_rate(one: store.FeatureStore, args: argparse.Namespace) -> float:
  """Gigabytes of features per second over an epoch of windows."""
  found, num_rows = batches({'photo': one}, args.block_rows,
                            args.window_blocks)
  num_steps = num_rows // 8192
  return rate(found, num_steps) * DIM * 2 / 1e9


def cold(folder: pathlib.Path, args: argparse.Namespace) -> dict:
  """A store on the disk alone."""
  one = make_store(folder, 'photo', args.cold_rows)
  taken = []
  for _ in range(args.rounds):
    row = {}
    for name, run in (('sequential', read_through),
                      ('windowed', lambda s: epoch_rate(s, args))):
      drop(one)
      row[name] = run(one)
    taken.append(row)
    print(row, flush=True)
  cached = (read_through(one), read_through(one))[1]
  drop(one)
  found, _ = batches({'photo': one})
  at_random = rate(found, 4) * DIM * 2 / 1e9
  return {
      'sequential_gb_per_second': [r['sequential'] for r in taken],
      'windowed_gb_per_second': [r['windowed'] for r in taken],
      'cached_gb_per_second': cached,
      'single_rows_gb_per_second': at_random,
      'ratio': statistics.median(
          r['windowed'] / r['sequential'] for r in taken),
      'target_ratio': 0.7, 'store_gb': args.cold_rows * DIM * 2 / 1e9,
      'block_rows': args.block_rows, 'window_blocks': args.window_blocks,
      'held_gb': (2 * args.window_blocks + 1) * args.block_rows * DIM * 2 / 1e9}


def main() -> None:
  """Measures, prints, writes."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--out', required=True, type=pathlib.Path)
  parser.add_argument('--folder', help='for stores; on the disk in question')
  parser.add_argument('--parts', nargs='*', default=['cold', 'warm'],
                      choices=['cold', 'warm'])
  parser.add_argument('--cold_rows', type=int, default=1_600_000)
  parser.add_argument('--warm_rows', type=int, default=200_000)
  parser.add_argument('--block_rows', type=int, default=4096)
  parser.add_argument('--window_blocks', type=int, default=32)
  parser.add_argument('--rounds', type=int, default=3)
  parser.add_argument('--step_batch', type=int, default=1024)
  parser.add_argument('--num_steps', type=int, default=3)
  args = parser.parse_args()
  found = {}
  for name in args.parts:
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
      found[name] = {'cold': cold, 'warm': warm}[name](
          pathlib.Path(folder), args)
    print(name, json.dumps(found[name]), flush=True)
  run_record.write_json(args.out, found | {
      'versions': run_record.versions(), 'git': run_record.git_revision()})


if __name__ == '__main__':
  main()
