r"""Which engine and what effort the indices of a gallery need for a recall.

  python -m experiments.tune_index --gallery=G --recall=0.95 --k=100 \
    --queries=STORE --model=W/model

Every index of G is searched with more and more effort, and so is one of every
other engine that is installed, built anew in memory. The engine that finds
that share of the k exact answers fastest is kept at its cheapest effort, and
index.json says why: `tuning`. --engines=scann compares with no other engine.

The queries are the rows of a feature store that is not in the gallery; without
--queries they are gallery rows with noise, which are easier than real photos.
Prints what was tried; exit code 1 where no engine reaches the recall.
"""

from collections.abc import Iterator
import itertools
from typing import Any

from experiments.run import launch
import numpy as np
from pinpoint_jax.candidates import queries as queries_lib
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.features import store
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import indexes
from pinpoint_jax.models import embedder_files, encoding
from pinpoint_jax.search import ann_choice, ann_engines, ann_tuning

# Length of the noise on a gallery row that stands for a query.
_NOISE = 0.5
FLAGS = (
    launch.Flag('gallery', None, 'Gallery directory.'),
    launch.Flag('recall', 0.95, 'Share of the exact answers to reach; '
                'an equal row is as good.'),
    launch.Flag('k', 100, 'Answers of each query.'),
    launch.Flag('queries', None, 'Feature store of photos that are not in the '
                'gallery; needs --model.'),
    launch.Flag('model', None, 'Model directory of the embedder that built '
                'the gallery.'),
    launch.Flag('engines', '', 'Engines to compare, separated by commas, with '
                'the one that is there; all that are installed if empty.'),
    launch.Flag('num_queries', 1000, 'Queries to measure with.'),
    launch.Flag('seed', 0, 'Seed of the choice of queries.'),
)


def main(run: launch.Run) -> None:
  """Tune every index and keep the result."""
  flags = run.flags
  if bool(flags['queries']) != bool(flags['model']):
    raise ValueError('--queries and --model belong together: photos that are '
                     'not in the gallery, and the embedder that built it')
  gallery = galleries.open_gallery(flags['gallery'])
  indexed = indexes.load(gallery)
  if not indexed:
    raise ValueError(f'{gallery.path} has no index; small galleries are '
                     f'searched exactly, large ones get one from build_gallery')
  queries = _queries(flags, gallery) if flags['queries'] else None
  for place in indexes.places(gallery):
    built = indexed.get((place.segment.name, place.channel))
    if built is not None:
      choice = _tune(flags, place, built, queries)
      indexes.replace(gallery, place, choice.index)


def _queries(flags: dict[str, Any],
             gallery: galleries.Gallery) -> shortlist.Queries:
  trained = embedder_files.load(flags['model'])
  galleries.check_model(gallery, trained)
  features = store.open_store(flags['queries'])
  source = features.manifest['source']
  queries_lib.check_inputs(trained, source, features.manifest,
                           flags['queries'])
  rows = np.arange(len(features))
  if len(rows) > flags['num_queries']:
    rows = np.random.default_rng(flags['seed']).choice(
        rows, flags['num_queries'], replace=False)
  return queries_lib.encode(
      trained, encoding.Encoder(trained.model), features.photos.take(rows),
      features.rows(rows), gallery.manifest['raw'] != 'off')


def _tune(flags: dict[str, Any], place: indexes.Place, built: Any,
          queries: shortlist.Queries | None) -> ann_choice.Choice:
  if queries is None:
    some = ann_tuning.perturbed(
        place.vectors, min(flags['num_queries'], len(place.vectors)), _NOISE,
        flags['seed'])
  else:
    some = queries.of(place.channel)
  others = [engine for engine in _engines(flags['engines'])
            if engine != built.engine]
  choice = ann_choice.choose(
      itertools.chain([built], (indexes.build_one(place, engine)
                                for engine in others)),
      ann_tuning.ask(some, place.vectors, flags['k']), flags['recall'])
  for line in _lines(place, choice):
    print(line, flush=True)
  return choice


def _engines(names: str) -> tuple[str, ...]:
  engines = tuple(name.strip() for name in names.split(',') if name.strip())
  for engine in engines:
    ann_engines.engine_class(engine)  # Unknown or missing, it is refused now.
  return engines or ann_engines.installed()


def _lines(place: indexes.Place, choice: ann_choice.Choice) -> Iterator[str]:
  yield f'{place.channel} of {place.segment.name}: {len(place.vectors):,} rows'
  for engine, tuned in choice.tuned.items():
    for trial in tuned.trials:
      kept = trial == tuned.chosen and engine == choice.index.engine
      yield (f'  {engine} leaves {trial.leaves_to_search:5} reorder '
             f'{trial.reorder:6} recall {trial.recall:.4f} '
             f'{trial.queries_per_s:9,.0f} queries/s'
             f'{"  <- kept" if kept else ""}')
  for engine, why in choice.missed.items():
    yield f'  {engine}: {why}'
  yield f'  {choice.index.tuning["reason"]}'


if __name__ == '__main__':
  launch.run(main, FLAGS, (('gallery',),))
