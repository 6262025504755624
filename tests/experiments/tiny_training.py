"""Tiny stores and tiny runs of train_embedder, for the tests that break it."""

from collections.abc import Mapping
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.features import store_writer

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ('photo', 'street')
_COMPILED = tempfile.TemporaryDirectory(prefix='pinpoint_jax_compiled_')
STEPS = 6
STOPPED, KILLED = 143, -9
SIGNALLED = 'tests.experiments.signalled_training'
# Small enough that a run is its imports and one compilation.
_TINY = (
    '--config=experiments/configs/train_embedder.py:quick',
    '--config.model.hidden=16', '--config.model.dim=8',
    '--config.model.trunk_depth=1', '--config.model.expansion=2',
    '--config.model.location_options.hidden=16',
    '--config.model.location_options.depth=1',
    '--config.model.location_options.num_waves=4',
    '--config.data.batch_size=32', '--config.validation_percent=10.0',
    '--config.train.log_every=1', '--config.eval.every=2',
    f'--config.train.num_steps={STEPS}', '--config.train.save_every=2')


def make_stores(folder: pathlib.Path, seed: int = 0,
                prefix: str = '') -> dict[str, str]:
  """A store of 300 random rows per source; flags that name them."""
  rng = np.random.default_rng(seed)
  found = {}
  for source in SOURCES:
    names = np.array([f'{prefix}{source}{i}' for i in range(300)])
    empty = np.full(300, '')
    places = rng.uniform([-80, -180], [80, 180], (300, 2))
    photos = types.Photos(names, places, empty, empty, source)
    facts = store_writer.Facts('tiny/backbone', 'abc', 'resize:8')
    features = rng.normal(size=(300, 16)).astype(np.float32)
    store_writer.write(folder / source, photos, [features], 16, facts)
    found[source] = f'--config.stores.{source}={folder / source}'
  return found


def command(stores: Mapping[str, str], workdir: pathlib.Path, *words: str,
            module: str = 'experiments.train_embedder') -> list[str]:
  """The command line of a tiny run; later words win."""
  return [sys.executable, '-m', module, *_TINY, *stores.values(),
          f'--workdir={workdir}', *words]


def environment(devices: int = 1, **more: str) -> dict[str, str]:
  """Where a run sees so many devices and no settings of this process.

  Compilations are shared: the first run of a kind compiles, the others load
  what it compiled, and every comparison of two runs compares the two ways.
  """
  kept = {name: value for name, value in os.environ.items()
          if not name.startswith(('JAX_', 'XLA_'))}
  return kept | {
      'JAX_PLATFORMS': 'cpu', 'JAX_NUM_CPU_DEVICES': str(devices),
      'JAX_COMPILATION_CACHE_DIR': _COMPILED.name,
      'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0', **more}


def start(words: list[str], env: Mapping[str, str]) -> subprocess.Popen:
  """The run, to be watched through its pipes."""
  return subprocess.Popen(words, cwd=ROOT, env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(stores: Mapping[str, str], workdir: pathlib.Path, *words: str,
        devices: int = 1, **more: str) -> subprocess.CompletedProcess:
  """Trains until it ends by itself."""
  return subprocess.run(
      command(stores, workdir, *words), cwd=ROOT, timeout=240, text=True,
      env=environment(devices, **more), capture_output=True)


def run_signalled(stores: Mapping[str, str], workdir: pathlib.Path, at: str,
                  *words: str, devices: int = 1) -> subprocess.CompletedProcess:
  """Trains and sends itself a signal, at 'TERM:step:3' for example."""
  return subprocess.run(
      command(stores, workdir, *words, module=SIGNALLED), cwd=ROOT,
      timeout=240, text=True, env=environment(devices, SIGNAL_AT=at),
      capture_output=True)


def start_two(stores: Mapping[str, str], workdir: pathlib.Path, *words: str,
              pace: str = '0') -> list[subprocess.Popen]:
  """Two processes that train together, each with one device."""
  with socket.socket() as free:
    free.bind(('localhost', 0))
    port = free.getsockname()[1]
  return [start(command(
      stores, workdir, *words, '--config.distributed.num_processes=2',
      f'--config.distributed.coordinator=localhost:{port}',
      f'--config.distributed.process_id={index}', module=SIGNALLED),
                environment(PACE=pace)) for index in range(2)]


def lines(workdir: pathlib.Path) -> list[dict]:
  """The metric log."""
  text = (workdir / 'metrics.jsonl').read_text()
  return [json.loads(line) for line in text.splitlines()]


def losses(workdir: pathlib.Path) -> list[tuple[int, str, str]]:
  """Step, loss and gradient norm to the last bit, in the log's order."""
  return [(line['step'], line['loss'].hex(), line['grad_norm'].hex())
          for line in lines(workdir) if 'loss' in line]


def evaluations(workdir: pathlib.Path) -> list[dict]:
  """The log's lines of figures, in its order."""
  return [line for line in lines(workdir) if 'loss' not in line]


def figures(workdir: pathlib.Path) -> dict[str, float]:
  """The figures that the run ended with."""
  return json.loads((workdir / 'figures.json').read_text())


def weights(workdir: pathlib.Path) -> bytes:
  """The exported weights."""
  return (workdir / 'model' / 'model.safetensors').read_bytes()


def assert_same_run(workdir: pathlib.Path, other: pathlib.Path) -> None:
  """Both logged and exported the same, bit for bit, each step once."""
  found = losses(workdir)
  assert [step for step, *_ in found] == list(range(1, len(found) + 1))
  assert found == losses(other)
  assert evaluations(workdir) == evaluations(other)
  assert weights(workdir) == weights(other)
  assert figures(workdir) == figures(other)


def steps(workdir: pathlib.Path) -> list[int]:
  """Steps of the committed checkpoints."""
  return sorted(int(path.name)
                for path in (workdir / 'checkpoints').iterdir()
                if path.name.isdecimal())
