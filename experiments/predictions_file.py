"""`evaluate --predictions`: a file of predictions against a file of truths."""

import hashlib
import pathlib
import time
from typing import Any

from experiments.run import launch, run_record
from input_pipeline import csv_table
from pinpoint_jax import types
from pinpoint_jax.evals import (
  administrative,
  alignment,
  geolocation,
  metrics,
  results,
)

# Name in the table -> (name in geo.distance, whether equality counts).
DISTANCES = {
    'haversine': ('haversine', False),
    'haversine_6371': ('haversine_6371', False),
    'haversine_6378': ('haversine_6378', False),
    'geodesic': ('geodesic', False),
    'geodesic_le': ('geodesic', True),
}


def score(run: launch.Run) -> None:
  """Reads both files, scores them under every distance, writes the rows."""
  started = time.monotonic()
  source = _source(run.flags['query_source'])
  predicted = csv_table.read_photos_csv(
      run.flags['predictions'], source, swapped='refuse',
      allow_null_island=True, unanswered='drop', extra_names=())
  truth = csv_table.read_photos_csv(
      run.flags['truth'], source, swapped=run.flags['swapped'],
      extra_names=tuple(administrative.COLUMNS.values()))
  for note in (*predicted.notes, *truth.notes):
    print(f'note: {note}')
  answers = alignment.align(
      types.Predictions(predicted.photos.ids, predicted.photos.latlng_deg),
      truth.photos.ids)
  shares = _administrative(answers, truth)
  rows = []
  for name, (distance_name, inclusive) in DISTANCES.items():
    errors = geolocation.errors(answers, truth.photos, distance_name)
    rows.append(results.row(
        _setting(run.flags, name), errors, {}, inclusive=inclusive,
        num_resamples=run.flags['num_resamples'], shares=shares))
  provenance = _provenance(run.flags, time.monotonic() - started)
  rows = [row | {'provenance': provenance} for row in rows]
  run_record.write_json(pathlib.Path(run.flags['out']), rows)
  print(_summary(rows, run.flags['out']))


def _source(name: str) -> types.Source:
  if name not in types.SOURCES:
    raise ValueError(f'--query_source={name}: choices are {types.SOURCES}')
  return name


def _setting(flags: dict[str, Any], distance_name: str) -> results.Setting:
  return results.Setting(
      table=flags['table'], query_source=flags['query_source'],
      system=flags['system'], distance=distance_name,
      queries=pathlib.Path(flags['truth']).stem)


def _administrative(answers: types.Predictions,
                    truth: csv_table.CsvPhotos) -> dict[str, metrics.Share]:
  """Accuracies of those of OSV-5M's columns that the truth has."""
  return administrative.shares(answers.latlng_deg, administrative.truth({
      level: truth.extra[column]
      for level, column in administrative.COLUMNS.items()
      if column in truth.extra}))


def _provenance(flags: dict[str, Any], seconds: float) -> dict[str, Any]:
  def digest(name: str) -> str:
    data = pathlib.Path(flags[name]).read_bytes()
    return hashlib.sha256(data).hexdigest()[:16]
  return {
      'config_hash': '', 'git': run_record.git_revision(),
      'data': {'truth': digest('truth'), 'predictions': digest('predictions')},
      'model': flags['system'], 'versions': run_record.versions(),
      'seconds': round(seconds, 3),
  }


def _summary(rows: list[dict[str, Any]], out: str) -> str:
  names = list(rows[0]['metrics'])
  lines = [f'{rows[0]["num_queries"]} photos']
  width = max(len(name) for name in names)
  lines.append(' ' * width + ''.join(f'{r["distance"]:>16}' for r in rows))
  for name in names:
    values = ''.join(f'{_number(name, r["metrics"][name]):>16}' for r in rows)
    lines.append(f'{name:<{width}}{values}')
  return '\n'.join([*lines, f'written to {out}'])


def _number(name: str, value: float) -> str:
  if name.startswith('acc@'):
    return f'{value * 100:.2f} %'
  return str(value) if name.startswith('num@') else f'{value:.2f}'
