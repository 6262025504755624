"""What is to run on many hosts: one command, or the items of a sweep."""

from collections.abc import Sequence
import dataclasses
import pathlib
import re
import shlex

from experiments.run import config_file
from experiments.sweeps import items as sweep_items
from ml_collections import config_dict

SWEEP = 'sweep'
_COORDINATOR = '--config.distributed.coordinator=auto'


@dataclasses.dataclass(frozen=True)
class Job:
  """One command that every process of a run is started with.

  Attributes:
    name: of what it runs on: a slice, a job.
    words: what follows `python -m`.
    workdir: its folder, the same on all hosts.
    num_items: of its sweep; 0 for no sweep.
  """

  name: str
  words: tuple[str, ...]
  workdir: str
  num_items: int = 0

  def command(self, python: str, item: str = '') -> str:
    """As a shell runs it; `item` is its word for the item of a sweep."""
    index = f' --index={item}' if self.num_items else ''
    return f'{python} -m {shlex.join(self.words)}{index}'

  def collecting(self, python: str) -> str:
    """The command that writes the table of a sweep."""
    return f'{python} -m {shlex.join(self.words)} --collect'


def make(name: str, words: Sequence[str], several: bool = True) -> Job:
  """The job of a command line `BINARY --config=… --workdir=…`, checked.

  several: whether several processes share a run; they find each other by
  themselves.
  """
  if not re.fullmatch(r'[a-z]([a-z0-9-]{0,48}[a-z0-9])?', name):
    raise ValueError(f'--name={name}: small letters, digits and hyphens, at '
                     f'most 50, beginning with a letter')
  if not words:
    raise ValueError('no command: end the line with `-- train_embedder '
                     '--config=… --workdir=…`')
  given = {word.partition('=')[0]: word.partition('=')[2]
           for word in words if word.startswith('--')}
  for flag in ('--config', '--workdir'):
    if not given.get(flag):
      raise ValueError(f'{shlex.join(words)}: {flag}=… is missing')
  config = config_file.load(given['--config'])
  config_file.check_override_names(config, words)
  if '://' in given['--workdir']:
    raise ValueError(f'--workdir={given["--workdir"]}: no local folder; name '
                     f'one that all hosts share')
  num_items = (_num_items(given['--config'], config)
               if words[0] == SWEEP else 0)
  knows = 'distributed' in config
  if several and not knows:
    raise ValueError(f'--config={given["--config"]}: has no entry distributed, '
                     f'so its run is one process; ask for one')
  extra = (_COORDINATOR,) if several else ()
  return Job(name, (f'experiments.{words[0]}', *words[1:], *extra),
             given['--workdir'], num_items)


def _num_items(spec: str, config: config_dict.ConfigDict) -> int:
  path = config_file.with_paths([f'--config={spec}'])[0].partition('=')[2]
  return len(sweep_items.load(path, config, {}, pathlib.Path('.'))[1])


def dealt(num_items: int, num_slices: int) -> list[list[int]]:
  """Items to slices in turn."""
  return [list(range(one, num_items, num_slices)) for one in range(num_slices)]
