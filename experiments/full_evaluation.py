"""Every system of a model and a gallery on query sets: figures and answers."""

from collections.abc import Iterator, Mapping, Sequence
import csv
import dataclasses
import io
import pathlib
import time
from typing import Any

from experiments import query_sets
from experiments.query_sets import QuerySet
from experiments.run import launch, run_record
from ml_collections import config_dict
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import decoding, open_systems, systems
from pinpoint_jax.candidates import filters
from pinpoint_jax.disk import files
from pinpoint_jax.evals import geolocation, results
from pinpoint_jax.features import progress
from pinpoint_jax.report import tables
from pinpoint_jax.search import masks

# Queries answered at a time.
_BLOCK = 256
HEAD = ('id', 'lat', 'lng', 'queries', 'system', 'filter', 'decode')

# By system and decoding.
ByAnswer = Mapping[tuple[str, str], systems.Answers]


@dataclasses.dataclass(frozen=True)
class Evaluated:
  """What an evaluation found.

  Attributes:
    rows: of results.json.
    answers: lines of predictions.csv, as HEAD names their columns.
  """

  rows: list[dict[str, Any]]
  answers: list[Sequence[Any]]


def main(run: launch.Run) -> None:
  """Evaluate and write."""
  write(run.config, run.workdir)


def write(config: config_dict.ConfigDict, workdir: pathlib.Path) -> None:
  """Evaluates; writes results.json, results.md and predictions.csv."""
  found = evaluate(config)
  workdir.mkdir(parents=True, exist_ok=True)
  _write_answers(workdir / 'predictions.csv', found.answers)
  run_record.write_json(workdir / 'results.json', found.rows)
  shown = [row for row in found.rows
           if row['distance'] == config.distances[0]]
  table = tables.markdown(shown)
  (workdir / 'results.md').write_text(table)
  print(f'\n{table}\nfigures  {workdir / "results.json"}\n'
        f'answers  {workdir / "predictions.csv"}')


def evaluate(config: config_dict.ConfigDict) -> Evaluated:
  """Open, answer, score."""
  begun = time.monotonic()
  check(config)
  opened = open_systems.Opened(config.model, config.gallery, config.search)
  allowed = opened.region(config.region)
  rows, answers = [], []
  for one in query_sets.open_all(config, opened):
    print(f'{one.name}: {len(one.photos):,} queries, '
          f'{", ".join(one.answering.systems)}', flush=True)
    _say_own_rows(config, opened, one)
    if not config.systems or 'chance' in config.systems:
      rows.append(_chance(config, opened, one, allowed))
    for name in config.filters:
      found, seconds = _answer(config, opened, one, name, allowed)
      rows += _rows(config, opened, one, name, found, seconds)
      answers += _chosen(config, one, name, found)
  about = _provenance(config, opened, begun)
  return Evaluated(
      [row | {'provenance': {**about, **row['provenance']}} for row in rows],
      answers)


def check(config: config_dict.ConfigDict) -> None:
  """Refuses what is missing or unknown before anything is opened."""
  for name, what in (('model', 'the folder that train_embedder exported'),
                     ('gallery', 'the folder that build_gallery made'),
                     ('queries', 'a feature store, or several between commas')):
    if not config[name]:
      raise ValueError(f'--config.{name} is empty: name {what}')
  if not config.filters:
    raise ValueError(f'--config.filters is empty: choices are {filters.NAMES}')
  for name in config.filters:
    if name not in filters.NAMES:
      raise ValueError(f'--config.filters: {name!r} is unknown; choices are '
                       f'{filters.NAMES}')
  unknown = set(config.systems) - set(results.SYSTEMS)
  if unknown:
    raise ValueError(f'--config.systems: {sorted(unknown)} are unknown; '
                     f'choices are {results.SYSTEMS}')
  if config.predictions.decode not in decoding.NAMES:
    raise ValueError(f'--config.predictions.decode='
                     f'{config.predictions.decode}: choices are '
                     f'{decoding.NAMES}')


def _say_own_rows(config: config_dict.ConfigDict, opened: open_systems.Opened,
                  one: QuerySet) -> None:
  own = int((opened.gallery.find(one.photos.ids) >= 0).sum())
  if own:
    done = ('never answer themselves' if config.leave_one_out else
            'MAY ANSWER THEMSELVES: --config.leave_one_out is off')
    print(f'note: {own:,} queries are rows of the gallery and {done}',
          flush=True)


def _answer(config: config_dict.ConfigDict, opened: open_systems.Opened,
            one: QuerySet, filter_name: str,
            allowed: np.ndarray | None) -> tuple[ByAnswer, float]:
  """Answers of every system and decoding, and the seconds they took."""
  begun = time.monotonic()
  mask = filters.mask(opened.gallery, one.photos, filter_name, allowed,
                      config.leave_one_out)
  said = progress.Progress(len(one.photos), unit='queries')
  parts = []
  for start in range(0, len(one.photos), _BLOCK):
    parts.append(_block(config, one, mask, slice(start, start + _BLOCK)))
    said.add(len(one.photos.ids[start:start + _BLOCK]))
  found = {key: systems.Answers(
      np.concatenate([part[key].rows for part in parts]),
      np.concatenate([part[key].latlng_deg for part in parts]))
           for key in parts[0]}
  _refuse_missing(found, one, filter_name, config.region)
  return found, time.monotonic() - begun


def _block(config: config_dict.ConfigDict, one: QuerySet, mask: masks.Mask,
           part: slice) -> ByAnswer:
  return one.answering.answer(
      one.queries.take(part), mask.take(part), one.photos.latlng_deg[part],
      config.interpolate)


def _refuse_missing(found: ByAnswer, one: QuerySet, filter_name: str,
                    region: str) -> None:
  missing = np.any([answers.missing for answers in found.values()], axis=0)
  if missing.any():
    first = str(one.photos.ids[np.flatnonzero(missing)[0]])
    where = f' in region {region!r}' if region else ''
    raise ValueError(
        f'{one.name}: no gallery row is left{where} for {missing.sum():,} of '
        f'{len(missing):,} queries under filter {filter_name!r}, the first is '
        f'{first!r}: leave them out, or take a larger gallery or region')


def _rows(config: config_dict.ConfigDict, opened: open_systems.Opened,
          one: QuerySet, filter_name: str, found: ByAnswer,
          seconds: float) -> Iterator[dict[str, Any]]:
  for (system, decode), answers in found.items():
    predicted = types.Predictions(one.photos.ids, answers.latlng_deg)
    for distance_name in config.distances:
      about = dataclasses.replace(
          _about(opened, one, system, distance_name), filter=filter_name,
          decode=decode, variant=_variant(config, system))
      yield results.row(
          about, geolocation.errors(predicted, one.photos, distance_name),
          {'data': one.data, 'seconds': round(seconds, 3)},
          num_resamples=config.num_resamples)


def _chance(config: config_dict.ConfigDict, opened: open_systems.Opened,
            one: QuerySet, allowed: np.ndarray | None) -> dict[str, Any]:
  rows = np.setdiff1d(np.arange(len(opened.gallery)) if allowed is None
                      else allowed, opened.gallery.removed)
  empty = np.full(len(rows), '', np.str_)
  # Chance needs places alone.
  places = types.Photos(empty, opened.gallery.latlng_deg[rows], empty, empty,
                        'mixed')
  errors = geolocation.chance_errors(one.photos, places, config.seed,
                                     config.distances[0])
  return results.row(_about(opened, one, 'chance', config.distances[0]),
                     errors, {'data': one.data, 'seconds': 0.},
                     len(one.photos), config.num_resamples)


def _about(opened: open_systems.Opened, one: QuerySet, system: str,
           distance_name: str) -> results.Setting:
  return results.Setting(
      'evaluate', one.photos.source, system,
      open_systems.gallery_name(opened.gallery, one.photos.source),
      distance=distance_name, queries=one.name)


def _variant(config: config_dict.ConfigDict, system: str) -> str:
  notes = [f'region {config.region}'] if config.region else []
  if config.search != 'exact':
    notes.append('approximate search')
  if config.interpolate and system != systems.ORACLE:
    notes.append('interpolated')
  return ', '.join(notes)


def _chosen(config: config_dict.ConfigDict, one: QuerySet, filter_name: str,
            found: ByAnswer) -> Iterator[list[Any]]:
  """Lines of predictions.csv: the best system, under the first filter."""
  if filter_name != config.filters[0]:
    return
  names = [system for system, _ in found]
  system = config.predictions.system or open_systems.best(names)
  if system not in names:
    raise ValueError(f'--config.predictions.system={system}: {one.name} has '
                     f'{sorted(set(names) - {systems.ORACLE})}')
  decode = config.predictions.decode
  for name, (lat, lng) in zip(one.photos.ids.tolist(),
                              found[system, decode].latlng_deg.tolist()):
    yield [name, repr(lat), repr(lng), one.name, system, filter_name, decode]


def _provenance(config: config_dict.ConfigDict, opened: open_systems.Opened,
                begun: float) -> dict[str, Any]:
  return {
      'config_hash': run_record.config_hash(config),
      'git': run_record.git_revision(), 'versions': run_record.versions(),
      'model': opened.trained.fingerprint,
      'gallery': opened.gallery.fingerprint(),
      'seconds_in_all': round(time.monotonic() - begun, 3)}


def _write_answers(path: pathlib.Path,
                   answers: Sequence[Sequence[Any]]) -> None:
  text = io.StringIO()
  csv.writer(text, lineterminator='\n').writerows([HEAD, *answers])
  with files.atomic(path) as file:
    file.write(text.getvalue().encode())
