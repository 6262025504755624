"""A model and a million rows opened, and features answered one at a time.

  python -m benchmarks.load_bench --out=benchmarks/results/load.json

Gallery, weights and queries are those of answer_bench: random, only their speed
counts. Each figure of `opened` is of a process of its own, the first of which
verifies every file of the gallery; imports are not counted. Answers are whole:
candidates, evidence, places. GeoCLIP's way is that of answer_bench.
"""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

from experiments.run import run_record
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import model as models
from pinpoint_jax.answer import predict
from pinpoint_jax.candidates import searcher, shortlist
from pinpoint_jax.features import store as stores
from pinpoint_jax.features import store_writer
from pinpoint_jax.models import embedder_files
from pinpoint_jax.rerank import files as reranker_files
from pinpoint_jax.rerank import fusion

from benchmarks import answer_bench, answer_ground, answer_models
from benchmarks.clocks import quantiles, timed

TARGETS = {'opened_s': 3, 'one_feature_ms': 20}
_NUM_QUERIES = 256


def write(folder: pathlib.Path, num_rows: int) -> None:
  """model/, gallery/ and queries/, as far as they are not there."""
  made = answer_models.embedder('quick')
  fingerprint = embedder_files.save(
      folder / 'embedder', made.model, made.params, made.inputs, '')
  trained = embedder_files.load(folder / 'embedder')
  answer_ground.build(folder / 'gallery', num_rows, trained)
  ranker = answer_models.reranker('quick', fingerprint)
  reranker_files.save(folder / 'reranker', ranker.kind, ranker.model,
                      ranker.params, ranker.info, '')
  models.export(
      folder / 'model', folder / 'embedder', {'photo': folder / 'reranker'},
      {'photo': models.Retrieval(fusion.Fusion(1., 1., 1.),
                                 shortlist.Sizes(8, 2, 2))}, None, '', '')
  rng = np.random.default_rng(2)
  features = rng.normal(size=(_NUM_QUERIES, answer_models.RAW_DIM))
  nobody = np.full(_NUM_QUERIES, '')
  store_writer.write(
      folder / 'queries', types.Photos(
          np.array([f'q{i}' for i in range(_NUM_QUERIES)]),
          np.zeros((_NUM_QUERIES, 2)), nobody, nobody, 'photo'),
      [features.astype(np.float32)], answer_models.RAW_DIM,
      store_writer.FeatureOrigin('random', '0', 'none'))


def opened(folder: pathlib.Path, search: str) -> dict:
  """Seconds until answers can be had, and milliseconds of each."""
  seconds, cpu_seconds = timed(lambda: predict.Pinpoint.load(
      folder / 'model', folder / 'gallery', search))
  pinpoint = predict.Pinpoint.load(
      folder / 'model', folder / 'gallery', search)
  store = stores.open_store(folder / 'queries')
  answer = lambda i: list(pinpoint.stream_features(
      store, rows=[i % _NUM_QUERIES]))
  first, _ = timed(lambda: answer(0))
  return dict(opened_s=seconds, opened_cpu_s=cpu_seconds, first_answer_s=first,
              one_feature=quantiles(answer))


def main() -> None:
  """Builds, measures in processes of their own, writes."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--rows', type=int, default=1_000_000)
  parser.add_argument('--out', type=pathlib.Path, required=True)
  parser.add_argument('--folder', type=pathlib.Path, help='keep what is built')
  parser.add_argument('--search', choices=searcher.SEARCHES,
                      help='measure this alone')
  args = parser.parse_args()
  if args.search:
    run_record.write_json(args.out, opened(args.folder, args.search))
    return
  result = dict(
      rows=args.rows, targets=TARGETS, platform=platform.platform(),
      cores=os.cpu_count(), versions=run_record.versions(),
      git=run_record.git_revision(), date=time.strftime('%Y-%m-%d'))
  with tempfile.TemporaryDirectory() as name:
    folder = args.folder or pathlib.Path(name)
    write(folder, args.rows)
    for part, search in (('verifying', 'index'), ('index', 'index'),
                         ('exact', 'exact')):
      out = folder / f'{part}.json'
      subprocess.run([sys.executable, '-m', 'benchmarks.load_bench',
                      f'--folder={folder}', f'--search={search}',
                      f'--out={out}'], check=True)
      result[part] = json.loads(out.read_text())
      print(part, result[part], flush=True)
  result['geoclip'] = answer_bench.geoclip(3)
  run_record.write_json(args.out, result)


if __name__ == '__main__':
  main()
