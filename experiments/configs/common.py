"""What every config file shares: typed `:arg=value` arguments."""

from collections.abc import Sequence
import difflib
from typing import Any

from ml_collections import config_dict

_BOOLS = {'true': True, '1': True, 'false': False, '0': False}


def parse_arg(arg: str | None, **defaults: Any) -> config_dict.ConfigDict:
  """Arguments after the colon of --config=FILE:a=1,b, typed as `defaults`.

  A bare name sets a boolean: `demo.py:quick` is `demo.py:quick=true`.
  """
  values = dict(defaults)
  for item in filter(None, (arg or '').split(',')):
    name, _, text = item.partition('=')
    if name not in defaults:
      close = difflib.get_close_matches(name, defaults, n=1, cutoff=0.0)
      raise ValueError(
          f'config argument {name!r} is unknown; nearest is {close[0]!r}, '
          f'choices are {sorted(defaults)}' if defaults else
          f'config argument {name!r}: this config takes none')
    values[name] = _cast(name, text, defaults[name], bare='=' not in item)
  return config_dict.ConfigDict(values)


def adamw(warmup: float, no_decay: Sequence[str]) -> config_dict.ConfigDict:
  """The optimiser of every training; names that no weight decay reaches."""
  return config_dict.ConfigDict({
      'name': 'adamw',
      'learning_rate': 1e-3,
      'warmup': warmup,
      'final_rate': 0.0,
      'b1': 0.9,
      'b2': 0.95,
      'weight_decay': 0.05,
      'no_decay': tuple(no_decay),
      'frozen': (),
      'clip': 1.0,
  })


def train(num_steps: int) -> config_dict.ConfigDict:
  """How long a training is, and how often it reports and saves."""
  return config_dict.ConfigDict({
      'num_steps': num_steps,
      'log_every': 50,
      'save_every': 1000,
      'save_minutes': 10.0,
      'best': '',
  })


def distributed() -> config_dict.ConfigDict:
  """Several processes as one run: one alone, unless a command line says so."""
  return config_dict.ConfigDict(
      {'coordinator': '', 'num_processes': 1, 'process_id': 0})


def _cast(name: str, text: str, default: Any, bare: bool) -> Any:
  if isinstance(default, bool):
    if bare:
      return True
    if text.lower() in _BOOLS:
      return _BOOLS[text.lower()]
  else:
    try:
      return type(default)(text)
    except ValueError:
      pass
  raise ValueError(f'config argument {name}={text!r} is not of type '
                   f'{type(default).__name__} (default {default!r})')
