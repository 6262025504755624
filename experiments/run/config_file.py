"""Loading and checking of config files, before any work is done."""

import ast
from collections.abc import Sequence
import difflib
import importlib.util
import math
import pathlib
from typing import Any

from experiments import configs
from ml_collections import config_dict

PUBLISHED = pathlib.Path(configs.__file__).parent
_NO_CONFIGS = ('__init__', 'common')
# Entries of which none, or less than none, makes no run.
_AT_LEAST_ONE = frozenset((
    'accumulate', 'batch_size', 'dim', 'expansion', 'hidden', 'log_every',
    'max_rows', 'mlp_dim', 'num_features', 'num_heads', 'num_waves', 'patch',
    'shard_rows', 'width'))
_MAX_SEED = 2**32 - 1


def published() -> list[str]:
  """Names of the configs that come with the package."""
  return sorted(path.stem for path in PUBLISHED.glob('*.py')
                if path.stem not in _NO_CONFIGS)


def path_of(spec: str) -> pathlib.Path:
  """The file of `NAME`, `NAME:arg=value` or `FILE.py:arg=value`."""
  name = spec.partition(':')[0]
  return (PUBLISHED / f'{name}.py' if name in published()
          else pathlib.Path(name))


def with_paths(words: Sequence[str]) -> list[str]:
  """A command line in which --config=NAME is the path of that config.

  What follows two dashes is another's command line.
  """
  result: list[str] = []
  for number, word in enumerate(words):
    if word == '--':
      return [*result, *words[number:]]
    if result and result[-1] in ('--config', '-config'):
      word = f'{result.pop()}={word}'
    flag, _, spec = word.partition('=')
    if flag in ('--config', '-config') and spec:
      arg = spec.partition(':')[2]
      word = f'{flag}={path_of(spec)}' + (f':{arg}' if arg else '')
    result.append(word)
  return result


def load(spec: str) -> config_dict.ConfigDict:
  """The config of `NAME` or `FILE.py`, or of either with `:arg=value,flag`."""
  path, arg = path_of(spec), spec.partition(':')[2]
  if not path.is_file():
    raise ValueError(f'--config={path}: no such file, and none of the '
                     f'published configs: {", ".join(published())}')
  module_spec = importlib.util.spec_from_file_location('config_module', path)
  if module_spec is None:
    raise ValueError(f'--config={path}: is no Python file')
  module = importlib.util.module_from_spec(module_spec)
  try:
    module_spec.loader.exec_module(module)
    if not hasattr(module, 'get_config'):
      raise ValueError('the file defines no get_config(arg)')
    return module.get_config(arg or None)
  except Exception as error:  # Somebody's own code.
    name = '' if isinstance(error, ValueError) else f'{type(error).__name__}: '
    raise ValueError(f'--config={spec}: {name}{error}') from error


def flatten(config: config_dict.ConfigDict, prefix: str = '') -> dict[str, Any]:
  """Every leaf under its dotted name."""
  leaves = {}
  for name, value in config.items():
    if isinstance(value, config_dict.ConfigDict):
      leaves |= flatten(value, f'{prefix}{name}.')
    else:
      leaves[prefix + name] = value
  return leaves


def as_text(config: config_dict.ConfigDict) -> str:
  """Sorted `key = value` lines: what tests/golden freezes."""
  leaves = flatten(config)
  return ''.join(f'{key} = {leaves[key]!r}\n' for key in sorted(leaves))


def from_text(text: str, like: config_dict.ConfigDict,
              where: str) -> config_dict.ConfigDict:
  """The config whose `as_text` that is; `like` has the same entries."""
  config = like.copy_and_resolve_references()
  known = flatten(config)
  for line in text.splitlines():
    name, _, value = line.partition(' = ')
    if name not in known:
      raise ValueError(f'{where}: {name!r} is no entry of this version\'s '
                       f'config: run it again')
    try:
      config.update_from_flattened_dict({name: ast.literal_eval(value)})
    except (SyntaxError, TypeError, ValueError) as error:
      raise ValueError(f'{where}: {name} = {value} cannot be read: run it '
                       f'again') from error
  return config


def check_override_names(
    config: config_dict.ConfigDict, argv: Sequence[str]) -> None:
  """Refuses `--config.key=value` for a key that the config lacks."""
  known = flatten(config)
  for argument in argv:
    name = argument.lstrip('-').partition('=')[0]
    if not argument.startswith('-') or not name.startswith('config.'):
      continue
    key = name.removeprefix('config.')
    if key not in known and not isinstance(_get(config, key), tuple):
      close = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
      nearest = f'did you mean --config.{close[0]}?' if close else ''
      raise ValueError(f'{argument}: this config has no key {key!r}; {nearest}')


def _get(config: config_dict.ConfigDict, key: str) -> Any:
  for part in key.split('.'):
    if not isinstance(config, config_dict.ConfigDict) or part not in config:
      return None
    config = config[part]
  return config


def check_numbers(config: config_dict.ConfigDict,
                  base: config_dict.ConfigDict | None = None) -> None:
  """Refuses numbers that flag parsing lets through and no run can use.

  base: the config before its overrides, whose signs tell what is possible.
  """
  usual = {} if base is None else flatten(base)
  for key, value in flatten(config).items():
    for item in value if isinstance(value, tuple | list) else (value,):
      if isinstance(item, bool) or not isinstance(item, int | float):
        continue
      if problem := _problem(key, item, usual.get(key)):
        raise ValueError(f'--config.{key}={str(value)[:80]}: {problem}')


def _problem(key: str, value: int | float, usual: Any) -> str:
  """What is wrong with a number, '' if nothing is."""
  name = key.split('.')[-1]
  if isinstance(value, float) and not math.isfinite(value):
    return 'must be a finite number'
  if isinstance(value, int) and abs(value) >= 2**63:
    return 'must fit into 64 bits'
  if name.split('_')[-1] == 'seed' and not 0 <= value <= _MAX_SEED:
    return f'must be from 0 to {_MAX_SEED:,}'
  if name in _AT_LEAST_ONE and value < 1 and usual != 0:
    return 'must be at least 1'
  if isinstance(usual, int | float) and usual >= 0 > value:
    return 'must not be negative'
  return ''
