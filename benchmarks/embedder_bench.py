"""Our embedder's training step beside the same in torch, on a CPU.

  python -m benchmarks.embedder_bench --peer_python=.venv-parity/bin/python \\
    --out=benchmarks/results/embedder_cpu.json

Same towers, weights, batch, loss, dropout rate, AdamW, clipping and running
mean, float32, two threads. The losses without dropout are compared first;
then steps are taken in turn, so that a busy machine is busy for both. The
target is a ratio >= 1.2.
"""

import argparse
from collections.abc import Callable, Sequence
import json
import pathlib
import statistics
import tempfile
import time

from experiments import train_embedder
from experiments.configs import train_embedder as embedder_config
from experiments.run import run_record
import jax
import numpy as np
from pinpoint_jax.models import layers, transformer
from pinpoint_jax.parallel import arrays, rules
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.train import embedder as training
from pinpoint_jax.train import optimizer

from benchmarks import peer, pod_flops

FEATURE_DIM = 1536
CASES = ('quick 256', 'quick 1024', 'full 1024', 'full 4096')
_SETTLE_S = 0.3  # Threads of the other side may spin for a while.


def make_batch(batch: int) -> dict:
  """Features and places of both sources; a tenth of the places twice."""
  rng, result = np.random.default_rng(0), {}
  for source in ('photo', 'street'):
    xyz = rng.normal(size=(batch, 3))
    xyz /= np.linalg.norm(xyz, axis=1, keepdims=True)
    xyz[:batch // 10] = xyz[-(batch // 10):]
    result[source] = {
        'features': rng.normal(size=(batch, FEATURE_DIM)).astype(np.float16),
        'xyz': xyz.astype(np.float32)}
  return result


def peer_model(config) -> dict:
  """What the other side builds: the networks, without what is solved."""
  fields = config.model.to_dict()
  options = fields['location_options']
  if fields['linear'] or options.pop('cells_km'):
    raise ValueError('torch has the networks alone: linear=False, cells_km=()')
  del options['num_slots']  # Of the cells.
  return fields


class Ours:
  """The step as training takes it."""

  def __init__(self, config, batch: dict):
    mesh = meshes.make()
    self.model = train_embedder.model(config)
    self.objective = train_embedder.objective(config)
    method = optimizer.make(
        optimizer.Settings(**config.optimizer.to_dict()), 1000)
    self.mesh, self.batch = mesh, arrays.put_batch(batch, mesh)
    self.state = training.make_state(
        self.model, dict.fromkeys(batch, FEATURE_DIM), method, self.objective,
        0, mesh)
    traced = training.make_step(
        self.model, method, self.objective, 0, mesh, self.state).trace(
            self.state, self.batch)
    self.flop = pod_flops.of(traced.jaxpr).useful
    self.step = traced.lower().compile()

  def loss(self) -> float:
    """Without dropout."""
    return float(
        jax.jit(self._loss, compiler_options=transformer.compiler_options())(
            self.state.params, self.batch))

  def _loss(self, params, batch):
    embedded = self.model.apply(
        {'params': params}, {s: r['features'] for s, r in batch.items()},
        {s: r['xyz'] for s, r in batch.items()})
    return training._loss(self.model, self.objective, self.mesh, params,
                          embedded, batch, {})[0]

  def seconds(self) -> float:
    """Of one step."""
    started = time.perf_counter()
    self.state, metrics = self.step(self.state, self.batch)
    jax.block_until_ready((self.state, metrics))
    return time.perf_counter() - started

  def write(self, folder: pathlib.Path, config, batch: dict) -> None:
    """What the other side begins from."""
    leaves = jax.tree_util.tree_leaves_with_path(
        layers.unstacked(self.state.params))
    np.savez(folder / 'params.npz', **{
        rules.path_name(path): np.asarray(x) for path, x in leaves})
    np.savez(folder / 'batch.npz', **{
        f'{source}_{name}': column for source, rows in batch.items()
        for name, column in rows.items()})
    keys = ('learning_rate', 'b1', 'b2', 'weight_decay', 'clip')
    (folder / 'config.json').write_text(json.dumps({
        'model': peer_model(config), 'ema': config.objective.ema,
        'near_km': config.objective.targets.near_km,
        'optimizer': {name: config.optimizer[name] for name in keys}}))


def case(name: str, args: argparse.Namespace) -> dict:
  """Samples per second of both, of both sources together."""
  size, batch_size = name.split()
  config = embedder_config.get_config('quick' if size == 'quick' else None)
  batch = make_batch(int(batch_size))
  ours = Ours(config, batch)
  with tempfile.TemporaryDirectory() as folder:
    ours.write(pathlib.Path(folder), config, batch)
    with peer.asked(args.peer_python, 'embedder_torch.py',
                    f'--folder={folder}') as ask:
      begun = json.loads(ask())
      loss = ours.loss()
      ways = ['eager', *(['compiled'] if size in args.compile else [])]
      warm = size == 'quick' or 'compiled' in ways
      ways = [way for way in ways if not warm or ask(way) != 'failed']
      if warm:
        ours.seconds()
      rounds = args.rounds if size == 'quick' else args.full_rounds
      taken = [in_turn(ours, ask, ways) for _ in range(rounds)]
  rows = {way: statistics.median(t[way] for t in taken) for way in taken[0]}
  best = min(ways, key=rows.get)
  return {
      'samples_per_second': {
          way: 2 * int(batch_size) / s for way, s in rows.items()},
      'ratio': statistics.median(t[best] / t['ours'] for t in taken),
      'ratio_best': min(t[best] for t in taken) / min(
          t['ours'] for t in taken),
      'torch': best, 'torch_optimizer': begun['optimizer'], 'rounds': rounds,
      'loss_ours': loss, 'loss_torch': begun['loss']}


def in_turn(ours: Ours, ask: Callable[[str], str],
            ways: Sequence[str]) -> dict[str, float]:
  """Seconds of a step of each, one after the other."""
  taken = {}
  for way in (*ways, 'ours'):
    time.sleep(_SETTLE_S)
    taken[way] = ours.seconds() if way == 'ours' else float(ask(way))
  return taken


def main() -> None:
  """Measures, prints, writes."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--out', required=True, type=pathlib.Path)
  parser.add_argument('--peer_python', required=True)
  parser.add_argument('--cases', nargs='*', default=CASES, choices=CASES)
  parser.add_argument('--rounds', type=int, default=9)
  parser.add_argument('--full_rounds', type=int, default=2)
  parser.add_argument('--compile', nargs='*', default=['quick'],
                      choices=['quick', 'full'])
  args = parser.parse_args()
  result = {}
  for name in args.cases:
    result[name] = case(name, args)
    print(name, json.dumps(result[name]), flush=True)
    run_record.write_json(args.out, {
        'cases': result, 'target_ratio': 1.2,
        'device': jax.devices()[0].device_kind,
        'versions': run_record.versions(), 'git': run_record.git_revision()})


if __name__ == '__main__':
  main()
