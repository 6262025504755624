"""The loop: it knows no model, no loss and no data set.

  restore ─▶ next batch ─▶ step ─▶ look at the metrics of the step before
                ▲                   │ at boundaries: log, evaluate, save
                └───────────────────┘ at the end, or when asked to stop: save

Metrics are read one step late, so that the host never waits for the device
before it has handed it the next step.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import dataclasses
import math
import pathlib
import time
from typing import Any, Protocol, runtime_checkable

import jax
from pinpoint_jax.disk import files
from pinpoint_jax.parallel import arrays, processes
from pinpoint_jax.train import metrics_writer
from pinpoint_jax.train.checkpoints import manager

# Processes agree on stopping and on the time only now and then.
_AGREE_EVERY = 8


class Clock:
  """Seconds by purpose since the start, and rows since the last line."""

  def __init__(self):
    self._began = self._save = time.monotonic()
    self._line = 0.0  # Seconds of steps at the last line.
    self._seconds: Counter[str] = Counter()
    self.rows = 0
    self.compiled = False

  @contextlib.contextmanager
  def spent(self, purpose: str) -> Iterator[None]:
    """Counts the time of its body to `purpose`."""
    started = time.monotonic()
    try:
      yield
    finally:
      self._seconds[purpose] += time.monotonic() - started

  def line(self) -> dict[str, float]:
    """Rate since the last call; shares of the time since the start.

    goodput is what is left for steps after compiling, waiting for data,
    evaluating and saving. The rate leaves out compiling, evaluating, saving.
    """
    wall = max(time.monotonic() - self._began, 1e-9)
    steps = wall - self._seconds.total()
    working = steps + self._seconds['data']
    rate = self.rows / max(working - self._line, 1e-9)
    self.rows, self._line = 0, working
    return {
        'samples_per_s': round(rate, 2),
        'goodput': round(steps / wall, 4),
        'data_wait': round(self._seconds['data'] / wall, 4),
        'compile_s': round(self._seconds['compile'], 2),
        'evaluation_s': round(self._seconds['evaluation'], 2),
        'save_s': round(self._seconds['save'], 2),
        'wall_s': round(wall, 2)}

  def since_save_s(self) -> float:
    """Seconds since the last save, or since the start."""
    return time.monotonic() - self._save

  def saved(self) -> None:
    """A save has just been made."""
    self._save = time.monotonic()


class Interrupted(Exception):
  """Asked to stop; everything is saved."""


@runtime_checkable
class Batches(Protocol):
  """Batches that know where they are; `state` is ready for JSON."""

  rows_per_step: int

  def __next__(self) -> Any: ...
  def state(self) -> dict[str, Any]: ...
  def restore(self, state: Mapping[str, Any]) -> None: ...
  def describe(self, batch: Any) -> Any: ...


@runtime_checkable
class Evaluator(Protocol):
  """Something to measure every so many steps."""

  name: str
  every: int

  def run(self, state: Any) -> dict[str, float]: ...


@dataclasses.dataclass(frozen=True)
class Settings:
  """How long, and how often what; every field is a config field.

  Attributes:
    num_steps: updates in all; 0 where what a run begins with is its end.
    log_every: steps between lines of metrics.
    save_every: steps between checkpoints; 0 for none by steps.
    save_minutes: minutes between checkpoints; 0 for none by time.
    best: metric whose highest value's checkpoint is kept apart; '' for none.
  """

  num_steps: int
  log_every: int = 50
  save_every: int = 1000
  save_minutes: float | int = 10.0
  best: str = ''

  def __post_init__(self):
    if self.num_steps < 0 or self.log_every < 1:
      raise ValueError(f'num_steps={self.num_steps}, log_every='
                       f'{self.log_every}: must be at least 0 and 1')


@dataclasses.dataclass
class Run:
  """One training run; `state` moves on with it."""

  state: Any
  step: Callable[[Any, Any], tuple[Any, dict[str, jax.Array]]]
  batches: Batches
  put: Callable[[Any], Any]
  settings: Settings
  workdir: pathlib.Path
  checkpoints: manager.Checkpoints
  best: manager.Checkpoints
  writer: metrics_writer.Writer
  evaluators: Sequence[Evaluator] = ()
  stopping: Callable[[], bool] = lambda: False
  about: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  check: Callable[[Mapping[str, Any]], None] = lambda _: None
  show: Callable[[int, Mapping[str, Any]], None] = lambda *_: None
  start: int = 0
  saved: int = -1
  best_value: float = -math.inf
  clock: Clock = dataclasses.field(default_factory=Clock)

  def restore(self, like: Any) -> None:
    """Goes on from the newest good checkpoint, where there is one."""
    restored = self.checkpoints.restore(like)
    if restored is None:
      self.writer.rewind(0)
      return
    self.check(restored.data['about'])
    self.batches.restore(restored.data['batches'])
    self.state = restored.state
    self.start = self.saved = restored.step
    best = restored.data['best']
    self.best_value = -math.inf if best is None else best
    self.writer.rewind(restored.step)

  def train(self) -> dict[str, float]:
    """Trains to the end; the figures of the last evaluation."""
    pending, last = None, self.settings.num_steps
    for number in range(self.start + 1, last + 1):
      stop, save_by_time = self._agreed(number)
      if stop:
        self._settle(pending)
        self._save(number - 1)
        self._wait()
        raise Interrupted(f'stopped after step {number - 1} of {last}; it is '
                          f'saved')
      batch, metrics = self._advance()
      self._settle(pending)
      pending = number, batch, metrics
      due = [e for e in self.evaluators if _due(number, e.every)]
      save = save_by_time or _due(number, self.settings.save_every)
      if number == last or due or save:
        self._settle(pending)
        pending = None
      if number < last and due:
        self._evaluate(number, due)
      if number < last and save:
        self._save(number)
    figures = self._evaluate(last, self.evaluators)
    self._save(last)
    self._wait()
    return figures

  def _advance(self) -> tuple[Any, dict[str, jax.Array]]:
    with self.clock.spent('data'):
      batch = next(self.batches)
    on_device = self.put(batch)
    if not self.clock.compiled:
      # Ahead of time: another shape is then an error, not a recompilation.
      with self.clock.spent('compile'):
        self.step = self.step.lower(self.state, on_device).compile()
      self.clock.compiled = True
    self.state, metrics = self.step(self.state, on_device)
    return batch, metrics

  def _settle(self, pending: tuple[int, Any, Any] | None) -> None:
    """Reads a step's metrics: refuses what is not finite, logs the rest."""
    if pending is None:
      return
    number, batch, metrics = pending
    values = {name: float(value)
              for name, value in arrays.to_numpy(metrics).items()}
    if not all(math.isfinite(value) for value in values.values()):
      self._refuse(number, batch, values)
    self.clock.rows += self.batches.rows_per_step
    if number == 1 or _due(number, self.settings.log_every):
      self._write(number, values | self.clock.line())

  def _refuse(self, number: int, batch: Any, values: dict[str, float]) -> None:
    path = self.workdir / f'not_finite_{jax.process_index()}.json'
    files.write_json(path, {
        'step': number, 'metrics': {k: str(v) for k, v in values.items()},
        'batch': self.batches.describe(batch)})
    self._wait()
    bad = [name for name, value in values.items() if not math.isfinite(value)]
    raise ValueError(
        f'step {number}: {", ".join(bad)} not finite; the ids of its batch are '
        f'in {path}. The last good checkpoint is kept: look at those rows, or '
        f'lower the learning rate, and run again')

  def _evaluate(self, number: int,
                evaluators: Sequence[Evaluator]) -> dict[str, float]:
    with self.clock.spent('evaluation'):
      figures = {f'{e.name}/{name}': value for e in evaluators
                 for name, value in e.run(self.state).items()}
    if figures and number > self.saved:
      self._write(number, figures)
      self._keep_best(number, figures)
    return figures

  def _keep_best(self, number: int, figures: Mapping[str, float]) -> None:
    name = self.settings.best
    if not name:
      return
    if name not in figures:
      raise ValueError(f'best={name!r}: the evaluators give {sorted(figures)}')
    value = figures[name]
    # Decided once: the last bits of a figure may differ between hosts.
    better = processes.by_first(lambda: int(
        value > self.best_value and not self.best.has(number)))
    self.best_value = max(self.best_value, value)
    if better:
      # One save at a time: processes take two for each other.
      self._wait()
      self.best.save(number, self.state, {name: value})

  def _agreed(self, number: int) -> tuple[bool, ...]:
    """Whether to stop before a step, and whether its end is time to save."""
    minutes = self.settings.save_minutes
    late = bool(minutes) and self.clock.since_save_s() > 60 * minutes
    if jax.process_count() > 1 and not _due(number, _AGREE_EVERY):
      return False, False
    return processes.any_process(self.stopping(), late)

  def _save(self, number: int) -> None:
    if number <= self.saved:
      return
    with self.clock.spent('save'):
      self.best.wait()
      self.checkpoints.save(number, self.state, {
          'batches': self.batches.state(), 'about': dict(self.about),
          'best': None if math.isinf(self.best_value) else self.best_value})
    self.saved = number
    self.clock.saved()

  def _wait(self) -> None:
    with self.clock.spent('save'):
      self.checkpoints.wait()
      self.best.wait()

  def _write(self, number: int, values: Mapping[str, Any]) -> None:
    if jax.process_index() == 0:
      self.writer.write(number, values)
      self.show(number, values)


def _due(number: int, every: int) -> bool:
  return bool(every) and number % every == 0
