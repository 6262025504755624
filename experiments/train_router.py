r"""Feature stores of both sources to a router: is a photo a street view?

  python -m experiments.train_router \
    --config=train_router --workdir=W \
    --config.stores.photo=STORE[,STORE] --config.stores.street=STORE[,STORE]

A part of the authors and drives is held out and judged; --config.test.photo
and .test.street name stores to judge besides. W gets the model directory
model/ and figures.json. The fit has no randomness and takes seconds.
"""

from collections.abc import Mapping
import dataclasses
import pathlib
from typing import Any

from experiments.run import launch, run_record
from ml_collections import config_dict
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.features import folds
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.models import router as routers
from pinpoint_jax.report import tables
from pinpoint_jax.train import router as training

_CARD = '''# pinpoint_jax router

Says whether an unlabelled picture is an ordinary photo or a street view, so
that it is sent to the reranker of that task. A logistic regression on raw
features of {backbone} after `{preprocess}`. Made by `experiments.train_router`,
revision {git}, config {config_hash}.

## Data
{data}
## Figures on authors and drives that were held out
{figures}
## Intended use and misuse
It chooses between two instances of one product. It is no detector of anything
else, and pictures of a third kind get one of the two answers all the same.

## Licence
The code is Apache-2.0. The weights come under the terms of the data they were
fitted on; see the owners of the data above.
'''


def main(run: launch.Run) -> None:
  """Fit, judge, save."""
  train(run.config, run.workdir)


def train(config: config_dict.ConfigDict, workdir: pathlib.Path) -> None:
  """Fits to the training part and writes figures.json and model/."""
  parts = {source: _Part(*_open(config, source)) for source in types.SOURCES}
  origin = _origin(parts)
  router = training.fit(
      *(_features(config, part.rows, ~part.held) for part in parts.values()),
      origin, config.l2)
  figures = {'held_out': training.judge(router, *(
      _features(config, part.rows, part.held) for part in parts.values()))}
  if config.test.photo or config.test.street:
    figures['test'] = training.judge(router, *_test(config, router))
  as_json = {name: dataclasses.asdict(score) for name, score in figures.items()}
  fingerprint = routers.save(workdir / 'model', router,
                             _card(config, parts, origin, figures['held_out']))
  run_record.write_json(workdir / 'figures.json', as_json)
  for name, score in figures.items():
    print(f'{name}: accuracy {score.accuracy:.4f}, log loss {score.loss:.4f}, '
          f'calibration error {score.calibration_error:.4f}')
  print(f'router {fingerprint}: {workdir / "model"}')


@dataclasses.dataclass(frozen=True)
class _Part:
  """Rows of one source, and which of them are held out."""

  rows: rows_lib.StoreRows
  held: np.ndarray


def _open(config: config_dict.ConfigDict,
          source: str) -> tuple[rows_lib.StoreRows, np.ndarray]:
  rows = rows_lib.open_named(source, config.stores[source],
                             f'--config.stores.{source}')
  fold = folds.of_photos([rows.photos], config.folds)[0]
  return rows, fold == 0


def _features(config: config_dict.ConfigDict, rows: rows_lib.StoreRows,
              which: np.ndarray) -> np.ndarray:
  """At most config.max_rows of those rows, evenly spread."""
  chosen = np.flatnonzero(which)
  return rows.read(
      chosen[blocks.evenly_spread(len(chosen), config.max_rows)])


def _origin(parts: Mapping[str, _Part]) -> dict[str, Any]:
  """What made the features of both sources; refuses two backbones."""
  origins = {source: {name: part.rows.stores[0].manifest[name]
                      for name in types.BACKBONE_KEYS}
             for source, part in parts.items()}
  unlike = [name for name in types.BACKBONE_KEYS
            if origins['photo'][name] != origins['street'][name]]
  if unlike:
    raise ValueError(
        f'photo and street features differ in {unlike}: a picture of unknown '
        f'source goes through one backbone; extract both with the same')
  return origins['photo']


def _test(config: config_dict.ConfigDict,
          router: routers.Router) -> list[np.ndarray]:
  features = []
  for source in types.SOURCES:
    paths = config.test[source]
    rows = rows_lib.open_named(source, paths, f'--config.test.{source}')
    router.check_inputs(rows.stores[0].manifest, paths)
    features.append(_features(config, rows, np.ones(len(rows), bool)))
  return features


def _card(config: config_dict.ConfigDict, parts: Mapping[str, _Part],
          origin: Mapping[str, Any], figures: training.Figures) -> str:
  data = ''.join(f'- {source}: {(~part.held).sum():,} rows, data '
                 f'{part.rows.fingerprint()}\n'
                 for source, part in parts.items())
  lines = {**{f'{source} sent right': share
              for source, share in figures.by_source.items()},
           'log loss': figures.loss,
           'calibration error': figures.calibration_error}
  return _CARD.format(
      backbone=origin['backbone'], preprocess=origin['preprocess'], data=data,
      git=run_record.git_revision(), config_hash=run_record.config_hash(config),
      figures=tables.figures(lines))


if __name__ == '__main__':
  launch.run(main)
