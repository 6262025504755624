"""A chain in words: its stages, what they cost, how to run each by itself."""

from collections.abc import Mapping, Sequence
import pathlib

from experiments.reproduce_stages import costs, runs
from experiments.reproduce_stages.stages import Stage
from ml_collections import config_dict
from pinpoint_jax.report import tables

_NOTES = (
    'm: a rate that was measured on two cores, at smaller sizes, times the '
    'size; c: computed from FLOP and bytes. Nobody has run the full size here',
    'one GPU: 100 TFLOP/s sustained; v5e-16: 40 % of the peak of 16 chips; '
    'photos decoded by eight host cores at the measured rate',
    'disk and memory: rows times bytes a row, as measured; memory is the '
    'host’s, that of features and gallery may be page cache')


def text(chain: Sequence[Stage], base: pathlib.Path,
         config: config_dict.ConfigDict, lacking: Sequence[str]) -> str:
  """What --plan prints."""
  cost = costs.of(chain, config)
  commands = '\n\n'.join(f'# {stage.name}\n{runs.command(stage, base)}'
                         for stage in chain)
  said = [f'note: {note}' for note in (*subset_notes(config), *_NOTES)]
  if lacking:
    said += [f'missing: {line}' for line in lacking]
  return '\n'.join([_table(chain, base, cost), *said, '', commands])


def subset_notes(config: config_dict.ConfigDict) -> list[str]:
  """What is said wherever a subset's figures are."""
  if not config.subset:
    return []
  return [f'subset of {config.subset:,}: at most {config.subset:,} photos of '
          f'each data set, evenly spread; its figures do not compare with '
          f'published ones']


def _table(chain: Sequence[Stage], base: pathlib.Path,
           cost: Mapping[str, costs.Cost]) -> str:
  head = ('stage', 'state', 'rows', 'disk GB', 'memory GB',
          *(f'hours, {machine}' for machine in costs.MACHINES))
  rows = []
  for stage in chain:
    one = cost[stage.name]
    rows.append([stage.name, runs.state(stage, base), f'{one.rows:,}',
                 _short(one.disk_gb), _short(one.memory_gb),
                 *(f'{_short(one.hours[name])} '
                   f'{"m" if name in one.measured else "c"}'
                   for name in costs.MACHINES)])
  every = cost.values()
  rows.append(['all', '', '', _short(sum(one.disk_gb for one in every)),
               _short(max(one.memory_gb for one in every)),
               *(_short(sum(one.hours[name] for one in every))
                 for name in costs.MACHINES)])
  return tables.grid(head, rows, 2)


def _short(value: float) -> str:
  """Two digits: more are not known."""
  return (f'{value:,.0f}' if value >= 10 else f'{value:.1f}' if value >= 1
          else f'{value:.2f}' if value >= 0.01 else '≤ 0.01')
