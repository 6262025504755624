"""What leaks are worth: figures with them and without them.

  rows removed     every query is answered again without the rows that it shares
                   something with; compared query by query
  queries removed  the answers stay, and only queries that share nothing with
                   any row count

The first says what the leak gave to the answers. The second needs no system,
but the queries that are left may be easier or harder than the others.
"""

from collections.abc import Mapping
from typing import Any

from jaxtyping import Int, Shaped
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.audit import features
from pinpoint_jax.audit.pairs import Pairs
from pinpoint_jax.audit.table import Table
from pinpoint_jax.evals import bootstrap, geolocation, metrics, paired, results
from pinpoint_jax.search import row_sets

# Kinds that together are a leak of their own.
UNIONS = {'copies': ('id', 'pixels', 'picture', 'feature'),
          'origin': ('id', 'same_author', 'same_sequence'),
          'any': ()}


def leaks(kinds: Mapping[str, Pairs]) -> dict[str, types.RowSets]:
  """Rows of each query by leak: each kind, then UNIONS of what there is.

  `origin` hides the rows that evaluate's filter=author hides.
  """
  found = {name: pairs.rows for name, pairs in kinds.items()}
  for name, parts in UNIONS.items():
    present = [kinds[part].rows for part in parts or kinds if part in kinds]
    found[name] = row_sets.union(*present)
  return found


def rows_removed(leak: str, key: results.Key, with_leak: metrics.Errors,
                 without: metrics.Errors,
                 num_resamples: int = 1000) -> dict[str, Any]:
  """Figures without the rows of a leak, and what they lost by it.

  `lost` has the paired difference of each of paired.STATISTICS, accuracy in
  percentage points.
  """
  lost = paired.differences([paired.Pair(with_leak, without)], num_resamples)
  return _row(leak, 'rows removed', key, without, num_resamples) | {
      'lost': {name: {'difference': one.difference, 'interval': one.interval}
               for name, one in lost.items()}}


def queries_removed(leak: str, key: results.Key, errors: metrics.Errors,
                    rows: types.RowSets,
                    num_resamples: int = 1000) -> dict[str, Any] | None:
  """Figures of the queries that share nothing; None where there is none."""
  kept = np.diff(rows.offsets) == 0
  if not kept.any():
    return None
  return _row(leak, 'queries removed', key, taken(errors, kept), num_resamples)


def unchanged(key: results.Key, errors: metrics.Errors,
              num_resamples: int = 1000) -> dict[str, Any]:
  """Figures with every leak."""
  return _row('none', 'nothing removed', key, errors, num_resamples)


def taken(errors: metrics.Errors,
          kept: Shaped[np.ndarray, 'm']) -> metrics.Errors:
  """Errors of some queries."""
  return metrics.Errors(errors.dist_km[kept], errors.clusters[kept])


def of_answers(key: results.Key, errors: metrics.Errors,
               sets: Mapping[str, types.RowSets],
               num_resamples: int = 1000) -> list[dict[str, Any]]:
  """Rows of answers that are only known as they are."""
  rows = [unchanged(key, errors, num_resamples)]
  rows += [queries_removed(leak, key, errors, one, num_resamples)
           for leak, one in sets.items()]
  return [row for row in rows if row]


def of_evaluation(errors: Mapping[results.Key, metrics.Errors],
                  sets: Mapping[str, types.RowSets],
                  num_resamples: int = 1000) -> list[dict[str, Any]]:
  """Rows of every system that was answered with and without each leak.

  Filters of `errors` are none, author and the names of leaks.
  """
  rows = []
  for key, with_leak in errors.items():
    if key.filter != 'none':
      continue
    rows += of_answers(key, with_leak, sets, num_resamples)
    for leak in ('author', *sets):
      without = errors.get(key._replace(filter=leak))
      if without is not None:
        rows.append(rows_removed(leak, key, with_leak, without, num_resamples))
  return rows


def _row(leak: str, way: str, key: results.Key, errors: metrics.Errors,
         num_resamples: int) -> dict[str, Any]:
  fields = 'queries', 'system', 'gallery', 'decode', 'variant'
  return {'leak': leak, 'way': way,
          **{name: getattr(key, name) for name in fields},
          'num_queries': len(errors.dist_km),
          'metrics': metrics.summarise(errors),
          'ci95': bootstrap.intervals(errors, num_resamples)}


def of_nearest(alike: features.Alike, queries: types.Photos, table: Table,
               name: str, sets: Mapping[str, types.RowSets],
               num_resamples: int = 1000) -> list[dict[str, Any]]:
  """Rows of raw_1nn, the most similar row's place, which needs no model."""
  errors = {}
  nothing = row_sets.none(len(queries))
  for leak, hidden in {'none': nothing, **sets}.items():
    if leak == 'id':
      continue  # A query never answers itself.
    rows = _best_row(alike, hidden)
    answers = geolocation.answers(queries, table.photos(), rows)
    key = results.Key(name, 'raw_1nn', filter=leak)
    errors[key] = geolocation.errors(answers, queries)
  return of_evaluation(errors, sets, num_resamples)


def _best_row(alike: features.Alike,
              hidden: types.RowSets) -> Int[np.ndarray, 'b']:
  """The most similar row that is not hidden, -1 where none is left."""
  rows = alike.nearest.rows
  seen = (rows >= 0) & ~row_sets.contains(hidden, rows)
  best = rows[np.arange(len(rows)), seen.argmax(axis=1)]
  todo = np.flatnonzero(~seen.any(axis=1))
  if len(todo):
    best[todo] = alike.search.nearest(
        todo, 1, row_sets.take(hidden, todo)).rows[:, 0]
  return best
