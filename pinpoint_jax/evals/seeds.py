"""results.json of several seeds as one: what repeats and what was luck.

Where the seed makes the world too, runs are as independent as worlds can be.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Row = Mapping[str, Any]
_KEY = ('queries', 'system', 'gallery', 'filter', 'decode', 'variant')
_SETTING = ('table', 'query_source', *_KEY, 'distance', 'num_queries')


def joined(runs: Sequence[Sequence[Row]]) -> list[dict[str, Any]]:
  """Each row with the mean of its figures and, as `range`, the lowest and the
  highest; refuses runs that do not have the same rows."""
  named = [by_key(rows) for rows in runs]
  if not named:
    raise ValueError('no run to join: name at least one')
  for number, rows in enumerate(named):
    odd = set(rows) ^ set(named[0])
    if odd:
      raise ValueError(f'run {number} and run 0 differ in {len(odd)} rows, one '
                       f'is {sorted(odd)[0]}: join runs of one config')
  return [_one([rows[key] for rows in named]) for key in named[0]]


def by_key(rows: Sequence[Row]) -> dict[tuple[str, ...], Row]:
  """Rows by query set, system, gallery, filter, decoding and variant."""
  rows_by_key = {tuple(row[name] for name in _KEY): row for row in rows}
  if len(rows_by_key) != len(rows):
    raise ValueError(f'{len(rows) - len(rows_by_key)} rows of {len(rows)} '
                     f'have the same {_KEY} as another')
  return rows_by_key


def _one(rows: Sequence[Row]) -> dict[str, Any]:
  figures = {name: [row['metrics'][name] for row in rows]
             for name in rows[0]['metrics']}
  return {name: rows[0][name] for name in _SETTING} | {
      'metrics': {name: float(np.mean(all_)) for name, all_ in figures.items()},
      'range': {name: [min(all_), max(all_)] for name, all_ in figures.items()},
      'by_run': figures}
