"""The one launcher: reads the command line, refuses bad input before any work.

A binary is `launch.run(main, FLAGS, WAYS)`; `main` receives a `Run`. --config
and --workdir are defined here, every other flag beside its main. Bad input
prints one `error:` line and exits with code 2; a refusal raised by the work
itself prints one line and exits with code 1; SIGTERM exits with 143 and Ctrl-C
with 130. No traceback reaches a user: --verbosity=1 shows it, and that of an
error nobody foresaw is kept in a file.
"""

from collections.abc import Callable, Sequence
import dataclasses
import gc
import os
import pathlib
import re
import signal
import sys
import tempfile
import threading
import traceback
from types import FrameType
from typing import Any

from absl import app, flags, logging
from experiments.run import (
  compile_cache,
  config_file,
  config_help,
  run_record,
)
from ml_collections import config_dict, config_flags


def check_writable(flag: str, path: pathlib.Path) -> None:
  """Refuses what is no local folder, or none that can be written."""
  text = f'--{flag}={path}'
  # pathlib makes one slash of two.
  if scheme := re.match(r'([a-z][a-z0-9+.-]*):/(.*)', str(path)):
    raise ValueError(f'--{flag}={scheme[1]}://{scheme[2]}: {scheme[1]}:// is '
                     f'no local folder; write to a disk, or to a bucket '
                     f'mounted as a folder')
  there = _nearest(text, path)
  if there == path and flag == 'out':
    return  # It is replaced, or refused by the binary itself.
  if not there.is_dir():
    raise ValueError(f'{text}: {there} is a file, not a folder')
  if not os.access(there, os.W_OK | os.X_OK):
    raise ValueError(f'{text}: {there} cannot be written to')


def _nearest(text: str, path: pathlib.Path) -> pathlib.Path:
  """The path, or the nearest of its parents that is there."""
  while True:
    try:
      path.lstat()
      return path
    except (FileNotFoundError, NotADirectoryError):
      path = path.parent
    except (OSError, ValueError) as error:  # Too long; with a NUL.
      reason = getattr(error, 'strerror', None) or error
      raise ValueError(f'{text!r}: {reason}') from error


SIGNALS = (signal.SIGTERM, signal.SIGINT)
_AGAIN_SECONDS = 0.05


def exit_on_signals(advice: str = '') -> None:
  """From now on a signal ends the process, cleaning up on the way out.

  advice: what to do next, for the line that is printed.
  """
  def stop(number: int, frame: FrameType | None) -> None:
    if _is_unheard(frame):
      threading.Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), number)).start()
      return
    # Raised in the main thread: what is half written is removed.
    print(f'stopped by {signal.Signals(number).name}{advice}',
          file=sys.stderr, flush=True)
    sys.exit(128 + number)
  for number in SIGNALS:
    signal.signal(number, stop)


def _is_unheard(frame: FrameType | None) -> bool:
  """Whether Python would ignore what is raised there: jax collects garbage by
  a callback, whose errors are printed and forgotten."""
  ignoring = {getattr(callback, '__code__', None) for callback in gc.callbacks}
  while frame is not None:
    if frame.f_code in ignoring:
      return True
    frame = frame.f_back
  return False


class Request:
  """Whether a signal has asked to stop; a second Ctrl-C stops at once."""

  def __init__(self):
    self.exit_code = 128 + signal.SIGTERM
    self._received = False
    for number in SIGNALS:
      signal.signal(number, self._receive)

  def __call__(self) -> bool:
    return self._received

  def _receive(self, number: int, _: FrameType | None) -> None:
    self._received, self.exit_code = True, 128 + number
    if number == signal.SIGINT:
      signal.signal(signal.SIGINT, signal.SIG_DFL)
      print('stopping and saving; Ctrl-C again stops at once',
            file=sys.stderr, flush=True)


EXIT_REFUSED = 1
EXIT_USAGE = 2
# Sets of flags; a command line has to give all flags of one of them.
Ways = Sequence[Sequence[str]]
CONFIG_WAY = (('config', 'workdir'),)
_HELP_WORDS = ('--help', '-help', '-h', '-?', '--helpshort', '--helpfull')
_DEFINE = {str: flags.DEFINE_string, int: flags.DEFINE_integer,
           float: flags.DEFINE_float, bool: flags.DEFINE_boolean}
# Packages that an extra brings, by the name that is imported.
_EXTRAS = {'tensorflow_datasets': 'data', 'array_record': 'data',
           'pyarrow': 'data',
           'scann': 'index', 'faiss': 'faiss', 'pillow_heif': 'heic',
           'cv2': 'fast', 'tensorboardX': 'tensorboard',
           'qdrant_client': 'qdrant'}


@dataclasses.dataclass(frozen=True)
class Flag:
  """One flag of a binary; `kind` is its type where the default is None."""

  name: str
  default: Any
  text: str
  kind: type = str

  def define(self) -> None:
    """Makes the flag known to absl."""
    kind = self.kind if self.default is None else type(self.default)
    _DEFINE[kind](self.name, self.default, self.text)


_CONFIG = Flag('config', None, 'A published config, NAME or NAME:arg=value, or '
               'a file FILE.py; --config.KEY=VALUE overrides an entry.')
_WORKDIR = Flag('workdir', None, 'Folder for what this run writes.')


@dataclasses.dataclass(frozen=True)
class Run:
  """What a binary works on: its config, its flags, its folder, its words."""

  config: config_dict.ConfigDict | None
  flags: dict[str, Any]
  workdir: pathlib.Path | None
  words: tuple[str, ...] = ()


def run(main: Callable[[Run], None], own_flags: Sequence[Flag] = (),
        ways: Ways = CONFIG_WAY, record: bool = True,
        takes_words: bool = False) -> None:
  """Parses, checks, writes the run record and calls `main`.

  record: False for a main that writes it itself, once the workdir is its own.
  takes_words: whether arguments that are no flags are its `Run.words`.
  """
  named = {name for way in ways for name in way}
  all_flags = (*(flag for flag in (_CONFIG, _WORKDIR) if flag.name in named),
               *own_flags)
  sys.argv[1:] = config_file.with_paths(sys.argv[1:])
  if set(_HELP_WORDS) & set(sys.argv[1:]):
    _show(_help(main, all_flags))
    sys.exit(0)
  for flag in all_flags:
    if flag is not _CONFIG:
      flag.define()
  config_flag = config_flags.DEFINE_config_file(
      'config', None, _CONFIG.text,
      lock_config=True) if _CONFIG in all_flags else None

  def wrapped(argv: Sequence[str]) -> None:
    values = {flag.name: flags.FLAGS[flag.name].value for flag in all_flags}
    config, workdir = values.pop('config', None), values.pop('workdir', None)
    _guarded(main, Run(config, values, pathlib.Path(workdir) if workdir
                       else None, tuple(argv[1:])), record)

  logging.set_verbosity(logging.WARNING)
  logging.use_absl_handler()
  exit_on_signals()
  app.run(wrapped,
          flags_parser=lambda words: _parse(words, ways, config_flag,
                                            takes_words))


def _guarded(main: Callable[[Run], None], run: Run, record: bool) -> None:
  """Calls main; whatever it raises becomes one line."""
  try:
    if run.workdir is not None:
      check_writable('workdir', run.workdir)
    for name in filter(None, (run.flags.get('out') or '').split(',')):
      check_writable('out', pathlib.Path(name))
    if run.workdir is not None and record:
      run_record.write(run.workdir, run.config)
    compile_cache.begin()
    main(run)
  except (ValueError, OSError) as error:
    logging.debug('refused', exc_info=True)
    _exit(error, EXIT_REFUSED)
  except ImportError as error:
    name = error.name or getattr(error.__cause__, 'name', None) or ''
    missing = name.partition('.')[0]
    if missing not in _EXTRAS:
      _exit(_unforeseen(error, run.workdir), EXIT_REFUSED)
    _exit(f'this needs {missing}: pip install '
          f'"pinpoint_jax[{_EXTRAS[missing]}]"', EXIT_REFUSED)
  except Exception as error:
    if 'RESOURCE_EXHAUSTED' in str(error):
      _exit(f'out of memory, a smaller batch needs less: {str(error)[:300]}',
            EXIT_REFUSED)
    _exit(_unforeseen(error, run.workdir), EXIT_REFUSED)


def _unforeseen(error: Exception, workdir: pathlib.Path | None) -> str:
  """The line for an error that nobody foresaw; its traceback goes to a file."""
  logging.debug('unforeseen', exc_info=True)
  text = ''.join(traceback.format_exception(error))
  line = f'unforeseen {type(error).__name__}: {str(error)[:500]}'
  for folder in (workdir, pathlib.Path(tempfile.gettempdir())):
    if folder is not None and folder.is_dir():
      try:
        path = folder / 'traceback.txt'
        path.write_text(text, encoding='utf-8')
        return f'{line}; the traceback is in {path}'
      except OSError:
        continue
  return f'{line}; --verbosity=1 shows the traceback'


def _parse(argv: Sequence[str], ways: Ways, config_flag: Any,
           takes_words: bool) -> list[str]:
  """Flag parsing in which every refusal is one line and exit code 2."""
  try:
    base = _check_config_words(argv) if config_flag is not None else None
    rest = flags.FLAGS(list(argv))
    if not takes_words:
      _check_no_stray(rest[1:])
    _check_complete(ways)
    if base is not None:
      config_file.check_numbers(config_flag.value, base)
    return rest
  except (flags.Error, ValueError, TypeError, KeyError, AttributeError,
          SyntaxError, OverflowError) as error:
    _exit(error, EXIT_USAGE)


def _check_complete(ways: Ways) -> None:
  """Refuses a command line that gives no way's flags, naming one it lacks."""
  def is_set(name: str) -> bool:
    return flags.FLAGS[name].value not in (None, False, '')
  if len(ways) > 1 and not any(is_set(name) for way in ways for name in way):
    listed = '; or '.join(', '.join(f'--{name}' for name in way)
                          for way in ways)
    raise ValueError(f'required are {listed}; see --help')
  # The first of the ways that most of what is given belongs to.
  way = max(ways, key=lambda way: (all(map(is_set, way)),
                                   sum(map(is_set, way))))
  missing = [name for name in way if not is_set(name)]
  if missing:
    raise ValueError(f'--{missing[0]} is required; see --help')


def _check_config_words(
    argv: Sequence[str]) -> config_dict.ConfigDict | None:
  """The config before its overrides, whose names are checked."""
  specs = [word.partition('=')[2] for word in argv[1:]
           if word.lstrip('-').startswith('config=')]
  if not specs:
    return None
  base = config_file.load(specs[-1])
  config_file.check_override_names(base, argv[1:])
  return base


def _check_no_stray(words: Sequence[str]) -> None:
  if words:
    name = words[0].partition('=')[0]
    hint = f'; did you mean --{words[0]}?' if '=' in words[0] else ''
    raise ValueError(f'stray argument {name!r}: every argument is a --flag'
                     f'{hint}')


def _help(main: Callable[[Run], None], all_flags: Sequence[Flag]) -> str:
  """The page of the binary, its flags, and its config's entries."""
  module = sys.modules[main.__module__]
  lines = [(module.__doc__ or '').strip(), '', 'Flags:']
  for flag in all_flags:
    default = '' if flag.default is None else f'={flag.default}'
    lines += [f'  --{flag.name}{default}', *config_help.wrapped(flag.text, 6)]
  if _CONFIG in all_flags:
    specs = [word.partition('=')[2] for word in sys.argv[1:]
             if word.lstrip('-').startswith('config=')]
    spec = specs[-1] if specs else pathlib.Path(module.__file__).stem
    lines += config_help.lines(spec)
  return '\n'.join(lines)


def _show(text: str) -> None:
  try:
    print(text, flush=True)
  except BrokenPipeError:  # Somebody read the head of it.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _exit(error: Exception | str, code: int) -> None:
  text = ' '.join(str(error).split())
  if len(text) > 2000:
    text = text[:2000] + ' …'
  print(f'error: {text}', file=sys.stderr, flush=True)
  sys.exit(code)
