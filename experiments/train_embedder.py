r"""Feature stores to an embedder: trains, resumes, exports.

  python -m experiments.train_embedder \
    --config=train_embedder --workdir=DIR \
    --config.stores.photo=PHOTO_STORE --config.stores.street=STREET_STORE

Stopped in any way, run the same command again: it goes on from the newest good
checkpoint as if nothing had happened. DIR gets checkpoints/, metrics.jsonl,
figures.json and, at the end, the model directory model/. On several machines,
which share DIR, give each --config.distributed.coordinator=HOST:PORT,
.num_processes=N and .process_id=I (on TPU pods and under SLURM:
.coordinator=auto), which experiments.launch_pod does.

Exit codes: 0 trained; 1 refused, with one line that says why; 143 stopped by
SIGTERM and 130 by Ctrl-C: saved, run again to continue.
"""

from collections.abc import Callable
import functools
import pathlib

from experiments import embedder_parts
from experiments.run import (
  distributed,
  launch,
  model_card,
  run_record,
  sizing,
  training_run,
)
import jax
from ml_collections import config_dict
from pinpoint_jax.losses import pairs
from pinpoint_jax.models import embedder as embedders
from pinpoint_jax.models import embedder_files
from pinpoint_jax.parallel import arrays, processes
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.ridge import near_pairs
from pinpoint_jax.train import closed_form, loop, state
from pinpoint_jax.train import embedder as training


def main(run: launch.Run) -> None:
  """Lock the workdir, train, export."""
  with distributed.joined(run.config):
    training_run.guarded(run, train)


def train(config: config_dict.ConfigDict, workdir: pathlib.Path,
          allow_config_change: str = '',
          stopping: Callable[[], bool] = lambda: False) -> None:
  """Trains to the end and writes figures.json and model/."""
  rows = embedder_parts.split(config)
  config = sizing.fit(config, {source: len(part)
                               for source, part in rows.train.items()})
  prepared = prepare(config, rows, workdir, allow_config_change, stopping)
  like = state.shapes(prepared.state)
  prepared.restore(like)
  if prepared.saved < 0 and closed_form.needed(model(config)):
    prepared.state = _solved(config, rows, prepared.state)
  first = jax.process_index() == 0
  if first:
    run_record.write(workdir, config)
    _announce(config, rows, prepared)
  figures = prepared.train()
  if config.train.best:
    best = prepared.best.restore(like)
    prepared.state = best.state if best else prepared.state
  params = arrays.to_numpy(prepared.state.ema)
  if first:
    _export(config, workdir, rows, params, figures)


LOOPS = ('auto', 'rolled', 'unrolled')


def model(config: config_dict.ConfigDict) -> embedders.Embedder:
  """The module; config fields are its fields."""
  fields = training_run.model_fields(config)
  loop = fields.pop('loop')
  if loop not in LOOPS:
    raise ValueError(f'--config.model.loop={loop}: choices are {LOOPS}')
  unroll = loop == 'unrolled' or (
      loop == 'auto' and jax.default_backend() != 'tpu')
  return embedders.Embedder(**fields, unroll=unroll)


def objective(config: config_dict.ConfigDict) -> training.Objective:
  """The loss, its targets and its form."""
  fields = config.objective.to_dict()
  targets = pairs.Targets(**fields.pop('targets'))
  return training.Objective(targets=targets, **fields)


def _solved(config: config_dict.ConfigDict, rows: embedder_parts.Split,
            began: state.TrainState) -> state.TrainState:
  """The state with what needs no step, as process 0 solves it."""
  fields = config.closed_form.to_dict()
  pairs_of = near_pairs.Settings(**fields.pop('pairs'))
  settings = closed_form.Settings(pairs=pairs_of, **fields)
  solved = processes.from_first(closed_form.solve(
      model(config), embedder_parts.pictures(rows.train, settings.most_rows),
      settings))
  if jax.process_index() == 0:
    print(f'solved before the first step: {", ".join(sorted(solved))}',
          flush=True)
  return closed_form.begin(began, solved)


def prepare(config: config_dict.ConfigDict, rows: embedder_parts.Split,
            workdir: pathlib.Path, allow_config_change: str,
            stopping: Callable[[], bool]) -> loop.Run:
  """A run that is ready to restore and to train."""
  mesh = meshes.make(config.mesh.data, config.mesh.fsdp)
  module = model(config)
  loss = objective(config)
  method = training_run.method(config)
  dims = {source: part.dim for source, part in rows.train.items()}
  began = training.make_state(
      module, dims, method, loss, config.seed, mesh)
  return training_run.prepare(
      config, workdir, allow_config_change, stopping,
      least_steps=0 if closed_form.needed(module) else 1, state=began,
      step=training.make_step(
          module, method, loss, config.seed, mesh, began),
      batches=embedder_parts.batches(config, rows.train),
      put=functools.partial(_put, mesh),
      evaluators=embedder_parts.evaluators(config, module, rows))


def _put(mesh: jax.sharding.Mesh, batch: dict) -> dict:
  return arrays.put_batch(
      {source: {'features': rows['features'], 'xyz': rows['xyz']}
       for source, rows in batch.items()}, mesh)


def _announce(config: config_dict.ConfigDict, rows: embedder_parts.Split,
              prepared: loop.Run) -> None:
  for source, part in rows.train.items():
    print(f'{source}: {len(part):,} rows to train on, '
          f'{len(rows.held_out[source]):,} held out')
  training_run.announce(prepared)
  if config.objective.chunk == -1 and config.train.num_steps:
    print(_pairs(config), flush=True)


def _pairs(config: config_dict.ConfigDict) -> str:
  """How the loss goes through the pairs of a batch, where that was chosen."""
  loss, batch = objective(config), config.data.batch_size
  size = meshes.make(config.mesh.data, config.mesh.fsdp).size
  chunk = training.pair_chunk(loss, batch, batch + loss.queue, size)
  form = f'in chunks of {chunk} columns' if chunk else 'all at once'
  return (f'loss: {batch * (batch + loss.queue) // size:,} pairs a device, '
          f'{form} (objective.chunk=-1: all up to {training.MOST_PAIRS:,})')


def _export(config: config_dict.ConfigDict, workdir: pathlib.Path,
            rows: embedder_parts.Split, params: dict,
            figures: dict[str, float]) -> None:
  card = model_card.embedder(config, rows.train, figures)
  fingerprint = embedder_files.save(
      workdir / 'model', model(config), params,
      embedder_parts.inputs(rows.train), card)
  run_record.write_json(workdir / 'figures.json', figures)
  print(f'model {fingerprint}: {workdir / "model"}', flush=True)


if __name__ == '__main__':
  launch.run(main, training_run.FLAGS, record=False)
