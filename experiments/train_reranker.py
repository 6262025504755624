r"""An embedder, its gallery and feature stores to a reranker of one task.

  python -m experiments.train_reranker \
    --config=train_reranker --workdir=DIR \
    --config.embedder=W/model --config.gallery=G \
    --config.stores.photo=PHOTO_STORE --config.embedder_split.folds.count=5

The queries are gallery photos that the embedder did not train on: give
embedder_split as in the embedder's config. Each searches without itself, its
author, its sequence and rows within a random radius. Or, with
--config.queries=apart, they are other photos, of --config.stores, that are in
no gallery. :kind=light trains the light reranker, :task=street the one for
street views.

Stopped in any way, run the same command again: it goes on from the newest good
checkpoint as if nothing had happened. DIR gets shortlists/, checkpoints/,
metrics.jsonl, figures.json and, at the end, the model directory model/. On
several machines, which share DIR, give each
--config.distributed.coordinator=HOST:PORT, .num_processes=N and .process_id=I
(on TPU pods and under SLURM: .coordinator=auto); each makes a share of the
examples.

Exit codes: 0 trained; 1 refused, with one line that says why; 143 stopped by
SIGTERM and 130 by Ctrl-C: saved, run again to continue.
"""

from collections.abc import Callable
import dataclasses
import functools
import pathlib
from typing import Any

from experiments import reranker_parts
from experiments.run import (
  distributed,
  launch,
  model_card,
  run_record,
  training_run,
)
from flax import linen as nn
import jax
from ml_collections import config_dict
from pinpoint_jax.parallel import arrays, processes
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.rerank import example_rows, files, scoring, training_set
from pinpoint_jax.train import loop, state
from pinpoint_jax.train import reranker as training


def main(run: launch.Run) -> None:
  """Lock the workdir, train, export."""
  for name, folder in _folders(run.config).items():
    launch.check_writable(f'config.{name}', folder)
  with distributed.joined(run.config):
    training_run.guarded(run, train)


def train(config: config_dict.ConfigDict, workdir: pathlib.Path,
          allow_config_change: str = '',
          stopping: Callable[[], bool] = lambda: False) -> None:
  """Trains to the end and writes figures.json and model/."""
  folders = _folders(config)
  for name, folder in folders.items():
    distributed.check_shared(folder, f'--config.{name}')
  dataset = training_set.build(
      config.embedder, config.gallery, model(config),
      reranker_parts.settings(config),
      folders.get('shortlists', workdir / 'shortlists'),
      folders.get('priors'), stopping)
  if config.data.batch_size > len(dataset.train):
    raise ValueError(f'--config.data.batch_size={config.data.batch_size}: '
                     f'there are {len(dataset.train):,} examples; set at most '
                     f'that many, and a small model: :quick')
  prepared = prepare(config, dataset, workdir, allow_config_change, stopping)
  like = state.shapes(prepared.state)
  prepared.restore(like)
  first = jax.process_index() == 0
  if first:
    run_record.write(workdir, config)
    print(reranker_parts.describe(dataset))
    training_run.announce(prepared)
  figures = prepared.train()
  if config.train.best and (best := prepared.best.restore(like)):
    prepared.state = best.state
    # Of what is exported, not of the last step.
    figures = {f'{evaluator.name}/{name}': value
               for evaluator in reranker_parts.evaluators(
                   config, model(config), dataset)
               for name, value in evaluator.run(best.state).items()}
  params = arrays.to_numpy(prepared.state.ema)
  if first:
    _export(config, workdir, dataset, params, figures)


def model(config: config_dict.ConfigDict) -> nn.Module:
  """The module; config fields are its fields."""
  if config.kind not in scoring.MODULES:
    raise ValueError(f'--config.kind={config.kind}: choices are '
                     f'{sorted(scoring.MODULES)}')
  return scoring.MODULES[config.kind](**training_run.model_fields(config))


def _folders(config: config_dict.ConfigDict) -> dict[str, pathlib.Path]:
  """Where else than in the workdir things are kept, by the config's names."""
  return {name: pathlib.Path(config[name])
          for name in ('shortlists', 'priors') if config[name]}


def prepare(config: config_dict.ConfigDict,
            dataset: training_set.TrainingSet, workdir: pathlib.Path,
            allow_config_change: str,
            stopping: Callable[[], bool]) -> loop.Run:
  """A run that is ready to restore and to train."""
  mesh = meshes.make(config.mesh.data, config.mesh.fsdp)
  module, method = model(config), training_run.method(config)
  began = training.make_state(
      module, dataset.info.dims,
      processes.from_first(example_rows.norms(dataset.train)), method,
      config.seed, mesh)
  step = training.make_step(
      module, method, training.Objective(**config.objective.to_dict()),
      config.seed, mesh, began)
  return training_run.prepare(
      config, workdir, allow_config_change, stopping, state=began, step=step,
      batches=reranker_parts.Batches(config, dataset.train),
      put=functools.partial(_put, mesh, dataset.info.weights),
      evaluators=reranker_parts.evaluators(config, module, dataset))


def _put(mesh: Any, weights: scoring.Weights | None,
         batch: dict[str, Any]) -> Any:
  kept = {name: batch[name] for name in ('batch', 'dist_km')}
  tile_weights = scoring.tile_weights(weights, len(batch['dist_km']))
  return arrays.put_batch(kept | {'weights': tile_weights}, mesh)


def _export(config: config_dict.ConfigDict, workdir: pathlib.Path,
            dataset: training_set.TrainingSet, params: Any,
            figures: dict[str, float]) -> None:
  info = dataclasses.replace(dataset.info, validation={
      name.removeprefix('validation/'): value
      for name, value in figures.items() if name.startswith('validation/')})
  fingerprint = files.save(
      workdir / 'model', config.kind, model(config), params, info,
      model_card.reranker(config, info, figures), dataset.priors)
  run_record.write_json(workdir / 'figures.json', figures)
  print(f'reranker {fingerprint}: {workdir / "model"}', flush=True)


if __name__ == '__main__':
  launch.run(main, training_run.FLAGS, record=False)
