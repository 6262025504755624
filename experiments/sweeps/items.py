"""The items of a config file's sweep, all checked against its config."""

from collections.abc import Mapping
import copy
import dataclasses
import difflib
import importlib.util
import inspect
import pathlib
import pkgutil
from typing import Any

import experiments
from experiments.run import config_file, run_record
from experiments.sweeps import overrides as sweeps
from ml_collections import config_dict

# What ml_collections can read from a command line.
_TYPES = (bool, int, float, str, tuple)


@dataclasses.dataclass(frozen=True)
class Item:
  """One item: its overrides, and the config and folder that follow."""

  index: int
  overrides: sweeps.Item
  config: config_dict.ConfigDict
  folder: pathlib.Path

  @property
  def config_hash(self) -> str:
    """The hash that run.json of this item records."""
    return run_record.config_hash(self.config)


def load(spec: str, config: config_dict.ConfigDict,
         extra: Mapping[str, Any], workdir: pathlib.Path
         ) -> tuple[str, list[Item]]:
  """The module to run and every item, all checked against the config.

  `config` has `extra`, the overrides of the command line, in it already.
  """
  path, _, arg = spec.partition(':')
  module = _module(path)
  try:
    listed = _listed(module, arg or None)
    sweeps.check(listed)
    items = [_item(index, overrides, config, extra, workdir)
             for index, overrides in enumerate(listed)]
    _check_distinct(items)
    return _binary(getattr(module, 'BINARY', None)), items
  except ValueError as error:
    raise ValueError(f'--config={path}: {error}') from error


def strays(items: list[Item]) -> list[str]:
  """Folders of items that the sweep no longer has."""
  folders = items[0].folder.parent.glob('[0-9][0-9][0-9]*_*')
  known = {item.folder for item in items}
  return sorted(path.name for path in folders
                if path.is_dir() and path not in known)


def _module(path: str) -> Any:
  spec = importlib.util.spec_from_file_location('config_module', path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def _listed(module: Any, arg: str | None) -> Any:
  if not callable(getattr(module, 'sweep', None)):
    raise ValueError('the file defines no sweep(); add one that returns a '
                     'list of overrides, see experiments/sweeps/overrides.py')
  takes_arg = inspect.signature(module.sweep).parameters
  return module.sweep(arg) if takes_arg else module.sweep()


def _binary(name: Any) -> str:
  if not isinstance(name, str):
    raise ValueError("the file names no binary to run; add BINARY = "
                     "'train_embedder', or another of experiments")
  full = name if '.' in name else f'experiments.{name}'
  try:
    spec = importlib.util.find_spec(full)
  except (ImportError, ValueError):
    spec = None
  if spec is None:
    known = [info.name for info in pkgutil.iter_modules(experiments.__path__)]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    raise ValueError(f'BINARY = {name!r}: there is no {full}; did you mean '
                     f'{close[0]!r}?')
  return full


def _item(index: int, overrides: sweeps.Item, base: config_dict.ConfigDict,
          extra: Mapping[str, Any], workdir: pathlib.Path) -> Item:
  config = copy.deepcopy(base)
  try:
    config_file.check_override_names(
        base, [f'--config.{key}={overrides[key]}' for key in overrides])
    for key, value in overrides.items():
      if key in extra:
        raise ValueError(f'--config.{key}={extra[key]} applies to every '
                         f'item, but the sweep sets it; drop one of the two')
      config.update_from_flattened_dict(
          {key: _typed(key, value, config_file.flatten(base)[key])})
    config_file.check_numbers(config, base)
  except ValueError as error:
    raise ValueError(f'item {index} of the sweep: {error}') from error
  folder = workdir / f'{index:03d}_{sweeps.name(overrides)}'
  return Item(index, overrides, config, folder)


def _typed(key: str, value: Any, default: Any) -> Any:
  """The value as the binary will read it from its command line."""
  if type(default) is float and type(value) is int:
    return float(value)
  if type(value) is not type(default) or type(value) not in _TYPES:
    raise ValueError(f'--config.{key}={value!r} is of type '
                     f'{type(value).__name__}; the config has {default!r}, of '
                     f'type {type(default).__name__}')
  if isinstance(value, tuple) and any(type(v) not in _TYPES for v in value):
    raise ValueError(f'--config.{key}={value!r}: only plain numbers, strings, '
                     f'booleans and tuples can be passed on')
  return value


def _check_distinct(items: list[Item]) -> None:
  seen = {}
  for item in items:
    first = seen.setdefault(item.config_hash, item)
    if first is not item:
      raise ValueError(f'items {first.index} and {item.index} of the sweep '
                       f'give the same config; remove one')
