r"""What a reranker learns from examples by index, beside one of exact examples.

  python -m benchmarks.examples_rerank_bench --rows=1000000 \
    --out=benchmarks/results/examples_rerank.json

The gallery is large_gallery_bench's (Synthetic Earth 2 at feature level,
synthetic), its indices tuned there to --target. The demo's reranker is trained
twice on the same photos of known place, which differ only in the search that
found their candidates; both then answer the same photos by new authors by exact
search. Differences are paired, with intervals by photographer.
"""

import argparse
import json
import pathlib
import sys
import tempfile
import time

from experiments import evaluate, train_reranker
from experiments.configs import demo
from experiments.configs import evaluate as evaluate_config
from experiments.run import run_record
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.evals import comparison, errors_file

from benchmarks import large_gallery_bench, stages

_LIMIT_S = 3 * 3600.
# The demo's reranker of the whole model.
_KIND = 'interaction'


def train(folder: pathlib.Path, how: str, size: str | None) -> None:
  """The demo's reranker of photos, on examples that were searched so."""
  config = demo.get_config(size)[_KIND].copy_and_resolve_references()
  config.task, config.queries, config.search = 'photo', 'apart', how
  config.embedder = str(folder / 'embedder' / 'model')
  config.gallery = str(folder / 'gallery')
  config.stores.photo = str(folder / 'stores' / 'rerank_photo')
  config.shortlists = str(folder / 'shortlists' / how)
  config.priors = str(folder / 'priors')  # The same for both.
  train_reranker.train(config, folder / 'reranker' / how)


def answer(folder: pathlib.Path, how: str) -> None:
  """All systems with that reranker on photos by new authors."""
  config = evaluate_config.get_config('quick')
  config.model = str(folder / 'embedder' / 'model')
  config.gallery = str(folder / 'gallery')
  config.queries = str(folder / 'stores' / 'query_photo_new')
  config.rerankers.photo = str(folder / 'reranker' / how / 'model')
  config.systems, config.filters = ('retrieval', 'full'), ('author',)
  evaluate.write(config, folder / 'answers' / how)


STAGES = {'train': train, 'answer': lambda folder, how, _: answer(folder, how)}


def run_stages(folder: pathlib.Path, size: str | None) -> dict[str, dict]:
  """Both rerankers trained and asked, each in a process; what they took."""
  took = {}
  for how in search.SEARCHES:
    for name in STAGES:
      took[f'{name}_{how}'] = stages.run(
          [sys.executable, '-m', 'benchmarks.examples_rerank_bench',
           f'--stage={name}', f'--search={how}', f'--folder={folder}',
           *([f'--size={size}'] if size else []), '--out=.'], _LIMIT_S,
          folder / f'{name}_{how}.log')
      if took[f'{name}_{how}']['ended'] != 'done':
        raise RuntimeError((folder / f'{name}_{how}.log').read_text()[-2000:])
  return took


def differences(folder: pathlib.Path) -> list[dict]:
  """By index against exactly, photo by photo, figure by figure."""
  errors = {how: next(
      some for key, some in errors_file.read(
          folder / 'answers' / how / 'errors').errors.items()
      if (key.system, key.decode) == ('full', 'argmax'))
            for how in ('index', 'exact')}
  return comparison.rows(errors)


def main() -> None:
  """Builds the gallery where it is not there, trains, asks, compares."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--rows', type=int, default=1_000_000)
  parser.add_argument('--photos', type=int, default=12_000,
                      help='of known place, to learn from')
  parser.add_argument('--queries', type=int, default=4096)
  parser.add_argument('--target', type=float, default=.97)
  parser.add_argument('--size', help='in the words of the config of the demo: '
                      'quick is for tests')
  parser.add_argument('--folder', type=pathlib.Path, help='keep what is built')
  parser.add_argument('--out', type=pathlib.Path, required=True)
  parser.add_argument('--stage', choices=STAGES)
  parser.add_argument('--search', choices=search.SEARCHES)
  args = parser.parse_args()
  if args.stage:
    STAGES[args.stage](args.folder, args.search, args.size)
    return
  with tempfile.TemporaryDirectory() as name:
    folder = args.folder or pathlib.Path(name)
    large_gallery_bench.measure(
        folder, args.rows, large_gallery_bench.arguments(
            ['--out=.', f'--rerank={args.photos}', f'--queries={args.queries}',
             f'--target={args.target}',
             *([f'--size={args.size}'] if args.size else [])]))
    took = run_stages(folder, args.size)
    rows = differences(folder)
    recall = [line for line in (folder / 'train_index.log').read_text(
    ).splitlines() if 'recall of the index' in line]
  run_record.write_json(args.out, dict(
      rows=args.rows, photos=args.photos, queries=args.queries, recall=recall,
      stages=took, differences=rows, versions=run_record.versions(),
      git=run_record.git_revision(), date=time.strftime('%Y-%m-%d')))
  print(json.dumps(rows), flush=True)


if __name__ == '__main__':
  main()
