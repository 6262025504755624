r"""Feature stores to figures without a separate test set.

  python -m experiments.crossval --features=STORE[,STORE] --folds=5 --workdir=W

Each fold's rows are answered by what was trained on the other folds; rows of
one author or sequence are never on both sides. Models are sized by the number
of rows. W/results.json and W/results.md hold, per source, the best first:

  chance                      a random row
  ridge                       the kernel ridge, fixed and chosen settings
  raw_1nn, image_top1, location_top1, retrieval, light
                              from shortlists; embedders of hard and soft
                              targets; weights, temperatures and the light
                              reranker cross-fitted (crossval_fused.py)

What does not apply is left out, and a line says so. Stopped in any way, run it
again: finished folds are kept.
"""

from collections.abc import Iterator, Mapping, Sequence
import pathlib
from typing import Any

from experiments import embedder_parts, train_embedder
from experiments.configs import crossval as configs
from experiments.crossval_stages import fused, light, ridge
from experiments.crossval_stages import lists as crossval_lists
from experiments.run import launch, run_record
import jax
from ml_collections import config_dict
from pinpoint_jax.disk import lock, parts
from pinpoint_jax.evals import geolocation, metrics, results
from pinpoint_jax.features import store
from pinpoint_jax.models import embedder_files
from pinpoint_jax.report import tables

TARGETS = ('hard', 'soft')
FLAGS = (
    launch.Flag('features', None, 'Feature stores between commas.'),
    launch.Flag('folds', 5, 'Parts that take turns as the test.'),
    launch.Flag('seed', 0, 'Seed of all that is random.'),
    launch.Flag('num_resamples', 1000, 'Bootstrap resamples for the '
                'intervals; 0 for none.'),
)
# source, system, variant, decode
Key = tuple[str, str, str, str]
Answers = dict[Key, list[fused.Answered]]


def main(run: launch.Run) -> None:
  """Train and answer fold by fold, fit across the folds, report."""
  if run.flags['folds'] < 2:
    raise ValueError(f'--folds={run.flags["folds"]}: must be at least 2')
  with lock.hold(run.workdir):
    stores = _stores(run.flags['features'])
    # Refuses a workdir of other rows, folds or seed.
    parts.Folder(run.workdir / 'folds', _about(run, stores))
    _share_compilations(run.workdir / 'compiled')
    answers: Answers = {}
    lists: dict[tuple[str, str], list[crossval_lists.Lists]] = {}
    for fold in range(run.flags['folds']):
      print(f'fold {fold + 1} of {run.flags["folds"]}', flush=True)
      for key, found in _fold(run, stores, fold, lists):
        answers.setdefault(key, []).append(found)
    notes = list(_across(lists, run.flags['seed'], answers))
    _report(run, list(_rows(run, stores, answers, notes)), notes)


def _stores(paths: str) -> dict[str, str]:
  """Paths by source."""
  found: dict[str, list[str]] = {}
  for path in paths.split(','):
    found.setdefault(store.open_store(path).manifest['source'], []).append(path)
  return {source: ','.join(some) for source, some in sorted(found.items())}


def _share_compilations(folder: pathlib.Path) -> None:
  """Every fold is the same program."""
  if not jax.config.jax_compilation_cache_dir:
    jax.config.update('jax_compilation_cache_dir', str(folder))


def _about(run: launch.Run, stores: Mapping[str, str]) -> dict[str, Any]:
  return {'folds': run.flags['folds'], 'seed': run.flags['seed'],
          'configs': [run_record.config_hash(_config(run, stores, 0, targets))
                      for targets in TARGETS], 'data': _data(stores)}


def _data(stores: Mapping[str, str]) -> dict[str, list[str]]:
  return {source: [store.open_store(path).fingerprint()
                   for path in paths.split(',')]
          for source, paths in stores.items()}


def _config(run: launch.Run, stores: Mapping[str, str], fold: int,
            targets: str) -> config_dict.ConfigDict:
  sizes = [len(store.open_store(path)) for paths in stores.values()
           for path in paths.split(',')]
  config = configs.get_config(
      f'rows={max(sizes)},targets={targets},seed={run.flags["seed"]}')
  config.model.sources = tuple(stores)
  for source, paths in stores.items():
    config.stores[source] = paths
  config.folds.count, config.folds.index = run.flags['folds'], fold
  return config


def _fold(run: launch.Run, stores: Mapping[str, str], index: int,
          lists: dict[tuple[str, str], list[crossval_lists.Lists]],
          ) -> Iterator[tuple[Key, fused.Answered]]:
  """What needs no other fold's lists; adds to `lists` what later needs."""
  split = embedder_parts.split(_config(run, stores, index, TARGETS[0]))
  fold = crossval_lists.Fold(split)
  folder = run.workdir / 'folds' / f'fold_{index}'
  for source, rows in split.held_out.items():
    if not len(rows):
      raise ValueError(f'{source}: fold {index + 1} has no rows, there are '
                       f'fewer authors and sequences than --folds='
                       f'{run.flags["folds"]}')
    yield ((source, 'chance', '', 'argmax'), fused.Answered(
        geolocation.chance_errors(rows.photos, fold.photos,
                                  run.flags['seed'])))
    for (variant, decode), found in ridge.answer(
        folder / 'ridge' / source, split.train[source], rows):
      yield (source, 'ridge', variant, decode), found
  for targets in TARGETS:
    config = _config(run, stores, index, targets)
    trained = _embedder(config, folder / targets)
    for source, found in fold.lists(folder / targets / 'lists',
                                    trained).items():
      lists.setdefault((source, targets), []).append(found)


def _embedder(config: config_dict.ConfigDict,
              workdir: pathlib.Path) -> embedder_files.Trained:
  if not (workdir / 'figures.json').is_file():
    train_embedder.train(config, workdir)
  return embedder_files.load(workdir / 'model')


def _across(lists: Mapping[tuple[str, str], Sequence[crossval_lists.Lists]],
            seed: int, answers: Answers) -> Iterator[str]:
  """Adds what is cross-fitted over the folds; tells what is left out."""
  for (source, targets), some in lists.items():
    first = targets == TARGETS[0]
    for system, channels in fused.systems(some).items():
      # Raw features have no embedder: once is enough.
      if system != 'raw_1nn' or first:
        variant = '' if system == 'raw_1nn' else targets
        _add(answers, (source, system, variant),
             fused.answer(some, channels))
    if first and 'raw' not in some[0].channels:
      yield (f'{source}: raw_1nn is left out, the features of the sources come '
             f'from different backbones')
    rows = sum(map(len, some))
    if rows >= light.MIN_ROWS:
      _add(answers, (source, 'light', targets),
           light.answer(some, seed))
    elif first:
      yield (f'{source}: light is left out, it needs '
             f'{light.MIN_ROWS:,} rows to learn from and there are '
             f'{rows:,}')


def _add(answers: Answers, name: tuple[str, str, str],
         folds: Iterator[Mapping[str, fused.Answered]]) -> None:
  for found in folds:
    for decode, one in found.items():
      answers.setdefault((*name, decode), []).append(one)


def _rows(run: launch.Run, stores: Mapping[str, str], answers: Answers,
          notes: Sequence[str]) -> Iterator[dict[str, Any]]:
  about = {
      'git': run_record.git_revision(), 'versions': run_record.versions(),
      'folds': run.flags['folds'], 'seed': run.flags['seed'],
      'data': _data(stores), 'notes': list(notes)}
  sizes = {source: sum(len(store.open_store(path)) for path in
                       paths.split(',')) for source, paths in stores.items()}
  for (source, system, variant, decode), folds in answers.items():
    setting = results.Setting(
        'crossval', source, system,
        'same_source' if system == 'ridge' else 'combined', 'author', decode,
        queries=source, variant=variant)
    yield results.row(
        setting, metrics.merge(one.errors for one in folds),
        about | {'fitted': [one.fitted for one in folds]}, sizes[source],
        run.flags['num_resamples'])


def _report(run: launch.Run, rows: list[dict[str, Any]],
            notes: Sequence[str]) -> None:
  """The best of each source first."""
  rows.sort(key=lambda row: (row['queries'], -row['metrics']['geoscore']))
  run_record.write_json(run.workdir / 'results.json', rows)
  text = tables.markdown(rows) + ''.join(f'\n{note}\n' for note in notes)
  (run.workdir / 'results.md').write_text(text)
  print(f'\n{text}\nfigures  {run.workdir / "results.json"}')


def run() -> None:
  """Entry of the binary."""
  launch.run(main, FLAGS, (('features', 'workdir'),))


if __name__ == '__main__':
  run()
