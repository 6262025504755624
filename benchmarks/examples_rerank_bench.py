r"""What a reranker learns from examples by index, beside one of exact examples.

  python -m benchmarks.examples_rerank_bench --rows=1000000 \
    --out=benchmarks/results/examples_rerank.json

The gallery is large_gallery_bench's (Synthetic Earth 2 at feature level,
synthetic), its indices tuned there to --target. The demo's reranker is trained
on the same photos of known place once by each search that finds their
candidates, and that with each of --seeds: other examples of the photos and
other fresh weights, which alone move answers as much. All then answer the same
photos by new authors by exact search. Differences are paired, photo by photo
and seed by seed, with intervals by photographer of the mean of the seeds.
"""

import argparse
import itertools
import json
import pathlib
import sys
import tempfile
import time

from experiments import evaluate, train_reranker
from experiments.configs import demo
from experiments.configs import evaluate as evaluate_config
from experiments.run import run_record
import numpy as np
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.evals import comparison, errors_file, metrics, paired

from benchmarks import large_gallery_bench, stages

_LIMIT_S = 3 * 3600.
# The demo's reranker of the whole model.
_KIND = 'interaction'


def train(folder: pathlib.Path, how: str, seed: int, size: str | None) -> None:
  """The demo's reranker of photos, on examples that were searched so."""
  config = demo.get_config(size)[_KIND].copy_and_resolve_references()
  config.seed = seed
  config.task, config.queries, config.search = 'photo', 'apart', how
  config.embedder = str(folder / 'embedder' / 'model')
  config.gallery = str(folder / 'gallery')
  config.stores.photo = str(folder / 'stores' / 'rerank_photo')
  config.shortlists = str(_place(folder, 'shortlists', how, seed))
  config.priors = str(folder / 'priors')  # The same for both.
  train_reranker.train(config, _place(folder, 'reranker', how, seed))


def answer(folder: pathlib.Path, how: str, seed: int) -> None:
  """All systems with that reranker on photos by new authors."""
  config = evaluate_config.get_config('quick')
  config.model = str(folder / 'embedder' / 'model')
  config.gallery = str(folder / 'gallery')
  config.queries = str(folder / 'stores' / 'query_photo_new')
  config.rerankers.photo = str(
      _place(folder, 'reranker', how, seed) / 'model')
  config.systems, config.filters = ('retrieval', 'full'), ('author',)
  evaluate.write(config, _place(folder, 'answers', how, seed))


def _place(folder: pathlib.Path, what: str, how: str,
           seed: int) -> pathlib.Path:
  return folder / what / f'{how}_{seed}'


STAGES = {'train': train, 'answer': lambda folder, how, seed, _: answer(
    folder, how, seed)}


def run_stages(folder: pathlib.Path, seeds: int,
               size: str | None) -> dict[str, dict]:
  """All rerankers trained and asked, each in a process; what they took."""
  took = {}
  for seed, how, name in itertools.product(
      range(seeds), search.SEARCHES, STAGES):
    stage = f'{name}_{how}_{seed}'
    took[stage] = stages.run(
        [sys.executable, '-m', 'benchmarks.examples_rerank_bench',
         f'--stage={name}', f'--search={how}', f'--seed={seed}',
         f'--folder={folder}', *([f'--size={size}'] if size else []),
         '--out=.'], _LIMIT_S, folder / f'{stage}.log')
    if took[stage]['ended'] != 'done':
      raise RuntimeError((folder / f'{stage}.log').read_text()[-2000:])
  return took


def differences(folder: pathlib.Path, seeds: int) -> list[dict]:
  """By index against exactly, photo by photo, figure by figure.

  by_seed: the difference of the two rerankers of each seed.
  """
  each = {how: [_errors(_place(folder, 'answers', how, seed))
                for seed in range(seeds)] for how in ('index', 'exact')}
  # A photographer is drawn with the answers of all seeds: one set of queries.
  rows = comparison.rows({how: metrics.Errors(
      np.concatenate([some.dist_km for some in errors]),
      np.concatenate([some.clusters for some in errors]))
                          for how, errors in each.items()})
  by_seed = [paired.differences([paired.Pair(*pair)], num_resamples=0)
             for pair in zip(each['index'], each['exact'])]
  return [row | {'by_seed': [some[row['figure']].difference
                             for some in by_seed]} for row in rows]


def _errors(answers: pathlib.Path) -> metrics.Errors:
  return next(
      some for key, some in errors_file.read(answers / 'errors').errors.items()
      if (key.system, key.decode) == ('full', 'argmax'))


def main() -> None:
  """Builds the gallery where it is not there, trains, asks, compares."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--rows', type=int, default=1_000_000)
  parser.add_argument('--photos', type=int, default=12_000,
                      help='of known place, to learn from')
  parser.add_argument('--queries', type=int, default=4096)
  parser.add_argument('--target', type=float, default=.97)
  parser.add_argument('--seeds', type=int, default=5,
                      help='rerankers of each search')
  parser.add_argument('--size', help='in the words of the config of the demo: '
                      'quick is for tests')
  parser.add_argument('--folder', type=pathlib.Path, help='keep what is built')
  parser.add_argument('--out', type=pathlib.Path, required=True)
  parser.add_argument('--stage', choices=STAGES)
  parser.add_argument('--search', choices=search.SEARCHES)
  parser.add_argument('--seed', type=int)
  args = parser.parse_args()
  if args.stage:
    STAGES[args.stage](args.folder, args.search, args.seed, args.size)
    return
  with tempfile.TemporaryDirectory() as name:
    folder = args.folder or pathlib.Path(name)
    large_gallery_bench.measure(
        folder, args.rows, large_gallery_bench.arguments(
            ['--out=.', f'--rerank={args.photos}', f'--queries={args.queries}',
             f'--target={args.target}',
             *([f'--size={args.size}'] if args.size else [])]))
    took = run_stages(folder, args.seeds, args.size)
    rows = differences(folder, args.seeds)
    recall = [line for line in (folder / 'train_index_0.log').read_text(
    ).splitlines() if 'recall of the index' in line]
  run_record.write_json(args.out, dict(
      rows=args.rows, photos=args.photos, queries=args.queries,
      seeds=args.seeds, target=args.target, recall=recall, stages=took,
      differences=rows, versions=run_record.versions(),
      git=run_record.git_revision(), date=time.strftime('%Y-%m-%d')))
  print(json.dumps(rows), flush=True)


if __name__ == '__main__':
  main()
