r"""Trains a small backbone to name the cues that drawn pictures show.

  python -m experiments.train_cue_backbone \
    --config=train_cue_backbone --workdir=W

The pictures are of no world: every cue of each is drawn for itself, and none is
seen twice, so there is no place to remember (input_pipeline/picture_earth).

Stopped in any way, run the same command again: it goes on from the newest good
checkpoint as if nothing had happened. W gets checkpoints/, metrics.jsonl,
figures.json and, at the end, the model directory model/ of the step with the
best R² on held-out pictures.

Exit codes: 0 trained; 1 refused, with one line that says why; 143 stopped by
SIGTERM and 130 by Ctrl-C: saved, run again to continue.
"""

from collections.abc import Callable
import contextlib
import functools
import pathlib
from typing import Any

from experiments.run import launch, run_record, training_run
from input_pipeline.picture_earth import batches as streams
from input_pipeline.picture_earth import scene as scenes
import jax
from ml_collections import config_dict
import numpy as np
from pinpoint_jax.evals import cue_r2
from pinpoint_jax.models import convnet, convnet_files
from pinpoint_jax.parallel import arrays
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.report import tables
from pinpoint_jax.train import cue_reader as training
from pinpoint_jax.train import loop, state

_FED = ('pixels', 'values', 'shown')
_CARD = '''# Backbone of drawn pictures

Names the cues that pictures of Synthetic Earth show. A convolutional network of
{size:.2f} M parameters on pictures of {side} pixels; its feature has {dim}
numbers. Made by `experiments.train_cue_backbone`, revision {git}, config
{config_hash}, from {num_pictures:,} pictures of no world: every cue drawn for
itself, none seen twice.

## R² of the numbers that held-out pictures show
{figures}
## Intended use and misuse
For the pictures of Synthetic Earth and nothing else: on a real photograph its
feature means nothing.

## Licence
Apache-2.0, code and weights; no photograph is behind either.
'''


def main(run: launch.Run) -> None:
  """Lock the workdir, train, export."""
  training_run.guarded(run, train)


def train(config: config_dict.ConfigDict, workdir: pathlib.Path,
          allow_config_change: str = '',
          stopping: Callable[[], bool] = lambda: False) -> None:
  """Trains to the end and writes figures.json and model/."""
  with contextlib.closing(streams.Batches(
      config.seed, config.data.batch_size, config.data.processes,
      config.data.read_ahead)) as batches:
    evaluator = _evaluator(config)
    prepared = prepare(config, batches, evaluator, workdir,
                       allow_config_change, stopping)
    like = state.shapes(prepared.state)
    prepared.restore(like)
    run_record.write(workdir, config)
    training_run.announce(prepared)
    figures = prepared.train()
  if config.train.best and (best := prepared.best.restore(like)):
    prepared.state = best.state
    # Of what is exported, not of the last step.
    figures = {f'{evaluator.name}/{name}': value
               for name, value in evaluator.run(best.state).items()}
  _export(config, workdir, prepared.state, figures)


def model(config: config_dict.ConfigDict) -> convnet.CueReader:
  """The module; config fields are the backbone's fields."""
  return convnet.CueReader(
      convnet.ConvNet(**training_run.model_fields(config)), scenes.NUM_CUES)


def prepare(config: config_dict.ConfigDict, batches: streams.Batches,
            evaluator: cue_r2.CueR2, workdir: pathlib.Path,
            allow_config_change: str,
            stopping: Callable[[], bool]) -> loop.Run:
  """A run that is ready to restore and to train."""
  mesh = meshes.make(config.mesh.data, config.mesh.fsdp)
  module, method = model(config), training_run.method(config)
  began = training.make_state(
      module, tuple(config.model.image_size), method, config.seed, mesh)
  step = training.make_step(
      module, method, training.Objective(**config.objective.to_dict()), mesh,
      began)
  return training_run.prepare(
      config, workdir, allow_config_change, stopping, state=began, step=step,
      batches=batches, put=functools.partial(_put, mesh),
      evaluators=[evaluator])


def _put(mesh: jax.sharding.Mesh, batch: streams.Batch) -> Any:
  return arrays.put_batch({name: batch[name] for name in _FED}, mesh)


def _evaluator(config: config_dict.ConfigDict) -> cue_r2.CueR2:
  """Pictures of another seed than any that is trained on."""
  if config.eval.seed == config.seed:
    raise ValueError(f'--config.eval.seed={config.eval.seed}: that is the seed '
                     f'of the training pictures; give another')
  with contextlib.closing(streams.Batches(
      config.eval.seed, config.data.batch_size, config.data.processes,
      config.data.read_ahead)) as held_out:
    parts = [next(held_out) for _ in range(
        -(-config.eval.num_pictures // config.data.batch_size))]
  joined = {name: np.concatenate([part[name] for part in parts])
            for name in parts[0]}
  return cue_r2.CueR2(
      'held_out', config.eval.every, model(config),
      *(joined[name] for name in _FED), joined['index'] % 2 == 1,
      scenes.COLUMNS)


def _export(config: config_dict.ConfigDict, workdir: pathlib.Path,
            trained: state.TrainState, figures: dict[str, float]) -> None:
  backbone = arrays.to_numpy(trained.ema)['backbone']
  card = _CARD.format(
      size=sum(x.size for x in jax.tree.leaves(backbone)) / 1e6,
      side=config.model.image_size[0], dim=config.model.dim,
      git=run_record.git_revision(), config_hash=run_record.config_hash(config),
      num_pictures=int(trained.step) * config.data.batch_size,
      figures=tables.figures({
          name.removeprefix('held_out/r2').strip('_').replace('_', ' ')
          or 'mean of the sources': value for name, value in figures.items()}))
  fingerprint = convnet_files.save(
      workdir / 'model', model(config).backbone, backbone, card)
  run_record.write_json(workdir / 'figures.json', figures)
  print(f'backbone {fingerprint}: {workdir / "model"}', flush=True)


if __name__ == '__main__':
  launch.run(main, training_run.FLAGS, record=False)
