"""Whether a run may go on with what another config began."""

from collections.abc import Mapping

from experiments.run import config_file
from ml_collections import config_dict

# A run that changes these is another run.
_FIXED = ('model.', 'optimizer.', 'objective.', 'data.', 'stores.',
          'folds.')
_FIXED_NAMES = ('validation_percent',)
# How a run runs, not what it is: not worth a line.
_FREE = ('distributed.',)


def describe(config: config_dict.ConfigDict) -> dict[str, str]:
  """Every config entry as text, for the checkpoint."""
  return {name: repr(value)
          for name, value in config_file.flatten(config).items()}


def check(saved: Mapping[str, str], config: config_dict.ConfigDict,
          allowed: str, where: str) -> list[str]:
  """Lines that tell what changed; refuses changes that make another run.

  `allowed` names entries that may change, separated by commas.
  """
  now, names = describe(config), [n for n in allowed.split(',') if n]
  unknown = [n for n in names if n not in {**saved, **now}]
  if unknown:
    raise ValueError(f'--allow_config_change={allowed}: this config has no '
                     f'{unknown[0]!r}')
  changed = {name: f'{name} {saved.get(name, "absent")} → '
                   f'{now.get(name, "absent")}'
             for name in {**saved, **now}
             if saved.get(name) != now.get(name)
             and not name.startswith(_FREE)}
  refused = [name for name in changed if name not in names
             and (name.startswith(_FIXED) or name in _FIXED_NAMES)]
  if refused:
    raise ValueError(
        f'{where} was begun with another config '
        f'({", ".join(changed[name] for name in refused)}): use another '
        f'workdir, or allow it with --allow_config_change='
        f'{",".join(refused)}')
  return list(changed.values())
