"""A first and a second start: from the command to its answer.

  python -m benchmarks.start_bench --out=benchmarks/results/start.json

`predict` answers one photo, `train_embedder` takes two steps. Both are whole
processes with their imports, each twice with one folder of compiled programs
that is empty at first; weights are random.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

from experiments.run import compile_cache, run_record
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.features import store_writer

from benchmarks import answer_models, load_bench, stages

_ROWS, _TRAIN_ROWS, _TARGET_S, _LIMIT_S = 2000, 4096, 5, 1800.


def write_store(path: pathlib.Path, source: types.Source, rows: int) -> None:
  """Random features of photos anywhere."""
  rng = np.random.default_rng(0)
  nobody = np.full(rows, '')
  store_writer.write(
      path, types.Photos(
          np.array([f'{source}{i}' for i in range(rows)]),
          rng.uniform((-60, -180), (70, 180), (rows, 2)), nobody, nobody,
          source), [rng.normal(size=(rows, answer_models.RAW_DIM)).astype(
              np.float32)], answer_models.RAW_DIM,
      store_writer.FeatureOrigin('random', '0', 'none'))


def commands(folder: pathlib.Path) -> dict[str, list[str]]:
  """What is started, by name; {turn} becomes first or second."""
  load_bench.write(folder, _ROWS)
  write_store(folder / 'one', 'photo', 1)
  for source in types.SOURCES:
    write_store(folder / source, source, _TRAIN_ROWS)
  return {
      'predict': ['experiments.predict', f'{folder / "one"}',
                  f'--model={folder / "model"}',
                  f'--gallery={folder / "gallery"}'],
      'train': ['experiments.train_embedder', '--config=train_embedder:quick',
                f'--workdir={folder}/run_{{turn}}',
                *(f'--config.stores.{source}={folder / source}'
                  for source in types.SOURCES),
                '--config.train.num_steps=2', '--config.eval.every=0']}


def main() -> None:
  """Starts each twice, writes."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--out', type=pathlib.Path, required=True)
  args = parser.parse_args()
  result = {}
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    os.environ.pop('JAX_COMPILATION_CACHE_DIR', None)
    os.environ[compile_cache.ENV] = str(folder / 'compiled')
    for what, words in commands(folder).items():
      result[what] = {}
      for turn in ('first', 'second'):
        log = folder / 'log.txt'
        took = stages.run([sys.executable, '-m', *(
            word.format(turn=turn) for word in words)], _LIMIT_S, log)
        if took['ended'] != 'done':
          raise RuntimeError(f'{what} {took["ended"]}: {log.read_text()}')
        result[what] |= {f'{turn}_s': took['wall_s'],
                         f'{turn}_cpu_s': took['cpu_s']}
      print(what, result[what], flush=True)
  run_record.write_json(args.out, result | dict(
      target_s=_TARGET_S, versions=run_record.versions(),
      git=run_record.git_revision(), date=time.strftime('%Y-%m-%d')))


if __name__ == '__main__':
  main()
