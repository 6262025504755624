r"""Whether confidence and radii come true, over several worlds.

  python -m experiments.measure_confidence --seeds=10 --out=runs/confidence

Makes a world of Synthetic Earth for each seed, an embedder, its galleries and
rerankers, answers photos by new authors and street views, and keeps what the
answers rest on in OUT/VARIANT_SEED/; a seed that is there is not made again.
From that alone everything is then fitted on the calibration splits and judged
on the query splits: OUT/confidence.json has all figures, OUT/confidence.md the
tables of docs/results/confidence.md. Seeds that are not done are left out of
the tables with --judge_only. Synthetic figures say nothing about real
photographs.
"""

from collections.abc import Sequence
import pathlib
import shutil

from experiments import confidence_tables
from experiments.configs import demo as demo_config
from experiments.demo_stages import figures as demo_figures
from experiments.demo_stages import jobs, models, worlds
from experiments.run import launch, run_record
from input_pipeline.feature_earth import world as feature_worlds
from ml_collections import config_dict
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import answerer, held_out
from pinpoint_jax.answer import model as models_lib
from pinpoint_jax.evals import confidence
from pinpoint_jax.evals import worlds_confidence as evals
from pinpoint_jax.features import store as stores

FLAGS = (
    launch.Flag('seeds', 10, 'Worlds of each variant: seeds 0, 1, …'),
    launch.Flag('variants', 'default,sparse', 'Of the worlds, between commas.'),
    launch.Flag('size', 'small', 'Of the worlds: small, demo or full.'),
    launch.Flag('judge_only', False, 'Make no world: judge those that are '
                'done.'),
    launch.Flag('out', None, 'Folder to write.'),
)
WAYS = (('out',),)
SPLITS = ('calibrate_photo', 'calibrate_street', 'query_photo_new',
          'query_street')
# By task; under shift a gallery of the other source alone answers them.
QUERIES = {'photo': 'query_photo_new', 'street': 'query_street'}
_PLURALS = {'photo': 'photos', 'street': 'street views'}
_RESAMPLES = 100
# Of a world that is not the demo's: enough for so few examples.
_STEPS, _CELLS = 200, 256


def main(run: launch.Run) -> None:
  """Make and answer what is missing, then judge it all."""
  out, size = pathlib.Path(run.flags['out']), run.flags['size']
  figures: dict[str, list] = {
      name: [] for name in ('judged', 'shifted', 'compared', 'pooled')}
  for variant in run.flags['variants'].split(','):
    done = []
    for seed in range(run.flags['seeds']):
      folder = out / f'{variant}_{seed}'
      if not (folder / 'done').exists() and not run.flags['judge_only']:
        _answer(config(variant, seed, size), folder)
      if (folder / 'done').exists():
        done.append((folder, feature_worlds.World(variant, seed, size)))
    if not done:
      raise ValueError(f'{out}: no world of variant {variant} is done: run '
                       f'without --judge_only')
    for name, rows in _judged(variant, done).items():
      figures[name] += rows
  run_record.write_json(out / 'confidence.json', figures)
  text = confidence_tables.markdown(figures)
  (out / 'confidence.md').write_text(text, encoding='utf-8')
  print(f'{text}\nfigures  {out / "confidence.json"}')


def config(variant: str, seed: int, size: str) -> config_dict.ConfigDict:
  """The demo's, with one embedder, one gallery and one reranker a task."""
  made = demo_config.get_config(f'variant={variant},seed={seed}')
  made.world.size = size
  made.jobs, made.embedders = 0, ('both',)
  made.rerankers = config_dict.ConfigDict(
      {'interaction': made.rerankers.interaction})
  if size == 'small':
    made.interaction.train.num_steps = _STEPS
    made.interaction.eval.every = _STEPS // 2
    made.interaction.region.cells = _CELLS
  return made


def _answer(made: config_dict.ConfigDict, folder: pathlib.Path) -> None:
  """Builds all in folder/world, keeps what answers rest on, removes the rest.
  """
  world = models.fresh(folder / 'world')
  with jobs.Jobs(models.fresh(world / 'logs'), 0) as pool:
    worlds.make(made, world, pool)
  models.embedder(made, world, 'both')
  models.gallery(world, 'both', 'combined')
  for task in types.SOURCES:
    models.reranker(made, world, 'interaction', task, 'both', 'combined')
  models.router(world, demo_figures.QUERIES)
  models.whole(made, world, calibrated=False)
  _keep(world, 'combined', SPLITS, folder)
  for task, split in QUERIES.items():
    other = types.SOURCES[1 - types.SOURCES.index(task)]
    models.gallery(world, 'both', other)
    _keep(world, other, (split,), folder)
  shutil.rmtree(world)
  (folder / 'done').touch()


def _keep(world: pathlib.Path, mode: str, splits: tuple[str, ...],
          folder: pathlib.Path) -> None:
  answering = answerer.Answerer(
      models_lib.load(world / 'model'), world / 'gallery' / f'both_{mode}')
  for split in splits:
    held = held_out.answered(
        answering, stores.open_store(models.store(world, split)))
    held_out.save(folder / f'{mode}_{split}.npz', held)
    print(f'{folder.name}: {len(held):,} of {split} answered, {mode} gallery',
          flush=True)


def _judged(variant: str, done: Sequence[tuple[
    pathlib.Path, feature_worlds.World]]) -> dict[str, list]:
  """Figures of all query sets of one variant, over its worlds."""
  rows: dict[str, list] = {
      name: [] for name in ('judged', 'shifted', 'compared', 'pooled')}
  for task, split in QUERIES.items():
    name = f'{split}, {variant}'
    worlds_asked = [_asked(name, folder, world, task, split, 'combined')
                    for folder, world in done]
    rows['judged'].append(evals.joined(list(map(evals.judged, worlds_asked))))
    rows['compared'].append(evals.joined(
        list(map(evals.compared, worlds_asked))))
    whole = evals.pooled(worlds_asked)
    rows['pooled'].append({
        'queries': name, **confidence.figures(whole, _RESAMPLES),
        'accepted': confidence.accepted(whole.sure(25), whole.right(25))})
    other = types.SOURCES[1 - types.SOURCES.index(task)]
    rows['shifted'].append(evals.joined([evals.judged(_asked(
        f'{name}, gallery of {_PLURALS[other]} alone', folder, world, task,
        split, other)) for folder, world in done]))
  return rows


def _asked(name: str, folder: pathlib.Path, world: feature_worlds.World,
           task: types.Source, split: str, mode: str) -> evals.Asked:
  asked = held_out.load(folder / f'{mode}_{split}.npz')
  blind = None
  if task == 'photo':
    blind = np.concatenate([
        (world.appearance.strengths(world.taken(split, block), task) == 0
         ).all(axis=1) for block in range(world.num_blocks(split))])[asked.rows]
  return evals.Asked(name, held_out.load(
      folder / f'combined_calibrate_{task}.npz'), asked, blind)


if __name__ == '__main__':
  launch.run(main, FLAGS, WAYS)
