"""Runs stages: skips what is done, goes on with what was begun.

done.json in a stage's folder is written last. It says what the stage was made
of: if one of the products that it took, or its own, has changed since, the
stage is neither used nor overwritten but refused with the way out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import json
import pathlib
import shlex
import time
from typing import Any

from experiments import (
  build_gallery,
  evaluate,
  extract_features,
  make_synthetic_features,
  train_embedder,
  train_reranker,
)
from experiments.reproduce_stages import stages
from experiments.reproduce_stages.stages import Stage
from experiments.run import launch, run_record, training_run
from input_pipeline.feature_earth import world as worlds
from pinpoint_jax.disk import files, lock

DONE = 'done.json'
_ADVICE = '; run the same command to go on'
_NUM_SHOWN = 4


def run(chain: Sequence[Stage], base: pathlib.Path) -> dict[str, float]:
  """Runs every stage that is not done; seconds of each, also of those."""
  for stage in chain:
    state(stage, base)  # What is refused is refused before any work.
  seconds = {}
  for number, stage in enumerate(chain, 1):
    where = f'[{number}/{len(chain)}] {stage.name}'
    if state(stage, base) == 'done':
      print(f'{where}: done before, {stage.product(base)}', flush=True)
    else:
      for line in changes(stage, base):
        print(f'{where}: {line}', flush=True)
      print(f'{where}: {stage.binary} in {stage.workdir(base)} …', flush=True)
      _finish(stage, base, _run(stage, base))
    seconds[stage.name] = _record(stage, base)['seconds']
  return seconds


def state(stage: Stage, base: pathlib.Path) -> str:
  """todo, begun or done; refuses what no longer fits what it was made of.

  What it took may be gone: made again it has to be the same.
  """
  record, marks = _record(stage, base), dict(_marks(stage, base))
  if not record or not marks[stage.name]:
    return 'begun' if stage.workdir(base).exists() else 'todo'
  differ = [name for name, mark in marks.items()
            if mark and record['marks'][name] != mark]
  if differ:
    raise ValueError(
        f'{stage.root(base)} was made with another {" and ".join(differ)} than '
        f'is there now: remove that folder and it is made again, or choose '
        f'another --config.stages')
  return 'done'


def changes(stage: Stage, base: pathlib.Path) -> Iterator[str]:
  """How it differs from the nearest of its name that is done, if one is."""
  others = {path.parent.name: json.loads(path.read_text(encoding='utf-8'))
            for path in base.glob(f'{stage.kind}-*/{DONE}')}
  now = stage.text.splitlines()
  compared = []
  for name, record in others.items():
    if record['name'] == stage.name:
      # Sets of lines: the order of neither says anything.
      differ = sorted(set(record['text'].splitlines()) ^ set(now))
      compared.append((len(differ), name, differ))
  if compared:
    _, name, differ = min(compared)
    more = len(differ) - _NUM_SHOWN
    yield (f'not as in {name}: ' + '; '.join(differ[:_NUM_SHOWN])
           + (f' and {more} more' if more > 0 else ''))


def command(stage: Stage, base: pathlib.Path) -> str:
  """The command line that does the same."""
  words = ['python', '-m', f'experiments.{stage.binary}']
  if stage.spec:
    words += [f'--config={stage.spec}', f'--workdir={stage.workdir(base)}']
    words += [f'--config.{key}={value}' for key, value
              in stages.differences(stage, base).items()]
  else:
    words += [f'--out={stage.root(base)}']
    words += [f'--{key}={value}' for key, value in stage.config.items()]
  return shlex.join(words)


def _run(stage: Stage, base: pathlib.Path) -> float:
  """Runs its binary; the seconds that took."""
  begun = time.monotonic()
  _BINARIES[stage.binary](stage, base)
  launch.exit_on_signals(_ADVICE)  # Some have handlers of their own.
  return time.monotonic() - begun


def _extract(stage: Stage, base: pathlib.Path) -> None:
  with lock.hold(stage.workdir(base)):
    extract_features.make_store(stage.filled_in(base), stage.workdir(base))


def _world(stage: Stage, base: pathlib.Path) -> None:
  about = stage.config
  if not stage.product(base).exists():  # It appears when it is whole.
    make_synthetic_features.make(
        stage.root(base), worlds.World(about.variant, about.seed, about.size),
        (about.splits,))


def _embedder(stage: Stage, base: pathlib.Path) -> None:
  training_run.train_in(stage.workdir(base), stage.filled_in(base),
                        train_embedder.train)


def _reranker(stage: Stage, base: pathlib.Path) -> None:
  training_run.train_in(stage.workdir(base), stage.filled_in(base),
                        train_reranker.train)


def _gallery(stage: Stage, base: pathlib.Path) -> None:
  build_gallery.build(stage.filled_in(base), stage.workdir(base))


def _figures(stage: Stage, base: pathlib.Path) -> None:
  config, workdir = stage.filled_in(base), stage.workdir(base)
  with lock.hold(workdir):
    run_record.write(workdir, config)
    evaluate.write(config, workdir)


_BINARIES: Mapping[str, Callable[[Stage, pathlib.Path], None]] = {
    'extract_features': _extract, 'make_synthetic_features': _world,
    'train_embedder': _embedder, 'build_gallery': _gallery,
    'train_reranker': _reranker, 'evaluate': _figures}


def _finish(stage: Stage, base: pathlib.Path, seconds: float) -> None:
  files.write_json(stage.root(base) / DONE, {
      'name': stage.name, 'seconds': round(seconds, 1), 'text': stage.text,
      'git': run_record.git_revision(), 'marks': dict(_marks(stage, base))})


def _record(stage: Stage, base: pathlib.Path) -> dict[str, Any]:
  """What _finish wrote, nothing where it has not."""
  path = stage.root(base) / DONE
  try:
    return json.loads(path.read_text(encoding='utf-8'))
  except FileNotFoundError:
    return {}
  except ValueError as error:
    raise ValueError(f'{path}: damaged ({error}); remove it, and the stage is '
                     f'looked through again') from error


def _marks(stage: Stage, base: pathlib.Path) -> Iterator[tuple[str, str]]:
  """Checksums of what it handed on and of what it took, '' if it is gone."""
  taken = [one for some in stage.takes.values() for one in some]
  for one in (stage, *taken):
    path = one.mark(base)
    yield one.name, files.checksum(path) if path.is_file() else ''
