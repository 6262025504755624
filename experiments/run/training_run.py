"""What every training binary does around its own training."""

from collections.abc import Callable
import contextlib
import functools
import importlib.util
import pathlib
import re
import sys
from typing import Any

from experiments.run import (
  distributed,
  launch,
  progress,
  resume,
  stopping,
)
import jax
from ml_collections import config_dict
from pinpoint_jax.disk import lock
from pinpoint_jax.parallel import arrays
from pinpoint_jax.train import loop, optimizer, writer
from pinpoint_jax.train.checkpoints import manager

FLAGS = (launch.Flag(
    'allow_config_change', '', 'Names of config entries, separated by commas, '
    'that may differ from those the run in --workdir began with.'),)


def guarded(run: launch.Run, train: Callable[..., None]) -> None:
  """Trains under the workdir's lock; SIGTERM and Ctrl-C save, exit 143, 130.

  Among several processes: call after they have met, for jax then takes SIGTERM
  for itself.
  """
  check(run.config)
  request = stopping.Request()
  try:
    with contextlib.ExitStack() as held:
      # Refused to the first process, it is refused to all, at once.
      arrays.by_first(
          lambda: held.enter_context(lock.hold(run.workdir)) or 0)
      distributed.check_shared(run.workdir)
      train(run.config, run.workdir, run.flags['allow_config_change'], request)
  except loop.Interrupted as stopped:
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
            **parts: Any) -> loop.Run:
  """A run with the checkpoints, logs and checks that its config asks for.

  `parts` are what is the model's own: state, step, batches, put, evaluators.
  """
  keep = manager.Keep(
      config.keep.last, config.keep.every_steps or None,
      config.keep.every_hours or None)
  return loop.Run(
      settings=loop.Settings(**config.train.to_dict()), workdir=workdir,
      checkpoints=manager.Checkpoints(workdir / 'checkpoints', keep),
      best=manager.Checkpoints(
          workdir / 'best', manager.Keep(1)),
      writer=_writer(config, workdir), stopping=stopping,
      about=resume.describe(config),
      check=functools.partial(
          _check, config, str(workdir), allow_config_change),
      show=progress.Steps(config.train.num_steps), **parts)


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
            workdir: pathlib.Path) -> writer.Several:
  if jax.process_index():
    return writer.Several()
  board = ([writer.TensorBoard(workdir / 'tensorboard')]
           if config.tensorboard else [])
  return writer.Several(
      writer.JsonLines(workdir / 'metrics.jsonl'), *board)


def _check(config: config_dict.ConfigDict, workdir: str,
           allow_config_change: str, saved: dict) -> None:
  for line in resume.check(saved, config, allow_config_change, workdir):
    if jax.process_index() == 0:
      print(f'config changed: {line}', flush=True)
