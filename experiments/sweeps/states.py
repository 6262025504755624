"""How far each item of a sweep is, read from the files in its folder."""

import json
import pathlib
from typing import Any

from experiments.run import config_file
from experiments.sweeps import items

FIGURES = 'figures.json'  # Written last, by the binary.
ATTEMPT = 'attempt.json'  # Written by the sweep once the binary has ended.


def state(item: items.Item) -> str:
  """todo, begun, failed, done, or changed: a run of another config.

  Whether a begun item still runs is known to the scheduler alone.
  """
  recorded = _read(item.folder / 'run.json').get('config_hash')
  ended = 'exit_code' in _read(item.folder / ATTEMPT)
  has_figures = (item.folder / FIGURES).is_file()
  if recorded is None and not has_figures:
    return 'failed' if ended else 'todo'
  if recorded != item.config_hash:
    return 'changed'
  if has_figures:
    return 'done'
  return 'failed' if ended else 'begun'


def check_unchanged(item: items.Item) -> None:
  """Refuses a folder that contains a run of another config."""
  if state(item) != 'changed':
    return
  old = item.folder / 'config.txt'
  lines = old.read_text().splitlines() if old.is_file() else []
  differ = sorted(set(lines) ^ set(config_file.as_text(item.config)
                                   .splitlines()))
  raise ValueError(
      f'{item.folder} contains a run of another config '
      f'({"; ".join(differ[:4])}); choose another --workdir, or remove that '
      f'folder to start again')


def _read(path: pathlib.Path) -> dict[str, Any]:
  try:
    return json.loads(path.read_text(encoding='utf-8'))
  except FileNotFoundError:
    return {}
  except ValueError as error:
    raise ValueError(f'{path}: damaged ({error}); remove that folder to start '
                     f'the item again') from error
