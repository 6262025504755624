"""Rows of results.json from the outcome of a cross-validation."""

from collections.abc import Mapping
from typing import Any

from pinpoint_jax.crossval import fold as fold_lib
from pinpoint_jax.crossval import runner
from pinpoint_jax.evals import metrics, results


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
    table.append(results.row(
        setting, metrics.merge(fold.errors for fold in folds), about,
        len(stores[system.source]), num_resamples))
  return sorted(table, key=lambda row: (
      row['queries'], -row['metrics']['geoscore']))
