"""Rows of results.json from the outcome of a cross-validation."""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
from typing import Any

from pinpoint_jax.crossval import fold as fold_lib
from pinpoint_jax.crossval import runner
from pinpoint_jax.evals import metrics, paired, results

_STATISTIC = 'geoscore'


def rows(outcome: runner.Outcome, stores: fold_lib.Rows,
         provenance: Mapping[str, Any], config_hashes: Mapping[str, str],
         num_resamples: int) -> list[dict[str, Any]]:
  """One row per system and decoding, the best of each source first.

  config_hashes: of each embedder's config; '' is that of the whole run, for
  systems without an embedder.
  """
  table = []
  for (system, decode), folds in outcome.answers.items():
    setting = results.Setting(
        'crossval', system.source, system.name, system.gallery, 'author',
        decode, queries=system.source, variant=system.variant)
    about = dict(provenance) | {
        'config_hash': config_hashes[system.embedder],
        'model': ','.join(outcome.models.get(system.embedder, [])),
        'seconds': round(sum(fold.seconds for fold in folds), 3),
        'fitted': [fold.fitted for fold in folds],
        'notes': outcome.notes}
    against = {base: difference for base, difference in compared(
        outcome, system, decode, num_resamples)}
    if against:
      about['difference'] = against
    table.append(results.row(
        setting, metrics.merge(fold.errors for fold in folds), about,
        len(stores[system.source]), num_resamples))
  return sorted(table, key=lambda row: (
      row['queries'], -row['metrics']['geoscore']))


def compared(outcome: runner.Outcome, system: runner.System, decode: str,
             num_resamples: int) -> Iterator[tuple[str, dict[str, Any]]]:
  """What the system is compared with, and its paired gain in GeoScore.

  The ridge of all sources and the embedder that begins as a ridge with the
  ridge of the query's own source, all of them with the constant place.
  """
  follows = (system.name, system.variant) in (
      ('ridge', 'two_sources'), ('location_top1', runner.FROM_RIDGE))
  if not follows and (system.name, system.variant) != ('ridge', 'chosen'):
    return
  for (base, base_decode), folds in outcome.answers.items():
    if (base.source, base_decode) == (system.source, decode) and (
        base.name == 'constant' or follows and
        (base.name, base.variant) == ('ridge', 'chosen')):
      pair = paired.Pair(metrics.merge(
          fold.errors for fold in outcome.answers[system, decode]),
                         metrics.merge(fold.errors for fold in folds))
      gain = paired.differences([pair], num_resamples)[_STATISTIC]
      yield f'{base.name} {base.variant}'.strip(), dataclasses.asdict(gain)


def sentences(table: Sequence[Mapping[str, Any]]) -> Iterator[str]:
  """Each paired difference of the table, in words."""
  for row in table:
    for base, gain in row['provenance'].get('difference', {}).items():
      interval = ('no interval, too few differ' if gain['interval'] is None
                  else '[{:+.0f}, {:+.0f}]'.format(*gain['interval']))
      yield (f'{row["queries"]}: {row["system"]} {row["variant"]} over {base}, '
             f'{row["decode"]}: {gain["difference"]:+.0f} GeoScore {interval} '
             f'({gain["num_differing"]} of {gain["num_clusters"]} authors and '
             f'sequences differ)')
