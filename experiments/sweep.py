r"""Lists, runs and collects the sweep that a config file defines.

  python -m experiments.sweep --config=NAME[:args] --workdir=W [WHAT]

WHAT  nothing     list the items: index, state, name, overrides
      --index=I   run item I; --again also where it is done
      --run_all   run all that are not done, one after the other
      --collect   write W/table.json, table.csv and table.md; sorted by a
                  figure with --sort=NAME, the largest first

Item I runs `python -m experiments.BINARY` in W/00I_NAME; signals and the exit
code are passed through. An item is done when that folder contains figures.json
of exactly this config. A stopped item resumes when it is run again. Every
further --config.key=value applies to all items. Supervision (restarts, one
process per item) is the scheduler's; the binaries lock their folders.

Exit codes: with --index those of the binary, 128 + n when signal n ended it;
with --run_all 1 when an item failed; 1 or 2 when refused, with one line.
"""

import shlex
import signal
import socket
import subprocess
import sys
from typing import Any

from absl import flags
from experiments.run import launch
from experiments.sweeps import items as sweep_items
from experiments.sweeps import states, table
from ml_collections import config_flags
from pinpoint_jax.disk import files

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1,
              signal.SIGUSR2)


FLAGS = (
    launch.Flag('index', None, 'Item of the sweep to run.', int),
    launch.Flag('run_all', False, 'Run every item that is not done, one after '
                'the other.'),
    launch.Flag('collect', False, 'Write one table of all items and their '
                'figures.'),
    launch.Flag('sort', '', 'Figure that --collect sorts by, the largest '
                'first; -NAME: the smallest first.'),
    launch.Flag('again', False, 'Run an item that is done too.'),
)


def main(run: launch.Run) -> None:
  """Checks every item, then lists, runs or collects them."""
  actions = [name for name in ('index', 'run_all', 'collect')
             if run.flags[name] is not None and run.flags[name] is not False]
  if len(actions) > 1:
    raise ValueError(f'--{actions[0]} and --{actions[1]}: use only one')
  if run.flags['again'] and actions not in (['index'], ['run_all']):
    raise ValueError('--again: needs --index=I or --run_all')
  if run.flags['sort'] and not run.flags['collect']:
    raise ValueError(f'--sort={run.flags["sort"]}: needs --collect')
  flag = flags.FLAGS['config']
  extra = config_flags.get_override_values(flag)
  spec = config_flags.get_config_filename(flag)
  binary, items = sweep_items.load(spec, run.config, extra, run.workdir)
  runner = _Runner(binary, spec, extra, run.flags['again'])
  if run.flags['index'] is not None:
    sys.exit(runner.run(_at(items, run.flags['index'])))
  if run.flags['run_all']:
    sys.exit(runner.run_all(items))
  print(table.collect(items, run.workdir, run.flags['sort'])
        if run.flags['collect']
        else table.listing(items, binary))


def _at(items: list[sweep_items.Item], index: int) -> sweep_items.Item:
  if not 0 <= index < len(items):
    raise ValueError(f'--index={index}: the sweep has {len(items)} items, 0 to '
                     f'{len(items) - 1}')
  return items[index]


class _Runner:
  """Runs items in subprocesses and forwards every signal to them."""

  def __init__(self, binary: str, spec: str, extra: dict[str, Any],
               again: bool):
    self._command = [sys.executable, '-m', binary, f'--config={spec}']
    self._extra = extra
    self._again = again
    self._child = None
    self._signals = []
    for number in _PASSED_ON:
      signal.signal(number, self._pass_on)

  def run(self, item: sweep_items.Item) -> int:
    """Runs one item unless it is done; the exit code of the binary."""
    states.check_unchanged(item)
    if states.state(item) == 'done':
      if not self._again:
        print(f'item {item.index} is done; --again runs it again', flush=True)
        return 0
      # A table must not show the old figures while the item runs again.
      (item.folder / states.FIGURES).unlink()
    code = self._run(item)
    if code == 0 and states.state(item) != 'done':
      print(f'note: item {item.index} exited with 0 but wrote no '
            f'{item.folder / states.FIGURES} of its config', flush=True)
    return code

  def run_all(self, items: list[sweep_items.Item]) -> int:
    """Runs what is not done in turn; 1 if any failed, 128 + n on signal n."""
    for item in items:
      states.check_unchanged(item)
    failed = []
    for item in items:
      if self.run(item):
        failed.append(item.index)
      if self._signals:
        return 128 + self._signals[0]
    if failed:
      print(f'error: failed items: {", ".join(map(str, failed))}; the same '
            f'command runs them again', file=sys.stderr)
    return int(bool(failed))

  def _run(self, item: sweep_items.Item) -> int:
    """Runs the binary in a group of its own: no signal reaches it twice."""
    values = {**item.overrides, **self._extra}
    command = [*self._command, f'--workdir={item.folder}',
               *(f'--config.{key}={value}' for key, value in values.items())]
    print(f'item {item.index}: {shlex.join(command[1:])}', flush=True)
    item.folder.mkdir(parents=True, exist_ok=True)
    record = item.folder / states.ATTEMPT
    record.unlink(missing_ok=True)
    self._child = subprocess.Popen(command, process_group=0)
    for number in self._signals:
      self._child.send_signal(number)
    code = self._child.wait()
    code = code if code >= 0 else 128 - code
    files.write_json(record, {'host': socket.gethostname(), 'exit_code': code})
    return code

  def _pass_on(self, number: int, frame: Any) -> None:
    del frame  # Part of the signature.
    self._signals.append(number)
    if self._child is not None:
      self._child.send_signal(number)


if __name__ == '__main__':
  launch.run(main, FLAGS)
