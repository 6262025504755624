"""Tiny artefacts of every kind, the binaries that read them, what these leave.

  WORLD/stores/{photo,street}    what everything is trained on and built from
  WORLD/stores/{more,queries}    photos to add, photos as queries
  WORLD/{embedder,full,light}    model directories
  WORLD/gallery                  neighbour lists, and some deleted rows
  WORLD/indexed                  as many rows as get an index; no lists
  WORLD/ids.txt                  rows to take down next
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import json
import pathlib
import shutil
from typing import Any

from tests.fixtures import tiny_training as tiny
from tests.flips import forked_runs

MODULES = tuple(f'experiments.{name}' for name in (
    'evaluate', 'train_embedder', 'train_reranker',
    'crossval', 'build_gallery', 'verify'))
# build_gallery makes an index from here on.
_MANY = 20_000
# Rows to learn from: enough for lists, few enough for seconds.
_ROWS, _SPOTS, _QUERIES = 300, 40, 150
_SPLIT = 30.0
# Some spots are in it.
_COUNTRY = 'US'
# Where no reranker brings them.
_WEIGHTS = '--config.fusion.photo=(1.0,2.0,3.0)'
# They only say where, when and by which program a run was started, or which
# files were read before.
RECORDS = ('run.json', 'config.txt', 'lock.json', '.verified.json')
# The same in no two runs.
_TIMES = ('seconds', 'seconds_in_all', 'git')

Left = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Consumer:
  """A command line, and what it leaves behind.

  Attributes:
    module: the binary.
    words: its arguments, in a world and with a folder of its own.
    left: by name, what must be equal in two runs on equal files.
  """

  module: str
  words: Callable[[pathlib.Path, pathlib.Path], list[str]]
  left: Callable[[pathlib.Path, pathlib.Path], Left]


def _config(name: str) -> str:
  return f'--config=experiments/configs/{name}'


def _evaluate(world: pathlib.Path, out: pathlib.Path,
              gallery: str = 'gallery') -> list[str]:
  return [_config('evaluate.py:quick'), f'--workdir={out}',
          f'--config.model={world / "embedder"}',
          f'--config.gallery={world / gallery}',
          f'--config.queries={world / "stores" / "queries"}',
          '--config.num_resamples=0']


def _evaluate_all(world: pathlib.Path, out: pathlib.Path) -> list[str]:
  return [*_evaluate(world, out),
          f'--config.rerankers.photo={world / "full"},{world / "light"}']


def _evaluate_region(world: pathlib.Path, out: pathlib.Path) -> list[str]:
  # Names of places are read for this alone.
  return [*_evaluate(world, out), f'--config.region=country:{_COUNTRY}',
          '--config.interpolate=True', _WEIGHTS]


def _evaluate_index(world: pathlib.Path, out: pathlib.Path) -> list[str]:
  return [*_evaluate(world, out, 'indexed'), '--config.search=index', _WEIGHTS]


def _train_embedder(world: pathlib.Path, out: pathlib.Path) -> list[str]:
  stores = {source: f'--config.stores.{source}={world / "stores" / source}'
            for source in tiny.SOURCES}
  # Each row is seen, each held-out row is a query.
  return tiny.command(
      stores, out, f'--config.validation_percent={_SPLIT}',
      '--config.data.batch_size=64', '--config.train.num_steps=4',
      '--config.train.save_every=0', '--config.eval.every=4')[3:]


def _train_reranker(world: pathlib.Path, out: pathlib.Path,
                    kind: str = 'attention') -> list[str]:
  size = (('--config.model.width=16', '--config.model.num_layers=1')
          if kind == 'attention' else ())
  return [
      _config(f'train_reranker.py:quick,kind={kind}'), f'--workdir={out}',
      f'--config.embedder={world / "embedder"}',
      f'--config.gallery={world / "gallery"}',
      f'--config.stores.photo={world / "stores" / "photo"}',
      f'--config.embedder_split.validation_percent={_SPLIT}',
      '--config.validation_percent=30.0', '--config.data.batch_size=32',
      '--config.examples.sizes.image=4', '--config.examples.sizes.raw=3',
      '--config.examples.sizes.location=3', '--config.examples.rounds=1',
      '--config.train.log_every=1', '--config.train.num_steps=3',
      '--config.train.save_every=0', '--config.eval.every=3',
      '--config.columns=("density", "ridge")', '--config.region.cells=0',
      '--config.ridge.centres=8', '--config.ridge.anchors=16', *size]


def _crossval(world: pathlib.Path, out: pathlib.Path) -> list[str]:
  # One source: most of the time is training.
  return [f'--features={world / "stores" / "street"}', '--folds=2',
          f'--workdir={out}', '--num_resamples=0']


def _build(world: pathlib.Path, out: pathlib.Path) -> list[str]:
  return [_config('build_gallery.py'), f'--workdir={out}',
          f'--config.model={world / "embedder"}',
          *(f'--config.stores.{source}={world / "stores" / source}'
            for source in tiny.SOURCES)]


def _change(world: pathlib.Path, *words: str) -> list[str]:
  return [f'--workdir={world / "gallery"}', *words]


def _add(world: pathlib.Path, out: pathlib.Path) -> list[str]:
  del out
  return _change(world, f'--add={world / "stores" / "more"}',
                 f'--model={world / "embedder"}')


def _remove(world: pathlib.Path, out: pathlib.Path) -> list[str]:
  del out
  return _change(world, f'--remove_ids={world / "ids.txt"}')


def _compact(world: pathlib.Path, out: pathlib.Path) -> list[str]:
  del out
  return _change(world, '--compact')


def _figures(world: pathlib.Path, out: pathlib.Path) -> Left:
  """Of results.json and predictions.csv: without times."""
  del world
  rows = [_without_times(row)
          for row in json.loads((out / 'results.json').read_text())]
  about = [row.pop('provenance', None) for row in rows]
  answers = out / 'predictions.csv'
  return {'figures': rows, 'provenance': about,
          'answers': answers.read_bytes() if answers.exists() else b''}


def _without_times(value: Any) -> Any:
  if isinstance(value, dict):
    return {name: _without_times(inner) for name, inner in value.items()
            if name not in _TIMES}
  if isinstance(value, list):
    return [_without_times(inner) for inner in value]
  return value


def _training(world: pathlib.Path, out: pathlib.Path) -> Left:
  del world
  return {'losses': tiny.losses(out), 'evaluations': tiny.evaluations(out),
          'figures': tiny.figures(out), **content(out / 'model')}


def _built(world: pathlib.Path, out: pathlib.Path) -> Left:
  del world
  return content(out)


def _changed(world: pathlib.Path, out: pathlib.Path) -> Left:
  del out
  return content(world / 'gallery')


def content(folder: pathlib.Path) -> dict[str, bytes]:
  """Bytes of every file below, by relative path."""
  return {str(path.relative_to(folder)): path.read_bytes()
          for path in sorted(folder.rglob('*'))
          if path.is_file() and path.name not in RECORDS}


def _verify(name: str) -> Consumer:
  return Consumer('experiments.verify',
                  lambda world, out: [f'--path={world / name}'],
                  lambda world, out: {})


STORES = tuple(f'stores/{name}' for name in (*tiny.SOURCES, 'more', 'queries'))
GALLERIES = ('gallery', 'indexed')
MODELS = ('embedder', 'full', 'light')
VERIFIED = {f'verify {name}': _verify(name)
            for name in (*STORES, *GALLERIES, *MODELS)}
CONSUMERS: dict[str, Consumer] = {
    'evaluate': Consumer('experiments.evaluate', _evaluate_all, _figures),
    'evaluate region': Consumer(
        'experiments.evaluate', _evaluate_region, _figures),
    'evaluate index': Consumer(
        'experiments.evaluate', _evaluate_index, _figures),
    'train_embedder': Consumer(
        'experiments.train_embedder', _train_embedder, _training),
    'train_reranker': Consumer(
        'experiments.train_reranker', _train_reranker, _training),
    'crossval': Consumer('experiments.crossval', _crossval, _figures),
    'build': Consumer('experiments.build_gallery', _build, _built),
    'add': Consumer('experiments.build_gallery', _add, _changed),
    'remove_ids': Consumer('experiments.build_gallery', _remove, _changed),
    'compact': Consumer('experiments.build_gallery', _compact, _changed),
    **VERIFIED}

# These write to the gallery that they read.
CHANGES = ('add', 'remove_ids', 'compact')
# Who reads what lies below: the longest path that fits counts.
READERS: dict[str, tuple[str, ...]] = {
    'stores/photo': ('train_embedder', 'train_reranker', 'build',
                     'verify stores/photo'),
    'stores/street': ('train_embedder', 'crossval', 'build',
                      'verify stores/street'),
    'stores/more': ('add', 'verify stores/more'),
    'stores/queries': ('evaluate', 'evaluate index', 'verify stores/queries'),
    'embedder': ('evaluate', 'evaluate index', 'train_reranker', 'build',
                 'add', 'verify embedder'),
    'full': ('evaluate', 'verify full'),
    'light': ('evaluate', 'verify light'),
    'gallery': ('evaluate', 'evaluate region', 'train_reranker', *CHANGES,
                'verify gallery'),
    'gallery/neighbours': ('evaluate', 'train_reranker', 'add', 'compact',
                        'verify gallery'),
    'indexed': ('evaluate index', 'verify indexed')}


def readers(name: str) -> tuple[str, ...]:
  """Consumers that read the file at this path of the world."""
  fitting = [root for root in READERS if name.startswith(f'{root}/')]
  return READERS[max(fitting, key=len)] if fitting else ()


def root_of(name: str) -> str:
  """The artefact that a file belongs to."""
  return next(root for root in READERS if name.startswith(f'{root}/'))


def make(world: pathlib.Path, scratch: pathlib.Path) -> None:
  """Every artefact, by the binaries themselves."""
  stores = world / 'stores'
  tiny.make_stores(stores, num_rows=_ROWS, num_spots=_SPOTS)
  for name, seed, rows in (('more', 1, _QUERIES), ('queries', 2, _QUERIES),
                           ('many', 3, _MANY)):
    tiny.make_stores(scratch / name, seed, name, rows, _SPOTS)
    (scratch / name / 'photo').rename(stores / name)
  _make('train_embedder', _train_embedder(world, scratch / 'e'), scratch)
  (scratch / 'e' / 'model').rename(world / 'embedder')
  _make('build_gallery', _build(world, world / 'gallery'), scratch)
  (scratch / 'ids').write_text('photo3\nphoto77\nstreet5\nstreet200\nphoto9\n')
  _make('build_gallery', _change(world, f'--remove_ids={scratch / "ids"}'),
        scratch)
  (world / 'ids.txt').write_text('photo20\nstreet21\nphoto22\n')
  _make('build_gallery', [
      *_build(world, world / 'indexed'), '--config.mode=photo',
      '--config.support=False', f'--config.stores.photo={stores / "many"}',
      '--config.stores.street='], scratch)
  shutil.rmtree(stores / 'many')
  for name, kind in (('full', 'attention'), ('light', 'light')):
    _make('train_reranker', _train_reranker(world, scratch / name, kind),
          scratch)
    (scratch / name / 'model').rename(world / name)


def _make(name: str, words: Sequence[str], scratch: pathlib.Path) -> None:
  done = forked_runs.run(f'experiments.{name}', words, scratch / 'said')
  if done.code:
    raise RuntimeError(f'{name} {" ".join(words)} ended with {done.code}:\n'
                       f'{done.stderr}')
