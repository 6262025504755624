r"""Feature stores to figures without a separate test set.

  python -m experiments.crossval --features=STORE[,STORE] --folds=5 --workdir=W

Each fold's rows are answered by what was trained on the other folds; rows of
one author or sequence are never on both sides. Models are sized by the number
of rows. W/results.json and W/results.md hold, per source: chance, raw_1nn,
and location_top1 with hard and soft targets, argmax and expected_score.
Stopped in any way, run it again: finished folds are kept.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from experiments import (
  embedder_parts,
  launch,
  location_system,
  run_record,
  train_embedder,
)
from experiments.configs import crossval as configs
from ml_collections import config_dict
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.evals import geolocation, metrics, results
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.features import store
from pinpoint_jax.models import embedder_files
from pinpoint_jax.report import tables

TARGETS = ('hard', 'soft')
# All places, where there are few.
_SHORTLIST = 768
# source, system, variant, decode
Key = tuple[str, str, str, str]


def main(run: launch.Run) -> None:
  """Train and answer fold by fold, then report."""
  stores = _stores(run.flags['features'])
  folds = run.flags['folds']
  parts = []
  for fold in range(folds):
    print(f'fold {fold + 1} of {folds}', flush=True)
    parts.append(dict(_fold(run, stores, fold, folds)))
  rows = list(_rows(run, stores, location_system.merge(parts)))
  run_record.write_json(run.workdir / 'results.json', rows)
  table = tables.markdown(rows)
  (run.workdir / 'results.md').write_text(table)
  print(f'\n{table}\nfigures  {run.workdir / "results.json"}')


def _stores(paths: str) -> dict[str, str]:
  """Paths by source."""
  found: dict[str, list[str]] = {}
  for path in paths.split(','):
    found.setdefault(store.open_store(path).manifest['source'], []).append(path)
  return {source: ','.join(some) for source, some in sorted(found.items())}


def _fold(run: launch.Run, stores: Mapping[str, str], fold: int,
          folds: int) -> Iterator[tuple[Key, metrics.Errors]]:
  """Errors of every system on the rows of one fold."""
  config = _config(run, stores, fold, folds, 'hard')
  split = embedder_parts.split(config)
  gallery = rows_lib.concatenate([r.photos for r in split.train.values()])
  yield from _untrained(split, gallery, run.flags['seed'])
  for targets in TARGETS:
    config = _config(run, stores, fold, folds, targets)
    workdir = run.workdir / f'fold_{fold}' / targets
    if not (workdir / 'figures.json').is_file():
      train_embedder.train(launch.Run(
          config, {'allow_config_change': ''}, workdir))
    system = location_system.LocationSystem(
        embedder_files.load(workdir / 'model'), _SHORTLIST)
    for source, part in split.held_out.items():
      for found in system.answer(part.photos, _features(part), gallery,
                                 ('author',)):
        yield ((source, 'location_top1', targets, found.decode), found.errors)


def _config(run: launch.Run, stores: Mapping[str, str], fold: int, folds: int,
            targets: str) -> config_dict.ConfigDict:
  sizes = [len(store.open_store(path)) for paths in stores.values()
           for path in paths.split(',')]
  config = configs.get_config(
      f'rows={max(sizes)},targets={targets},seed={run.flags["seed"]}')
  config.model.sources = tuple(stores)
  for source, paths in stores.items():
    config.stores[source] = paths
  config.folds.count, config.folds.index = folds, fold
  return config


def _untrained(split: embedder_parts.Split, gallery: types.Photos,
               seed: int) -> Iterator[tuple[Key, metrics.Errors]]:
  """chance and raw_1nn; raw features of two backbones do not compare."""
  features = [_features(part) for part in split.train.values()]
  same = len({tuple(sorted(about.items())) for about in
              embedder_parts.inputs(split.train).values()}) == 1
  for source, part in split.held_out.items():
    yield ((source, 'chance', '', 'argmax'),
           geolocation.chance_errors(part.photos, gallery, seed))
    if same:
      answers = geolocation.raw_1nn(
          types.FeatureTable(part.photos, _features(part)),
          types.FeatureTable(gallery, np.concatenate(features)), True)
      yield ((source, 'raw_1nn', '', 'argmax'),
             geolocation.errors(answers, part.photos))


def _features(rows: rows_lib.StoreRows) -> np.ndarray:
  return np.asarray(rows.__getitems__(range(len(rows)))['features'], np.float32)


def _rows(run: launch.Run, stores: Mapping[str, str],
          found: Mapping[Key, metrics.Errors]) -> Iterator[dict[str, Any]]:
  provenance = {
      'git': run_record.git_revision(), 'versions': run_record.versions(),
      'folds': run.flags['folds'], 'seed': run.flags['seed'],
      'data': {source: [store.open_store(path).fingerprint()
                        for path in paths.split(',')]
               for source, paths in stores.items()}}
  sizes = {source: sum(len(store.open_store(path)) for path in
                       paths.split(',')) for source, paths in stores.items()}
  for (source, system, variant, decode), errors in sorted(found.items()):
    setting = results.Setting(
        'crossval', source, system, 'combined', 'author', decode,
        queries=source, variant=variant)
    yield results.row(setting, errors, provenance, sizes[source],
                      run.flags['num_resamples'])


def run() -> None:
  """Entry of the binary."""
  launch.run(main, ('features', 'folds', 'seed', 'num_resamples', 'workdir'),
             required=('features', 'workdir'), use_config=False)


if __name__ == '__main__':
  run()
