"""Loading and checking of config files, before any work is done."""

from collections.abc import Sequence
import difflib
import importlib.util
import math
import pathlib
from typing import Any

from ml_collections import config_dict


def load(spec: str) -> config_dict.ConfigDict:
  """The config of `FILE.py` or `FILE.py:arg=value,flag`."""
  path, _, arg = spec.partition(':')
  if not pathlib.Path(path).is_file():
    raise ValueError(f'--config={path}: no such file; the published ones are '
                     f'in experiments/configs/')
  module_spec = importlib.util.spec_from_file_location('config_module', path)
  module = importlib.util.module_from_spec(module_spec)
  module_spec.loader.exec_module(module)
  if not hasattr(module, 'get_config'):
    raise ValueError(f'--config={path}: the file defines no get_config(arg)')
  return module.get_config(arg or None)


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


def check_numbers(config: config_dict.ConfigDict) -> None:
  """Refuses NaN and infinite numbers, which flag parsing lets through."""
  for key, value in flatten(config).items():
    items = value if isinstance(value, tuple | list) else (value,)
    for item in items:
      if isinstance(item, float) and not math.isfinite(item):
        raise ValueError(f'--config.{key}={value}: must be a finite number')
