r"""Parts that were trained one by one to the model of `pinpoint predict`.

  python -m experiments.export_model \
    --embedder=E/model --gallery=G --rerankers=R/model,S/model \
    --router=T/model --calibrate=STORE[,STORE] --out=MODEL

Joins an embedder, a reranker of each task and a router into one model
directory, and calibrates it: photos of known place, which are in no training
set, are answered without the gallery rows of their own authors and drives, and
their errors say how far an answer can be trusted. Without --calibrate answers
carry no confidence. --backbone names the model of pictures, where photos and
not features will be answered: a name or folder as in extract_features.
"""

from collections.abc import Mapping, Sequence
import pathlib
import tempfile
from typing import TypeAlias

from experiments.run import launch, model_card
from pinpoint_jax import types
from pinpoint_jax.answer import answerer, calibration, held_out
from pinpoint_jax.answer import model as models
from pinpoint_jax.features import store as stores
from pinpoint_jax.rerank import files as reranker_files

Calibrations: TypeAlias = Mapping[types.Source, calibration.Calibration]
FLAGS = (
    launch.Flag('embedder', None, 'Model directory of the embedder.'),
    launch.Flag('gallery', None, 'Gallery that it made.'),
    launch.Flag('rerankers', None, 'Model directories of rerankers, at most '
                'one of each task, between commas.'),
    launch.Flag('router', '', 'Model directory of the router; needed where '
                'there are rerankers of both tasks.'),
    launch.Flag('calibrate', '', 'Feature stores of photos of known place, one '
                'of each task, between commas.'),
    launch.Flag('backbone', '', 'Name or folder of the model of pictures.'),
    launch.Flag('out', None, 'Model directory to write.'),
)
WAYS = (('embedder', 'gallery', 'rerankers', 'out'),)


def main(run: launch.Run) -> None:
  """Join, calibrate, save."""
  split = lambda name: list(filter(None, run.flags[name].split(',')))
  export(pathlib.Path(run.flags['out']), run.flags['embedder'],
         run.flags['gallery'], split('rerankers'), run.flags['router'],
         split('calibrate'), run.flags['backbone'])


def export(out: pathlib.Path, embedder: str | pathlib.Path,
           gallery: str | pathlib.Path,
           rerankers: Sequence[str | pathlib.Path],
           router: str | pathlib.Path = '',
           calibrate: Sequence[str | pathlib.Path] = (),
           backbone: str = '') -> str:
  """Writes the model directory; returns its fingerprint."""
  by_task = {}
  for path in rerankers:
    task = reranker_files.load(path).info.task
    if task in by_task:
      raise ValueError(f'--rerankers: {path} is the second of {task} photos: '
                       f'name one of each task')
    by_task[task] = pathlib.Path(path)
  if len(by_task) > 1 and not router:
    raise ValueError(f'--router is empty: which of {sorted(by_task)} is a '
                     f'photo? Name the router that train_router exported')
  def save(folder: pathlib.Path, how: Calibrations) -> str:
    return models.export(
        folder, pathlib.Path(embedder), by_task, {},
        pathlib.Path(router) if router else None, backbone,
        model_card.pinpoint(by_task, how), how)
  with tempfile.TemporaryDirectory() as draft:
    # Calibration needs a model that answers.
    save(pathlib.Path(draft) / 'model', {})
    how = _calibrations(answerer.Answerer(
        models.load(pathlib.Path(draft) / 'model'), gallery), calibrate)
  fingerprint = save(out, how)
  print(f'model {fingerprint}: {out}, answers '
        f'{", ".join(sorted(by_task))}, calibrated for '
        f'{", ".join(sorted(how)) or "none"}', flush=True)
  return fingerprint


def _calibrations(answering: answerer.Answerer,
                  paths: Sequence[str | pathlib.Path],
                  ) -> Calibrations:
  by_task = {}
  for path in paths:
    store = stores.open_store(path)
    task = store.manifest['source']
    if task in by_task:
      raise ValueError(f'--calibrate: {path} is the second of {task} photos: '
                       f'name one store of each task')
    by_task[task] = held_out.calibrated(answering, store)
  return by_task


if __name__ == '__main__':
  launch.run(main, FLAGS, WAYS)
