"""How far each item of a sweep is, read from what stands in its folder."""

from collections.abc import Mapping
import json
import os
import pathlib
import socket
from typing import Any

from experiments.run import config_file
from experiments.sweeps import items

FIGURES = 'figures.json'  # Written last, by the binary.
ATTEMPT = 'attempt.json'  # Written by the sweep: a process, or its exit code.


def state(item: items.Item) -> str:
  """todo, running?, failed, done, or changed: a run of another config."""
  recorded = _read(item.folder / 'run.json').get('config_hash')
  attempt = _read(item.folder / ATTEMPT)
  has_figures = (item.folder / FIGURES).is_file()
  if recorded is None and not has_figures:
    return 'failed' if 'exit_code' in attempt else 'todo'
  if recorded != item.config_hash:
    return 'changed'
  if has_figures:
    return 'done'
  if 'exit_code' in attempt or _is_gone(attempt):
    return 'failed'
  return 'running?'


def check_unchanged(item: items.Item) -> None:
  """Refuses a folder that holds a run of another config."""
  if state(item) != 'changed':
    return
  old = item.folder / 'config.txt'
  lines = old.read_text().splitlines() if old.is_file() else []
  differ = sorted(set(lines) ^ set(config_file.as_text(item.config)
                                   .splitlines()))
  raise ValueError(
      f'{item.folder} holds a run of another config ({"; ".join(differ[:4])}); '
      f'take another --workdir, or remove that folder to start anew')


def running_here(item: items.Item) -> int | None:
  """Process that works on the item on this machine, if there is one."""
  attempt = _read(item.folder / ATTEMPT)
  if 'exit_code' in attempt or attempt.get('host') != socket.gethostname():
    return None
  return None if _is_gone(attempt) else attempt['pid']


def running_record(pid: int) -> dict[str, Any]:
  """What attempt.json says while process `pid` runs; {} if there is none."""
  try:
    os.kill(pid, 0)
  except ProcessLookupError:
    return {}
  except PermissionError:
    pass
  started = _started(pid)
  if started is None:
    return {}
  return {'host': socket.gethostname(), 'pid': pid, 'started': started}


def _started(pid: int) -> str | None:
  """Tells later processes of the same number apart; None for a zombie."""
  try:
    boot = pathlib.Path('/proc/sys/kernel/random/boot_id').read_text().strip()
    stat = pathlib.Path(f'/proc/{pid}/stat').read_text()
  except OSError:
    return ''  # No Linux: the number must do.
  fields = stat.rpartition(')')[2].split()
  return None if fields[0] == 'Z' else f'{boot}/{fields[19]}'


def _read(path: pathlib.Path) -> dict[str, Any]:
  try:
    return json.loads(path.read_text(encoding='utf-8'))
  except FileNotFoundError:
    return {}
  except ValueError as error:
    raise ValueError(f'{path}: damaged ({error}); remove that folder to start '
                     f'the item anew') from error


def _is_gone(attempt: Mapping[str, Any]) -> bool:
  """Whether the attempt was made on this machine and its process ended."""
  if attempt.get('host') != socket.gethostname():
    return False
  return attempt != running_record(attempt['pid'])
