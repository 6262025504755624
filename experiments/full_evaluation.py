"""`evaluate` with a model and a gallery: from its config to its files."""

import csv
import io
import pathlib
import time

from experiments.run import run_record
from ml_collections import config_dict
from pinpoint_jax import types
from pinpoint_jax.answer import open_systems
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.disk import files
from pinpoint_jax.evals import evaluation, query_sets
from pinpoint_jax.report import tables
from pinpoint_jax.rerank import fusion


def write(config: config_dict.ConfigDict, workdir: pathlib.Path) -> None:
  """Evaluates; writes results.json, results.md and predictions.csv."""
  evaluated = evaluate(config)
  workdir.mkdir(parents=True, exist_ok=True)
  _write_answers(workdir / 'predictions.csv', evaluated)
  run_record.write_json(workdir / 'results.json', evaluated.rows)
  shown = [row for row in evaluated.rows
           if row['distance'] == config.distances[0]]
  table = tables.markdown(shown)
  (workdir / 'results.md').write_text(table)
  print(f'\n{table}\nfigures  {workdir / "results.json"}\n'
        f'answers  {workdir / "predictions.csv"}')


def evaluate(config: config_dict.ConfigDict) -> evaluation.Evaluated:
  """Figures and answers of a config; rows say where they come from."""
  begun = time.monotonic()
  for name, what in (('model', 'the folder that train_embedder exported'),
                     ('gallery', 'the folder that build_gallery made'),
                     ('queries', 'a feature store, or several between commas')):
    if not config[name]:
      raise ValueError(f'--config.{name} is empty: name {what}')
  settings = _settings(config)
  opened = open_systems.Opened(config.model, config.gallery, config.search)
  rerankers = {source: list(filter(None, config.rerankers[source].split(',')))
               for source in types.SOURCES}
  evaluated = evaluation.evaluate(opened, query_sets.open_all(
      opened, config.queries.split(','), rerankers,
      {source: _systems(config, source) for source in types.SOURCES}), settings)
  origin = {
      'config_hash': run_record.config_hash(config),
      'git': run_record.git_revision(), 'versions': run_record.versions(),
      'model': opened.trained.fingerprint,
      'gallery': opened.gallery.fingerprint(),
      'seconds_in_all': round(time.monotonic() - begun, 3)}
  return evaluation.Evaluated(
      [row | {'provenance': {**origin, **row['provenance']}}
       for row in evaluated.rows], evaluated.answers)


def _settings(config: config_dict.ConfigDict) -> evaluation.Settings:
  names = ('leave_one_out', 'region', 'interpolate', 'num_resamples', 'seed',
           'search_source')
  return evaluation.Settings(
      tuple(config.filters), tuple(config.systems),
      distances=tuple(config.distances), **config.predictions.to_dict(),
      **{name: config[name] for name in names})


def _systems(config: config_dict.ConfigDict,
             source: types.Source) -> open_systems.Settings:
  return open_systems.Settings(
      config.list_size, config.raw_temperature,
      shortlist.Sizes(**config.sizes.to_dict()),
      _fusion(source, config.fusion[source]), tuple(config.systems))


def _fusion(source: str, text: str) -> fusion.Fusion | str:
  """Three weights, or the name of a reranker's system."""
  if ',' not in text:
    return text
  try:
    image, location, raw = map(float, text.strip('()[] ').split(','))
  except ValueError:
    raise ValueError(f'--config.fusion.{source}={text}: give the weights of '
                     f'image, location and raw, or the name of a reranker: '
                     f'light, full or full_no_support') from None
  return fusion.Fusion(image, location, raw)


def _write_answers(path: pathlib.Path, evaluated: evaluation.Evaluated) -> None:
  text = io.StringIO()
  csv.writer(text, lineterminator='\n').writerows(
      [evaluation.HEAD, *evaluated.answers])
  with files.atomic(path) as file:
    file.write(text.getvalue().encode())
