r"""What a reranker's training examples cost, by index and exactly.

  python -m benchmarks.examples_bench --rows=100000 --queries=2048 \
    --out=benchmarks/results/examples.json

The gallery is large_gallery_bench's (Synthetic Earth 2 at feature level,
synthetic), its indices tuned there; examples are those of the config of the
attention reranker: lists of 8, 2 and 2 in the order of the region prior, four
rounds with other rows hidden, neighbours and density. The same queries are made
into examples by index and, fewer of them, exactly. `target_queries` is what the
seconds of a query come to at the size of the config, 200,000, without the
priors and the gallery's neighbour lists, which are made once.
"""

import argparse
from collections.abc import Callable
import json
import pathlib
import sys
import tempfile
import time
from typing import Any

from experiments import reranker_parts
from experiments.configs import train_reranker
from experiments.run import run_record
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.features import store as store_lib
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import neighbours
from pinpoint_jax.rerank import examples, inputs, training_set
from pinpoint_jax.rerank import priors as priors_lib

from benchmarks import clocks, large_gallery_bench, stages

_TARGET_QUERIES, _TARGET_S = 200_000, 900
_LIMIT_S = 3600.
_TASK: types.Source = 'photo'


def opened(folder: pathlib.Path) -> tuple[
    galleries.Gallery, examples.LabeledQueries]:
  """The gallery, and photos of known place that are not in it."""
  photos = store_lib.open_store(folder / 'stores' / 'rerank_photo').photos
  return galleries.open_gallery(folder / 'gallery'), examples.LabeledQueries(
      photos, large_gallery_bench.photos(folder, 'rerank_photo'))


def seconds_a_query(builder: examples.ExampleBuilder,
                    labeled: examples.LabeledQueries) -> dict:
  """All rounds of all queries, a block at a time, as training makes them."""
  def run() -> None:
    for start in range(0, len(labeled), examples.PART):
      at = slice(start, min(start + examples.PART, len(labeled)))
      for _, context in builder.contexts(
          labeled, at, range(builder.rounds), with_nearby=True):
        examples.as_columns(context, builder.dist_km(
            labeled, at, context.shortlist.rows))
  run_wall, run_cpu = clocks.timed(run)
  return dict(queries=len(labeled), wall_s=run_wall / len(labeled),
              cpu_s=run_cpu / len(labeled))


def measure(folder: pathlib.Path, num_queries: int, num_exact: int) -> dict:
  """Seconds a query by index and exactly, and the recall of the index."""
  gallery, labeled = opened(folder)
  labeled = labeled.take(slice(num_queries))
  wanted = settings(folder)
  priors, prior_s = timed_value(lambda: priors_lib.fit(
      gallery, np.arange(len(gallery)), _TASK, wanted.priors))
  reader, reader_s = timed_value(lambda: inputs.Reader(
      gallery, neighbours.load_or_build(gallery)))
  by = {how: search.open_searcher(gallery, how) for how in search.SEARCHES}
  builders = {how: examples.ExampleBuilder(searcher, reader, wanted.examples,
                                           priors)
              for how, searcher in by.items()}
  for builder in builders.values():  # Compiles.
    seconds_a_query(builder, labeled.take(slice(64)))
  index = seconds_a_query(builders['index'], labeled)
  exact = seconds_a_query(builders['exact'], labeled.take(slice(num_exact)))
  return dict(
      rows=len(gallery), rounds=wanted.examples.rounds, index=index,
      exact=exact, times_as_fast=exact['wall_s'] / index['wall_s'],
      recall=examples.recall(by['index'], by['exact'],
                             labeled.take(slice(256)), wanted.examples),
      target_queries=_TARGET_QUERIES, target_s=_TARGET_S,
      takes_s=_TARGET_QUERIES * index['wall_s'],
      takes_cpu_s=_TARGET_QUERIES * index['cpu_s'], priors_s=prior_s,
      reader_s=reader_s)


def settings(folder: pathlib.Path) -> training_set.Settings:
  """Those of the config of the attention reranker."""
  config = train_reranker.get_config()
  config.embedder = str(folder / 'embedder' / 'model')
  config.gallery = str(folder / 'gallery')
  config.stores[_TASK] = str(folder / 'stores' / 'rerank_photo')
  return reranker_parts.settings(config)


def timed_value(run: Callable[[], Any]) -> tuple[Any, float]:
  """What it returns, and the seconds it took."""
  begun = time.perf_counter()
  return run(), time.perf_counter() - begun


def main() -> None:
  """Builds the gallery where it is not there, measures, writes."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--rows', type=int, default=100_000)
  parser.add_argument('--queries', type=int, default=2048)
  parser.add_argument('--exact_queries', type=int, default=64)
  parser.add_argument('--folder', type=pathlib.Path, help='keep what is built, '
                      'or take what was: with its number of photos and efforts')
  parser.add_argument('--out', type=pathlib.Path, required=True)
  parser.add_argument('--measure', action='store_true',
                      help='in a gallery that is there')
  args = parser.parse_args()
  if args.measure:
    run_record.write_json(args.out, measure(
        args.folder, args.queries, args.exact_queries))
    return
  with tempfile.TemporaryDirectory() as name:
    folder = args.folder or pathlib.Path(name)
    if not large_gallery_bench.built(folder, args.rows):
      large_gallery_bench.measure(
          folder, args.rows, large_gallery_bench.arguments(
              ['--out=.', f'--rerank={args.queries}']))
    took = stages.run(
        [sys.executable, '-m', 'benchmarks.examples_bench', '--measure',
         f'--folder={folder}', f'--queries={args.queries}',
         f'--exact_queries={args.exact_queries}',
         f'--out={folder / "examples.json"}'], _LIMIT_S,
        folder / 'examples.log')
    if took['ended'] != 'done':
      raise RuntimeError((folder / 'examples.log').read_text()[-2000:])
    result = json.loads((folder / 'examples.json').read_text())
  run_record.write_json(args.out, result | dict(
      process=took, versions=run_record.versions(),
      git=run_record.git_revision(), date=time.strftime('%Y-%m-%d')))
  print(json.dumps(result), flush=True)


if __name__ == '__main__':
  main()
