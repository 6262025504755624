"""results.json of several seeds as one: what repeats and what was luck.

Where the seed makes the world too, runs are as independent as worlds can be.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pinpoint_jax.evals import metrics, results

Row = Mapping[str, Any]
_SETTING = ('table', 'query_source', *results.Key._fields, 'distance',
            'num_queries')


def joined(runs: Sequence[Sequence[Row]]) -> list[dict[str, Any]]:
  """Each row with the mean of its figures and, as `sd`, their standard
  deviation over the runs; refuses runs that do not have the same rows.

  One run has no deviation. Intervals of a mean are those of claims.json.
  """
  named = [by_key(rows) for rows in runs]
  if not named:
    raise ValueError('no run to join: name at least one')
  for number, rows in enumerate(named):
    odd = set(rows) ^ set(named[0])
    if odd:
      raise ValueError(f'run {number} and run 0 differ in {len(odd)} rows, one '
                       f'is {sorted(odd)[0]}: join runs of one config')
  return [_one([rows[key] for rows in named]) for key in named[0]]


def by_key(rows: Sequence[Row]) -> dict[results.Key, Row]:
  """Rows by query set, system, gallery, filter, decoding and variant."""
  rows_by_key = {results.key(row): row for row in rows}
  if len(rows_by_key) != len(rows):
    raise ValueError(f'{len(rows) - len(rows_by_key)} rows of {len(rows)} '
                     f'have the same {results.Key._fields} as another')
  return rows_by_key


def check_errors(rows: Sequence[Row],
                 errors: Mapping[results.Key, metrics.Errors]) -> None:
  """Refuses errors that are not those behind the figures of the rows."""
  rows_by_key = by_key(rows)
  for key, some in errors.items():
    if key not in rows_by_key:
      raise ValueError(f'errors of {key}, of which there is no row: they are '
                       f'of another evaluation')
    figures = metrics.summarise(some)
    for name, value in rows_by_key[key]['metrics'].items():
      if name in figures and not np.isclose(figures[name], value, rtol=1e-5):
        raise ValueError(f'{key}: {name} is {value:.6g} in its row, but '
                         f'{figures[name]:.6g} by its errors: they are of '
                         f'another evaluation')


def _one(rows: Sequence[Row]) -> dict[str, Any]:
  figures = {name: [row['metrics'][name] for row in rows]
             for name in rows[0]['metrics']}
  row = {name: rows[0][name] for name in _SETTING} | {
      'metrics': {name: float(np.mean(all_)) for name, all_ in figures.items()},
      'sd': {name: float(np.std(all_, ddof=1))
             for name, all_ in figures.items()} if len(rows) > 1 else {},
      'ci95': {}, 'by_run': figures, 'provenance': _shared(rows)}
  return row | _network(rows)


def _network(rows: Sequence[Row]) -> dict[str, Any]:
  networks = [row['network'] for row in rows if 'network' in row]
  if not networks:
    return {}
  if len(networks) < len(rows):
    raise ValueError(f'{results.key(rows[0])}: {len(networks)} of {len(rows)} '
                     f'runs say what its network does: join runs of one config')
  means = {name: float(np.mean([network[name] for network in networks]))
           for name in ('changed', 'variance')}
  lowest = min(network['changed'] for network in networks)
  return {'network': means | {'lowest_changed': lowest}}


def _shared(rows: Sequence[Row]) -> dict[str, Any]:
  """What all runs say alike of where the row is from, and how many they are."""
  first, *others = (row['provenance'] for row in rows)
  return {name: value for name, value in first.items() if all(
      name in other and other[name] == value for other in others)} | {
          'num_runs': len(rows)}
