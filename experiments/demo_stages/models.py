"""What the demo trains and builds: by the code of the binaries themselves."""

from collections.abc import Mapping, Sequence
import json
import pathlib
import shutil
from typing import Any

from experiments import (
  export_model,
  train_embedder,
  train_reranker,
  train_router,
)
from experiments.configs import train_embedder as embedder_config
from experiments.configs import train_router as router_config
from experiments.run import run_record
from ml_collections import config_dict
from pinpoint_jax import types
from pinpoint_jax.gallery import neighbours, writer
from pinpoint_jax.models import embedder_files

# Sources that an embedder learns from, by its name.
SOURCES: Mapping[str, tuple[str, ...]] = {
    'both': types.SOURCES, 'geoclip_style': types.SOURCES,
    **{source: (source,) for source in types.SOURCES}}
# Sources of a gallery by its mode.
MODES = {'combined': types.SOURCES,
         **{source: (source,) for source in types.SOURCES}}


def mode_of(name: str) -> str:
  """The mode of the gallery that an embedder of that name gets."""
  return name if name in types.SOURCES else 'combined'


def store(workdir: pathlib.Path, split: str) -> str:
  """The feature store of a split."""
  return str(workdir / 'features' / split / 'store')


def embedder(demo: config_dict.ConfigDict, workdir: pathlib.Path,
             name: str) -> pathlib.Path:
  """Trains one of SOURCES; its model directory."""
  config = demo.embedder.copy_and_resolve_references()
  config.seed = demo.seed
  config.model.sources = SOURCES[name]
  if name == 'geoclip_style':
    embedder_config.change(config, demo.geoclip_style.to_dict())
  for source in types.SOURCES:
    config.stores[source] = store(workdir, f'gallery_{source}')
  folder = fresh(workdir / 'embedder' / name)
  train_embedder.train(config, folder)
  return folder / 'model'


def gallery(workdir: pathlib.Path, name: str, mode: str) -> pathlib.Path:
  """Builds the gallery of an embedder; its folder."""
  path = fresh(workdir / 'gallery' / f'{name}_{mode}')
  stores = [store(workdir, f'gallery_{source}') for source in MODES[mode]]
  writer.build(
      path, embedder_files.load(workdir / 'embedder' / name / 'model'),
      stores, writer.Settings(mode))
  neighbours.build_beside(path)
  return path


def rerankers(demo: config_dict.ConfigDict, workdir: pathlib.Path,
              task: str) -> None:
  """Trains all of one task, which learn from the same examples."""
  # One task from the other end: it finds compiled what the other one has met.
  turn = -1 if task == types.SOURCES[-1] else 1
  for name in tuple(demo.rerankers)[::turn]:
    reranker(demo, workdir, name, task, 'both', 'combined')
  if task in demo.embedders:
    # No other source supports there.
    reranker(demo, workdir, 'interaction', task, task, task)


def reranker(demo: config_dict.ConfigDict, workdir: pathlib.Path, name: str,
             task: str, embedder_name: str, mode: str) -> pathlib.Path:
  """Trains a reranker of config.rerankers for one task; its model directory."""
  config = demo[demo.rerankers[name].kind].copy_and_resolve_references()
  config.update(demo.rerankers[name].changes)
  config.seed, config.task = demo.seed, task
  # The table knows it by its name; the kinds are named by themselves.
  config.system = '' if name == demo.rerankers[name].kind else name
  config.embedder = str(workdir / 'embedder' / embedder_name / 'model')
  config.gallery = str(workdir / 'gallery' / f'{embedder_name}_{mode}')
  config.queries = 'apart'
  config.stores[task] = store(workdir, f'rerank_{task}')
  config.shortlists = str(_shared(workdir, config, (
      'task', 'gallery', 'examples', 'region', 'ridge')))
  # Light and long lists have other examples and the same priors.
  config.priors = str(_shared(
      workdir, config, ('task', 'gallery', 'region', 'ridge'), 'priors'))
  folder = fresh(workdir / 'reranker' / embedder_name / f'{name}_{task}')
  train_reranker.train(config, folder)
  return folder / 'model'


def whole(demo: config_dict.ConfigDict, workdir: pathlib.Path,
          calibrated: bool = True) -> pathlib.Path:
  """Joins what was trained into the model of `pinpoint predict`."""
  both = workdir / 'reranker' / 'both'
  export_model.export(
      fresh(workdir / 'model'), workdir / 'embedder' / 'both' / 'model',
      workdir / 'gallery' / 'both_combined',
      [both / f'interaction_{task}' / 'model' for task in types.SOURCES],
      workdir / 'router' / 'model',
      [store(workdir, f'calibrate_{task}') for task in types.SOURCES
       if calibrated],
      demo.pixels.backbone if demo.world.kind == 'pixels' else '')
  return workdir / 'model'


def router(workdir: pathlib.Path,
           tests: Mapping[str, Sequence[str]]) -> Mapping[str, Any]:
  """Trains what sends a picture to a task; its figures on splits by source."""
  config = router_config.get_config()
  for source in types.SOURCES:
    config.stores[source] = store(workdir, f'gallery_{source}')
    config.test[source] = ','.join(
        store(workdir, split) for split in tests[source])
  folder = fresh(workdir / 'router')
  train_router.train(config, folder)
  return json.loads((folder / 'figures.json').read_text(encoding='utf-8'))


def _shared(workdir: pathlib.Path, config: config_dict.ConfigDict,
            names: Sequence[str], kind: str = 'examples') -> pathlib.Path:
  """A folder for all rerankers whose configs agree in those entries."""
  shared = {name: config[name] for name in names}
  if kind == 'examples':
    shared['light'] = config.kind == 'light'
  return workdir / 'shortlists' / kind / run_record.config_hash(
      config_dict.ConfigDict(shared))


def fresh(path: pathlib.Path) -> pathlib.Path:
  """The path, with nothing there."""
  shutil.rmtree(path, ignore_errors=True)  # Of an earlier run.
  return path

