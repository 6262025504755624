"""All folds of a cross-validation: embedders, lists, answers of each system.

  fold by fold   chance, constant, ridge, the embedder that begins as it
                 embedders ─▶ lists of the held-out rows
  across folds   raw_1nn, image_top1, location_top1, retrieval, light, oracle
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
import dataclasses
import pathlib
from typing import Protocol, runtime_checkable

from pinpoint_jax.answer import systems
from pinpoint_jax.crossval import constant, fused, learned, ridge
from pinpoint_jax.crossval import fold as fold_lib
from pinpoint_jax.crossval import light as light_lib
from pinpoint_jax.crossval import lists as lists_lib
from pinpoint_jax.evals import geolocation
from pinpoint_jax.models import embedder_files

# Embedders of every fold, by the form of their targets; the last one has
# GeoCLIP's location tower and loss, and answers by the nearest place alone.
TARGETS, GEOCLIP_STYLE = ('hard', 'soft'), 'geoclip_style'
EMBEDDERS = (*TARGETS, GEOCLIP_STYLE)
# The embedder that begins as the chosen ridge.
FROM_RIDGE = 'from_ridge'
_FULL = ('full is left out, it reads the neighbour lists of a gallery on disk: '
         'see train_reranker and evaluate')


@dataclasses.dataclass(frozen=True)
class Settings:
  """What a cross-validation does.

  Attributes:
    seed: of the random answers and of the light reranker.
    light: how the light reranker learns.
  """

  seed: int = 0
  light: light_lib.Settings = light_lib.Settings()


@runtime_checkable
class TrainEmbedder(Protocol):
  """Trains one of EMBEDDERS on all rows but those of a fold."""

  def __call__(self, fold: int, name: str, workdir: pathlib.Path) -> None:
    """Writes the model directory workdir/model, or resumes what it began."""


@dataclasses.dataclass(frozen=True)
class System:
  """What answered the queries of one source.

  Attributes:
    source: of the queries.
    name: one of results.SYSTEMS.
    gallery: combined or same_source.
    variant: which form of the system, '' for its only one.
    embedder: whose vectors it searches, '' for none.
  """

  source: str
  name: str
  gallery: str
  variant: str = ''
  embedder: str = ''


@dataclasses.dataclass
class Outcome:
  """Answers of all systems to all folds.

  Attributes:
    answers: of each fold in turn, by system and decoding.
    models: fingerprint of each fold's embedder, by its name.
    notes: one sentence for each thing that is left out.
  """

  answers: dict[tuple[System, str], list[fused.Answered]] = (
      dataclasses.field(default_factory=dict))
  models: dict[str, list[str]] = dataclasses.field(default_factory=dict)
  notes: list[str] = dataclasses.field(default_factory=list)

  def add(self, system: System,
          folds: Iterable[Mapping[str, fused.Answered]]) -> None:
    """Adds a system's answers by decoding, fold after fold."""
    for by_decoding in folds:
      for decode, answered in by_decoding.items():
        self.answers.setdefault((system, decode), []).append(answered)


def run(folds: Sequence[fold_lib.Fold], settings: Settings,
        train_embedder: TrainEmbedder, workdir: pathlib.Path,
        announce: Callable[[str], None] = print) -> Outcome:
  """Every system that applies, on every row; `workdir` keeps what is done."""
  outcome = Outcome()
  lists: dict[tuple[str, str], list[lists_lib.Lists]] = {}
  for fold in folds:
    announce(f'fold {fold.index + 1} of {len(folds)}')
    folder = workdir / f'fold_{fold.index}'
    _answer_fold(fold, folder, settings, outcome)
    for name in EMBEDDERS:
      trained = _trained(fold, name, folder / name, train_embedder)
      outcome.models.setdefault(name, []).append(trained.fingerprint)
      channels = ('location',) if name == GEOCLIP_STYLE else fold.channels
      for source, listed in lists_lib.make(
          fold, trained, channels, folder / name / 'lists').items():
        lists.setdefault((source, name), []).append(listed)
  for (source, name), listed in lists.items():
    for system, answers in _across(source, name, folds[0], listed, settings):
      outcome.add(system, answers)
  outcome.notes += [*_left_out(folds), *_weak(outcome)]
  return outcome


def _answer_fold(fold: fold_lib.Fold, folder: pathlib.Path, settings: Settings,
                 outcome: Outcome) -> None:
  """Answers that need no other fold."""
  for source, rows in fold.held_out.items():
    chance = fused.Answered(geolocation.chance_errors(
        rows.photos, fold.gallery, settings.seed), 0.)
    outcome.add(System(source, 'chance', fold.gallery_mode),
                [{'argmax': chance}])
    outcome.add(System(source, 'constant', 'same_source'), [
        constant.answer(fold.train[source].photos, rows.photos)])
  for (source, variant, decode), answered in ridge.answer(
      folder / 'ridge', fold):
    gallery = 'combined' if variant == 'two_sources' else 'same_source'
    outcome.add(System(source, 'ridge', gallery, variant), [{decode: answered}])
    if (variant, decode) == ('chosen', 'argmax'):
      outcome.add(System(source, 'location_top1', 'same_source', FROM_RIDGE), [
          learned.answer(folder / 'from_ridge' / source, fold, source,
                         answered.fitted, settings.seed)])


def _trained(fold: fold_lib.Fold, name: str, workdir: pathlib.Path,
             train_embedder: TrainEmbedder) -> embedder_files.Trained:
  """The embedder of a fold, which must have seen this fold's rows alone."""
  if not (workdir / 'model').is_dir():
    train_embedder(fold.index, name, workdir)
  trained = embedder_files.load(workdir / 'model')
  for source, rows in fold.train.items():
    seen = trained.inputs[source]['trained_on']['fingerprint']
    if seen != rows.fingerprint():
      raise ValueError(
          f'{workdir / "model"} was trained on other {source} rows ({seen}) '
          f'than those of its fold ({rows.fingerprint()}): remove {workdir}')
  return trained


def _across(source: str, name: str, fold: fold_lib.Fold,
            lists: Sequence[lists_lib.Lists], settings: Settings,
            ) -> Iterator[tuple[System, Iterator[
                Mapping[str, fused.Answered]]]]:
  """Systems that answer from the lists of one embedder, cross-fitted."""
  def system(system: str, variant: str = name, embedder: str = name) -> System:
    return System(source, system, fold.gallery_mode, variant, embedder)
  if name == GEOCLIP_STYLE:
    yield system(GEOCLIP_STYLE, ''), fused.answer(lists, ('location',))
    return
  channels = lists[0].channels
  for single, channel in systems.OF_CHANNEL.items():
    if channel in channels and single != 'raw_1nn':
      yield system(single), fused.answer(lists, (channel,))
  # Raw features have no embedder: once is enough.
  if 'raw' in channels and name == TARGETS[0]:
    yield system('raw_1nn', '', ''), fused.answer(lists, ('raw',))
  yield system('retrieval'), fused.answer(lists, channels)
  size = max(fold.table.parts[0]['rows'].shape[1] for fold in lists)
  yield (system('oracle', f'{name}, list of {size}'), fused.oracle(lists))
  if sum(map(len, lists)) >= light_lib.MIN_ROWS:
    yield system('light'), light_lib.answer(
        lists, settings.light, settings.seed)


def _left_out(folds: Sequence[fold_lib.Fold]) -> Iterator[str]:
  """A sentence for each system that does not apply."""
  for source in folds[0].held_out:
    num = sum(len(fold.held_out[source]) for fold in folds)
    if 'raw' not in folds[0].channels:
      yield (f'{source}: raw_1nn is left out, the features of the sources come '
             f'from different backbones')
    if num < light_lib.MIN_ROWS:
      yield (f'{source}: light is left out, it needs '
             f'{light_lib.MIN_ROWS:,} rows to learn from and there are '
             f'{num:,}')
  yield _FULL


def _weak(outcome: Outcome) -> Iterator[str]:
  """A sentence for each system that a fold could not fit."""
  for (system, decode), folds in outcome.answers.items():
    failed = [i + 1 for i, answered in enumerate(folds) if answered.note]
    if failed and decode == 'argmax':
      yield (f'{system.source}: {system.name} {system.variant} on folds '
             f'{", ".join(map(str, failed))}: {folds[failed[0] - 1].note}')
