r"""Feature stores to figures without a separate test set.

  python -m experiments.crossval --features=STORE[,STORE] --folds=5 --workdir=W

Each fold's rows are answered by what was trained on the other folds. Folds are
made over the authors of all sources together: rows of one author or sequence
are never on both sides, with --block_km=10 those of one block of 10 km neither.
Models are sized by the number of rows.
W/results.json and W/results.md list, per source, the best first:

  chance, constant            a random row; the best single place
  ridge                       the kernel ridge: linear as it is; chosen, its
                              penalty and prior by inner folds; two_sources
                              with the other source, where these say it helps
  location_top1 from_ridge    an embedder that begins as the chosen ridge
  raw_1nn, image_top1, location_top1, retrieval, light
                              from shortlists; embedders of hard and soft
                              targets; weights, temperatures and the light
                              reranker cross-fitted
  geoclip_style               nearest place of an embedder with GeoCLIP's
                              location tower and loss
  oracle                      the best candidate of a shortlist

Paired differences say what the other source and features add (to the ridge of
one source, to the constant place). Systems that do not apply are left out, and
fallbacks are named, with a line that says why. Stopped in
any way, run it again: finished folds are kept.
"""

from collections.abc import Mapping, Sequence
import functools
import pathlib
from typing import Any

from experiments import train_embedder
from experiments.configs import crossval as configs
from experiments.configs import train_reranker as reranker_configs
from experiments.run import launch, run_record
from ml_collections import config_dict
from pinpoint_jax import crossval
from pinpoint_jax.crossval import light, runner
from pinpoint_jax.disk import lock, parts
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.features import store
from pinpoint_jax.report import tables
from pinpoint_jax.train import optimizer
from pinpoint_jax.train import reranker as reranker_training

FLAGS = (
    launch.Flag('features', None, 'Feature stores between commas.'),
    launch.Flag('folds', 5, 'Parts that take turns as the test.'),
    launch.Flag('block_km', 0.0, 'Blocks of the Earth that have no row on both '
                'sides; 0 parts authors and sequences alone.'),
    launch.Flag('seed', 0, 'Seed of all that is random.'),
    launch.Flag('num_resamples', 1000, 'Bootstrap resamples for the '
                'intervals; 0 for none.'),
)
Paths = Mapping[str, str]


def main(run: launch.Run) -> None:
  """Open the stores, cross-validate, report."""
  with lock.hold(run.workdir):
    paths = _paths(run.flags['features'])
    rows = {source: rows_lib.open_rows(some.split(','))
            for source, some in paths.items()}
    folds = crossval.split(rows, run.flags['folds'], run.flags['block_km'])
    settings = _settings(run.flags['seed'])
    config_fn = functools.partial(fold_config, paths, folds, settings.seed)
    hashes = {name: run_record.config_hash(config_fn(0, name))
              for name in runner.EMBEDDERS}
    data = {source: [opened.fingerprint() for opened in part.stores]
            for source, part in rows.items()}
    about = {'folds': len(folds), 'seed': settings.seed,
             'block_km': run.flags['block_km'], 'configs': hashes, 'data': data}
    # Refuses a workdir of other rows, folds or seed.
    folder = run.workdir / 'folds'
    parts.Folder(folder, about)
    outcome = crossval.run(folds, settings, functools.partial(
        _train, config_fn), folder)
    provenance = {
        'git': run_record.git_revision(), 'versions': run_record.versions(),
        'folds': len(folds), 'seed': settings.seed,
        'block_km': run.flags['block_km'], 'data': data}
    whole = run_record.config_hash(config_dict.ConfigDict(about))
    _report(run.workdir, outcome.notes, crossval.rows(
        outcome, rows, provenance, hashes | {'': whole},
        run.flags['num_resamples']))


def fold_config(paths: Paths, folds: Sequence[crossval.Fold], seed: int,
                fold: int, name: str) -> config_dict.ConfigDict:
  """Config of one fold's embedder of that name; its size is that of all."""
  trained_on = [max(map(len, some.train.values())) for some in folds]
  rows = max(sum(len(some.held_out[source]) for some in folds)
             for source in paths)
  config = configs.get_config(f'rows={rows},embedder={name},seed={seed}')
  while config.data.batch_size > min(trained_on):  # One author has most rows.
    config.data.batch_size //= 2
  config.model.sources = tuple(paths)
  for source, path in paths.items():
    config.stores[source] = path
  config.folds.count, config.folds.index = len(folds), fold
  config.folds.block_km = folds[fold].block_km
  return config


def _paths(features: str) -> dict[str, str]:
  """Paths by source, several between commas."""
  by_source: dict[str, list[str]] = {}
  for path in features.split(','):
    source = store.open_store(path).manifest['source']
    by_source.setdefault(source, []).append(path)
  return {source: ','.join(some) for source, some in sorted(by_source.items())}


def _settings(seed: int) -> crossval.Settings:
  """The light reranker learns as its quick config says."""
  config = reranker_configs.get_config('kind=light,quick')
  return crossval.Settings(seed, light.Settings(
      tuple(config.model.widths), config.model.dropout,
      reranker_training.Objective(**config.objective.to_dict()),
      optimizer.Settings(**config.optimizer.to_dict()),
      config.data.batch_size, config.train.num_steps))


def _train(config_fn: Any, fold: int, name: str, workdir: pathlib.Path) -> None:
  train_embedder.train(config_fn(fold, name), workdir)


def _report(workdir: pathlib.Path, notes: list[str],
            rows: list[dict[str, Any]]) -> None:
  run_record.write_json(workdir / 'results.json', rows)
  text = tables.markdown(rows) + ''.join(
      f'\n{note}\n' for note in [*crossval.sentences(rows), *notes])
  (workdir / 'results.md').write_text(text, encoding='utf-8')
  print(f'\n{text}\nfigures  {workdir / "results.json"}')


if __name__ == '__main__':
  launch.run(main, FLAGS, (('features', 'workdir'),))
