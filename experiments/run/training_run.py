"""What every training binary does around its own training.

Its lines tell a person how far a run is; metrics.jsonl has every figure.
"""

from collections.abc import Callable, Iterable, Mapping
import functools
import importlib.util
import pathlib
import re
import sys
import time
from typing import Any

from experiments.run import config_file, distributed, launch
import jax
import jax.numpy as jnp
from ml_collections import config_dict
from pinpoint_jax.disk import lock, parts
from pinpoint_jax.parallel import processes
from pinpoint_jax.train import loop, metrics_writer, optimizer
from pinpoint_jax.train.checkpoints import manager

_WIDTH = 100
_DTYPES = {'float32': jnp.float32, 'bfloat16': jnp.bfloat16}
# What people read first, of a step and of an evaluation.
_FIRST = ('loss', 'acc@1km', 'acc@25km', 'geoscore', 'median_km')


class Steps:
  """One line per report: step, loss, rate and time left, or figures."""

  def __init__(self, num_steps: int):
    self._num_steps = num_steps
    self._first: tuple[int, float] | None = None

  def __call__(self, step: int, metrics: Mapping[str, Any]) -> None:
    now = time.monotonic()
    if self._first is None:
      self._first = step, now
    head = f'step {step}/{self._num_steps}'
    if 'loss' in metrics:
      words = [f'loss {metrics["loss"]:.4g}']
      if rate := metrics.get('samples_per_s'):
        words.append(f'{rate:,.0f} samples/s')
      print(line([head, *words, *self._left(step, now)]), flush=True)
      return
    for name in dict.fromkeys(key.rpartition('/')[0] for key in metrics):
      figures = {key.rpartition('/')[2]: value for key, value in
                 metrics.items() if key.rpartition('/')[0] == name}
      # The sort keeps the order of what nobody reads first.
      ranked = sorted(figures, key=lambda key: _FIRST.index(key) if key in
                      _FIRST else len(_FIRST))
      print(line([head, name, *(_figure(key, figures[key])
                                for key in ranked)]), flush=True)

  def _left(self, step: int, now: float) -> list[str]:
    begun, since = self._first
    if step == begun:
      return []
    seconds = (now - since) / (step - begun) * (self._num_steps - step)
    return [f'{duration(seconds)} left']


def line(words: Iterable[str]) -> str:
  """The words, as many as fit into a line."""
  text = ''
  for word in filter(None, words):
    longer = f'{text}  {word}' if text else word
    if len(longer) > _WIDTH:
      break
    text = longer
  return text


def duration(seconds: float | int) -> str:
  """Seconds as a person says them: 12 s, 3 min, 1 h 05 min."""
  minutes = round(seconds / 60)
  if seconds < 90:
    return f'{seconds:.0f} s'
  return f'{minutes} min' if minutes < 60 else (
      f'{minutes // 60} h {minutes % 60:02d} min')


def _figure(name: str, value: float | int) -> str:
  return (f'{name} {100 * value:.1f} %' if name.startswith('acc@')
          else f'{name} {value:.4g}')


# A run that changes these is another run.
_FIXED = ('model.', 'optimizer.', 'objective.', 'closed_form.', 'data.',
          'stores.', 'folds.')
_FIXED_NAMES = ('validation_percent',)
# How a run runs, not what it is: not worth a line.
_FREE = ('distributed.',)
# How a model runs, not what it is: told, not refused.
_RUNTIME = ('model.loop',)


def described_config(config: config_dict.ConfigDict) -> dict[str, str]:
  """Every config entry as text, for the checkpoint."""
  return {name: repr(value)
          for name, value in config_file.flatten(config).items()}


def check_resume(saved: Mapping[str, str], config: config_dict.ConfigDict,
                 allowed: str, where: str) -> list[str]:
  """Lines that tell what changed; refuses changes that make another run.

  `allowed` names entries that may change, separated by commas.
  """
  now, names = described_config(config), [n for n in allowed.split(',') if n]
  unknown = [n for n in names if n not in {**saved, **now}]
  if unknown:
    raise ValueError(f'--allow_config_change={allowed}: this config has no '
                     f'{unknown[0]!r}')
  changed = {name: f'{name} {saved.get(name, "absent")} → '
             f'{now.get(name, "absent")}'
             for name in {**saved, **now}
             if saved.get(name) != now.get(name)
             and not name.startswith(_FREE)}
  refused = [name for name in changed if name not in (*names, *_RUNTIME)
             and (name.startswith(_FIXED) or name in _FIXED_NAMES)]
  if refused:
    raise ValueError(
        f'{where} was begun with another config '
        f'({", ".join(changed[name] for name in refused)}): use another '
        f'workdir, or allow it with --allow_config_change='
        f'{",".join(refused)}')
  return list(changed.values())


FLAGS = (launch.Flag(
    'allow_config_change', '', 'Names of config entries, separated by commas, '
    'that may differ from those the run in --workdir began with.'),)


def guarded(run: launch.Run, train: Callable[..., None]) -> None:
  """Trains under the workdir's lock; SIGTERM and Ctrl-C save, exit 143, 130.

  Among several processes: call after they have met, for jax then takes SIGTERM
  for itself.
  """
  train_in(run.workdir, run.config, train, run.flags['allow_config_change'])


def train_in(workdir: pathlib.Path, config: config_dict.ConfigDict,
             train: Callable[..., None], allow_config_change: str = '') -> None:
  """The same, without a command line."""
  check(config)
  request = launch.Request()
  try:
    with processes.held_by_first(lock.hold(workdir)):
      distributed.check_shared(workdir, '--workdir')
      train(config, workdir, allow_config_change, request)
  except (loop.Interrupted, parts.Interrupted) as stopped:
    print(f'{stopped}; run the same command to continue', file=sys.stderr,
          flush=True)
    sys.exit(request.exit_code)


def check(config: config_dict.ConfigDict) -> None:
  """Refuses what would only fail once the run is under way."""
  if config.tensorboard and importlib.util.find_spec('tensorboardX') is None:
    raise ValueError('--config.tensorboard=True needs tensorboardX: pip '
                     'install "pinpoint_jax[tensorboard]"')
  for name in ('no_decay', 'frozen'):
    for pattern in config.optimizer[name]:
      try:
        re.compile(pattern)
      except re.error as error:
        raise ValueError(f'--config.optimizer.{name}: {pattern!r} is no '
                         f'regular expression: {error}') from error


def prepare(config: config_dict.ConfigDict, workdir: pathlib.Path,
            allow_config_change: str, stopping: Callable[[], bool],
            least_steps: int = 1, **parts: Any) -> loop.Run:
  """A run with the checkpoints, logs and checks that its config asks for.

  `parts` are what is the model's own: state, step, batches, put, evaluators.
  No step at all is only for what knows something before it.
  """
  if config.train.num_steps < least_steps:
    raise ValueError(f'--config.train.num_steps={config.train.num_steps}: must '
                     f'be at least {least_steps}')
  keep = manager.Keep(
      config.keep.last, config.keep.every_steps or None,
      config.keep.every_hours or None)
  return loop.Run(
      settings=loop.Settings(**config.train.to_dict()), workdir=workdir,
      checkpoints=manager.Checkpoints(workdir / 'checkpoints', keep),
      best=manager.Checkpoints(
          workdir / 'best', manager.Keep(1)),
      writer=_writer(config, workdir), stopping=stopping,
      about=described_config(config),
      check=functools.partial(
          _check, config, str(workdir), allow_config_change),
      show=Steps(config.train.num_steps), **parts)


def model_fields(config: config_dict.ConfigDict) -> dict[str, Any]:
  """The fields of the config's module."""
  fields = config.model.to_dict()
  if fields['dtype'] not in _DTYPES:
    raise ValueError(f'--config.model.dtype={fields["dtype"]}: choices are '
                     f'{sorted(_DTYPES)}')
  return fields | {'dtype': _DTYPES[fields['dtype']]}


def method(config: config_dict.ConfigDict) -> Any:
  """The optimiser of the config."""
  return optimizer.make(optimizer.Settings(**config.optimizer.to_dict()),
                        config.train.num_steps)


def announce(prepared: loop.Run) -> None:
  """One line: how large it is, and whether it goes on."""
  size = sum(x.size for x in jax.tree.leaves(prepared.state.params))
  begun = (f'going on after step {prepared.start}' if prepared.start
           else 'a new run')
  print(f'{size / 1e6:.3g} M parameters on {len(jax.devices())} devices; '
        f'{begun}', flush=True)


def _writer(config: config_dict.ConfigDict,
            workdir: pathlib.Path) -> metrics_writer.Several:
  if jax.process_index():
    return metrics_writer.Several()
  board = ([metrics_writer.TensorBoard(workdir / 'tensorboard')]
           if config.tensorboard else [])
  return metrics_writer.Several(
      metrics_writer.JsonLines(workdir / 'metrics.jsonl'), *board)


def _check(config: config_dict.ConfigDict, workdir: str,
           allow_config_change: str, saved: dict) -> None:
  for line in check_resume(saved, config, allow_config_change, workdir):
    if jax.process_index() == 0:
      print(f'config changed: {line}', flush=True)
