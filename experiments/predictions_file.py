"""`evaluate --predictions`: files of predictions against a file of truths."""

from collections.abc import Mapping, Sequence
import dataclasses
import hashlib
import pathlib
import time
from typing import Any

from experiments import constant_place
from experiments.run import launch, run_record
from input_pipeline import csv_table
from pinpoint_jax import types
from pinpoint_jax.evals import (
  administrative,
  alignment,
  comparison,
  geolocation,
  metrics,
  results,
)
from pinpoint_jax.report import tables

# Name in the table -> (name in geo.distance, whether equality counts).
DISTANCES = {
    'haversine': ('haversine', False),
    'haversine_6371': ('haversine_6371', False),
    'haversine_6378': ('haversine_6378', False),
    'geodesic': ('geodesic', False),
    'geodesic_le': ('geodesic', True),
}
# What differences are measured by.
_PAIRED = 'haversine'


@dataclasses.dataclass(frozen=True)
class Scored:
  """One file of predictions.

  Attributes:
    rows: of results.json, one for each of DISTANCES.
    errors: of every query, by the distance that differences are measured by.
  """

  rows: list[dict[str, Any]]
  errors: metrics.Errors


def score(run: launch.Run) -> None:
  """Scores every file, compares them if there are several, writes and prints.
  """
  source, out = _source(run.flags['query_source']), run.flags['out']
  paths = _paths(run.flags['predictions'], run.flags['system'])
  for flag, path in (*(('predictions', path) for path in paths.values()),
                     ('truth', run.flags['truth'])):
    if not pathlib.Path(path).is_file():
      raise ValueError(f'--{flag}={path}: there is no such file; name a CSV '
                       f'with the columns id, lat, lng')
  truth, names = read_truth(run.flags['truth'], source, run.flags['swapped'])
  expected = administrative.truth(names)
  scored = {system: _scored(run.flags, system, path, truth, expected)
            for system, path in paths.items()}
  scored |= _constant(run.flags, scored, truth, expected)
  rows = [row for some in scored.values() for row in some.rows]
  run_record.write_json(pathlib.Path(out), rows)
  if len(scored) == 1:
    print(_summary(rows, out))
    return
  differences = comparison.rows(
      {system: some.errors for system, some in scored.items()},
      run.flags['num_resamples'])
  beside = pathlib.Path(out).with_suffix('.differences.json')
  run_record.write_json(beside, differences)
  print(_side_by_side(scored))
  print(_differences(differences))
  print(f'written to {out} and {beside}')


def read_truth(
    path: str, source: types.Source, swapped: str = 'refuse',
) -> tuple[types.Photos, dict[str, types.Strings]]:
  """True places, and the names of those of OSV-5M's levels that it has."""
  read = csv_table.read_photos_csv(
      path, source, swapped=swapped,
      extra_names=tuple(administrative.COLUMNS.values()))
  _say(read.notes)
  return read.photos, {level: read.extra[column]
                       for level, column in administrative.COLUMNS.items()
                       if column in read.extra}


def _paths(predictions: str, systems: str) -> dict[str, str]:
  """The file of each system; several are named after their files."""
  paths = ([predictions] if pathlib.Path(predictions).is_file() else
           [path for path in predictions.split(',') if path])
  named = [system for system in systems.split(',') if system]
  if len(paths) > 1 and named == ['unknown']:
    named = [pathlib.Path(path).stem for path in paths]
  if len(named) != len(paths) or len(set(named)) < len(named):
    raise ValueError(f'--predictions={predictions}: {len(paths)} files are '
                     f'called {named}: give each a name of its own, '
                     f'--system=A,B')
  return dict(zip(named, paths))


def _scored(flags: Mapping[str, Any], system: str, path: str,
            truth: types.Photos,
            expected: Mapping[str, administrative.Truth]) -> Scored:
  """Figures of one file under every distance."""
  started = time.monotonic()
  predicted = csv_table.read_photos_csv(
      path, truth.source, swapped='refuse', allow_null_island=True,
      unanswered='drop', extra_names=())
  _say(predicted.notes)
  try:
    answers = alignment.align(
        types.Predictions(predicted.photos.ids, predicted.photos.latlng_deg),
        truth.ids)
  except ValueError as error:
    raise ValueError(f'{path}: {error}') from None
  scored = _judged(flags, answers, _setting(flags, system), truth, expected)
  provenance = _provenance(flags, system, _digest(path),
                           time.monotonic() - started)
  return Scored([row | {'provenance': provenance} for row in scored.rows],
                scored.errors)


def _constant(flags: Mapping[str, Any], systems: Mapping[str, Any],
              truth: types.Photos,
              expected: Mapping[str, administrative.Truth],
              ) -> dict[str, Scored]:
  """The best single place under every decoding; argmax is compared."""
  path, name = flags['constant_from'], 'constant'
  if name in systems:
    return {}
  if not path:
    print(constant_place.ADVICE)
    return {}
  constant = constant_place.choose(path, truth)
  scored = [_judged(
      flags, answers, dataclasses.replace(_setting(flags, name), decode=decode),
      truth, expected) for decode, answers in constant.answers.items()]
  provenance = _provenance(flags, name, constant.data, 0.)
  return {name: Scored(
      [row | {'provenance': provenance}
       for some in scored for row in some.rows], scored[0].errors)}


def _judged(flags: Mapping[str, Any], answers: types.Predictions,
            setting: results.Setting, truth: types.Photos,
            expected: Mapping[str, administrative.Truth]) -> Scored:
  """Figures of answers in the order of the truth; rows have no provenance."""
  extra = results.shares(administrative.shares(answers.latlng_deg, expected),
                         truth.clusters, flags['num_resamples'])
  by_distance = {name: geolocation.errors(answers, truth, distance_name)
                 for name, (distance_name, _) in DISTANCES.items()}
  rows = [results.row(
      dataclasses.replace(setting, distance=name), errors, {},
      inclusive=DISTANCES[name][1],
      num_resamples=flags['num_resamples'], extra=extra)
          for name, errors in by_distance.items()]
  return Scored(rows, by_distance[_PAIRED])


def _say(notes: Sequence[str]) -> None:
  for note in notes:
    print(f'note: {note}')


def _source(name: str) -> types.Source:
  if name not in types.SOURCES:
    raise ValueError(f'--query_source={name}: choices are {types.SOURCES}')
  return name


def _setting(flags: Mapping[str, Any], system: str) -> results.Setting:
  return results.Setting(
      table=flags['table'], query_source=flags['query_source'],
      system=system, queries=pathlib.Path(flags['truth']).stem)


def _digest(path: str) -> str:
  return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()[:16]


def _provenance(flags: Mapping[str, Any], system: str, data: str,
                seconds: float) -> dict[str, Any]:
  """data: content hash of the predictions, or of what they come from."""
  return {
      'config_hash': '', 'git': run_record.git_revision(),
      'data': {'truth': _digest(flags['truth']), 'predictions': data},
      'model': system, 'versions': run_record.versions(),
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


def _number(name: str, value: float | int) -> str:
  if name.startswith('acc@'):
    return f'{value * 100:.2f} %'
  return str(value) if name.startswith('num@') else f'{value:.2f}'


def _side_by_side(scored: Mapping[str, Scored]) -> str:
  """Figures of all systems by the distance that differences are measured by."""
  rows = [next(row for row in some.rows if row['distance'] == _PAIRED)
          for some in scored.values()]
  lines = [(name, *(_number(name, row['metrics'][name]) for row in rows))
           for name in rows[0]['metrics']]
  return (f'{rows[0]["num_queries"]:,} photos, distances by {_PAIRED}\n\n'
          + tables.grid(('figure', *scored), lines, 1))


def _differences(rows: Sequence[Mapping[str, Any]]) -> str:
  """Every pair's differences, in points or GeoScore, with their intervals."""
  text = lambda value: '' if value is None else f'{value:+.2f}'
  lines = [(f'{row["system"]} − {row["base"]}', row['figure'], row['verdict'],
            text(row['difference']),
            ', '.join(map(text, row['interval'] or ())),
            text(row['smallest_visible']).lstrip('+')) for row in rows]
  return tables.grid(
      ('pair', 'figure', 'verdict', 'difference', '95 % interval',
       'visible from'), lines, 3) + (
           f'Paired over {rows[0]["num_queries"]:,} photos by '
           f'{rows[0]["num_clusters"]:,} photographers, sequences or, where '
           f'these are unknown, photos; points of accuracy, or GeoScore.')
