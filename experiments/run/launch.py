"""The one launcher: owns every flag, refuses bad input before any work.

A binary is `launch.run(main, flags=(...))`; `main` receives a `Run`. Bad input
prints one `error:` line and exits with code 2; a refusal raised by the work
itself (ValueError, OSError) prints one line and exits with code 1.
"""

from collections.abc import Callable, Sequence
import dataclasses
import pathlib
import sys
from typing import Any

from absl import app, flags, logging
from experiments.run import config_file, run_record
from ml_collections import config_dict, config_flags

EXIT_REFUSED = 1
EXIT_USAGE = 2

# Every flag of every binary: how it is defined, and its help text.
_FLAGS: dict[str, tuple[Callable[..., Any], Any, str]] = {
    'workdir': (flags.DEFINE_string, None, 'Folder for what this run writes.'),
    'predictions': (flags.DEFINE_string, None,
                    'CSV of answers: columns id, lat, lng.'),
    'truth': (flags.DEFINE_string, None,
              'CSV of true places: id, lat, lng, optionally author, sequence '
              'and the unique_* columns of OSV-5M.'),
    'out': (flags.DEFINE_string, None, 'File or folder to write.'),
    'features': (flags.DEFINE_string, None,
                 'Array of features [n, d]: .npy, or .npz with one array; for '
                 'crossval, feature stores between commas.'),
    'folds': (flags.DEFINE_integer, 5, 'Parts that take turns as the test.'),
    'seed': (flags.DEFINE_integer, 0, 'Seed of all that is random.'),
    'metadata': (flags.DEFINE_string, None,
                 'CSV with a row for each feature: id, lat, lng, optionally '
                 'author, sequence.'),
    'source': (flags.DEFINE_string, None, 'photo or street.'),
    'backbone_name': (flags.DEFINE_string, 'imported',
                      'Name of the model that made the features.'),
    'weights': (flags.DEFINE_string, 'unknown',
                'Any text that names the weights that made the features: '
                'stores are used together only if it is the same. unknown: '
                'stores of the same --backbone_name are.'),
    'preprocess': (flags.DEFINE_string, 'unknown',
                   'How photos became the input of the model that made the '
                   'features, as text.'),
    'path': (flags.DEFINE_string, None,
             'Feature store or gallery to verify.'),
    'table': (flags.DEFINE_string, 'predictions',
              'Name of the table, written into each row of the results.'),
    'system': (flags.DEFINE_string, 'unknown',
               'Name of the system that made the predictions.'),
    'query_source': (flags.DEFINE_string, 'photo', 'photo or street.'),
    'num_resamples': (flags.DEFINE_integer, 1000,
                      'Bootstrap resamples for the intervals; 0 for none.'),
    'swapped': (flags.DEFINE_string, 'refuse',
                'Where LAT and LON headers are swapped: refuse or fix.'),
    'allow_config_change': (
        flags.DEFINE_string, '',
        'Names of config entries, separated by commas, that may differ from '
        'those the run in --workdir began with.'),
    'index': (flags.DEFINE_integer, None, 'Item of the sweep to run.'),
    'run_all': (flags.DEFINE_boolean, False,
                'Run every item that is not done, one after the other.'),
    'collect': (flags.DEFINE_boolean, False,
                'Write one table of all items and their figures.'),
    'add': (flags.DEFINE_string, None,
            'Feature stores, separated by commas, whose rows join the gallery '
            'in --workdir; needs --model.'),
    'remove_ids': (flags.DEFINE_string, None,
                   'File of ids, one per line, - for stdin: their rows are '
                   'deleted.'),
    'compact': (flags.DEFINE_boolean, False,
                'Make one segment of all rows that are not deleted.'),
    'verify': (flags.DEFINE_boolean, False,
               'Read every byte of the gallery in --workdir.'),
    'model': (flags.DEFINE_string, None,
              'Model directory of the embedder that built the gallery.'),
    'replace': (flags.DEFINE_boolean, False,
                'Build although --workdir holds a gallery: the new one takes '
                'its place.'),
    'duplicates': (flags.DEFINE_string, 'refuse',
                   'Where --add meets ids that are there: refuse, or first: '
                   'those rows are left out and counted.'),
    'allow_unknown_ids': (flags.DEFINE_boolean, False,
                          'Delete what is there though some ids are not.'),
    'gallery': (flags.DEFINE_string, None, 'Gallery directory.'),
    'recall': (flags.DEFINE_float, 0.95,
               'Share of the exact answers that must be found.'),
    'k': (flags.DEFINE_integer, 100, 'Answers of each query.'),
    'queries': (flags.DEFINE_string, None,
                'Feature store of photos that are not in the gallery.'),
    'num_queries': (flags.DEFINE_integer, 1000, 'Queries to measure with.'),
    'again': (flags.DEFINE_boolean, False, 'Run an item that is done too.'),
    'runs': (flags.DEFINE_string, None,
             'Folders of finished demos, separated by commas.'),
}


@dataclasses.dataclass(frozen=True)
class Run:
  """What a binary works on: its config, its flags and its folder."""

  config: config_dict.ConfigDict | None
  flags: dict[str, Any]
  workdir: pathlib.Path | None


def run(
    main: Callable[[Run], None],
    flag_names: Sequence[str] = (),
    required: Sequence[str] = (),
    use_config: bool = True,
    record: bool = True,
    argv: Sequence[str] | None = None,
    instead_of_config: Sequence[str] = (),
) -> None:
  """Parses, checks, writes the run record and calls `main`.

  record: False for a main that writes it itself, once the workdir is its own.
  instead_of_config: flags any of which makes --config needless.
  """
  names = tuple(flag_names) + (('workdir',) if use_config else ())
  needed = tuple(required) + (('config', 'workdir') if use_config else ())
  for name in names:
    define, default, text = _FLAGS[name]
    define(name, default, text)
  config_flag = config_flags.DEFINE_config_file(
      'config', None, 'Config file, FILE.py or FILE.py:arg=value.',
      lock_config=True) if use_config else None
  for name in (*names, *(('config',) if use_config else ())):
    # --help lists the flags of the main module: these are its own.
    flags.FLAGS.register_key_flag_for_module(sys.argv[0], flags.FLAGS[name])

  def wrapped(argv: Sequence[str]) -> None:
    del argv  # Checked empty by _parse.
    config = config_flag.value if use_config else None
    workdir = pathlib.Path(flags.FLAGS.workdir) if 'workdir' in names else None
    if workdir is not None and record:
      run_record.write(workdir, config)
    values = {name: flags.FLAGS[name].value for name in names}
    try:
      main(Run(config, values, workdir))
    except (ValueError, OSError) as error:
      logging.debug('refused', exc_info=True)
      _exit(error, EXIT_REFUSED)

  logging.set_verbosity(logging.WARNING)
  logging.use_absl_handler()
  app.run(wrapped, argv=argv,
          flags_parser=lambda words: _parse(words, needed, config_flag,
                                            instead_of_config))


def _parse(argv: Sequence[str], needed: Sequence[str], config_flag: Any,
           instead_of_config: Sequence[str]) -> list[str]:
  """Flag parsing in which every refusal is one line and exit code 2."""
  try:
    if config_flag is not None:
      _check_config_words(argv)
    rest = _parsed(argv)
    _check_no_stray(rest[1:])
    spared = any(flags.FLAGS[name].value for name in instead_of_config)
    for name in needed:
      if flags.FLAGS[name].value is None and not (name == 'config' and spared):
        raise ValueError(f'--{name} is required; see --help')
    if config_flag is not None and config_flag.value is not None:
      config_file.check_numbers(config_flag.value)
    return rest
  except (flags.Error, ValueError, TypeError, KeyError, AttributeError,
          SyntaxError) as error:
    _exit(error, EXIT_USAGE)


def _parsed(argv: Sequence[str]) -> list[str]:
  try:
    return flags.FLAGS(list(argv))
  except SystemExit:  # absl has shown the help, and calls that a failure.
    sys.exit(0)


def _check_config_words(argv: Sequence[str]) -> None:
  specs = [word.partition('=')[2] for word in argv[1:]
           if word.lstrip('-').startswith('config=')]
  if specs:
    config_file.check_override_names(config_file.load(specs[-1]), argv[1:])


def _check_no_stray(words: Sequence[str]) -> None:
  if words:
    name = words[0].partition('=')[0]
    hint = f'; did you mean --{words[0]}?' if '=' in words[0] else ''
    raise ValueError(f'stray argument {name!r}: every argument is a --flag'
                     f'{hint}')


def _exit(error: Exception, code: int) -> None:
  text = ' '.join(str(error).split())
  if len(text) > 2000:
    text = text[:2000] + ' …'
  print(f'error: {text}', file=sys.stderr)
  sys.exit(code)
