"""The main job end to end on Synthetic Earth; `make demo` runs it.

Renders JPEGs, decodes them, computes a trivial frozen feature, answers every
query by its nearest gallery photo, and writes results.json, results.md and
report.html to the workdir. Synthetic Earth is made up: its figures compare
systems with each other and say nothing about real photographs.
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import dataclasses
import hashlib
import time
from typing import Any

from experiments import launch, run_record
from input_pipeline import csv_table
from input_pipeline.synthetic_earth import contact_sheet
from input_pipeline.synthetic_earth import dataset as synthetic
from ml_collections import config_dict
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.evals import geolocation, results
from pinpoint_jax.features import extract
from pinpoint_jax.report import tables

GALLERIES = ('gallery_photo', 'gallery_street')
QUERIES = ('query_photo_known', 'query_photo_new', 'query_street')
INTRO = ('Synthetic Earth is a made-up world on real geography. These figures '
         'compare systems with each other and say nothing about real '
         'photographs. Accuracy in percent; in brackets 95 % intervals, '
         'bootstrapped by photographer or street-view sequence.')
NOTES = (
    'query_photo_known: the authors are in the gallery, as in YFCC4k.',
    'query_photo_new: the authors are not in the gallery, as in IM2GPS3k.',
    'query_street: at least 1 km from every gallery photo, as in OSV-5M.',
    'filter author: gallery rows that share the query’s author or sequence '
    'are removed first.',
    'chance: a random gallery row, mean over 20 draws per query.',
    'raw_1nn: the place of the gallery photo with the nearest feature.',
)

Tables = Mapping[str, types.FeatureTable]


def main(run: launch.Run) -> None:
  """Render, extract, answer, score, report."""
  seconds: dict[str, float] = {}
  dataset = synthetic.SyntheticEarth(run.config.world_size, run.config.seed)
  with _stage('render', seconds):
    for split in (*GALLERIES, *QUERIES):
      dataset.write_folder(
          run.workdir / 'data' / split, split, run.config.processes)
  with _stage('features', seconds):
    features = _features(run, GALLERIES + QUERIES)
  with _stage('evaluate', seconds):
    rows = list(_rows(run.config, features))
  provenance = _provenance(run.config, features, seconds)
  rows = [row | {'provenance': provenance} for row in rows]
  _report(run, dataset, rows, seconds)


@contextlib.contextmanager
def _stage(name: str, seconds: dict[str, float]) -> Iterator[None]:
  print(f'{name} …', flush=True)
  started = time.monotonic()
  yield
  seconds[name] = round(time.monotonic() - started, 1)
  print(f'{name}: {seconds[name]} s', flush=True)


def _features(run: launch.Run, splits: Sequence[str]) -> Tables:
  """Features of every split, read back from the JPEGs on disk."""
  folders = {split: run.workdir / 'data' / split for split in splits}
  photos = {
      split: csv_table.read_photos_csv(
          folder / 'photos.csv',
          'street' if split.endswith('street') else 'photo').photos
      for split, folder in folders.items()}
  # One call for all: worker processes take seconds to start.
  paths = [folders[split] / f'{name}.jpg'
           for split in splits for name in photos[split].ids]
  features = extract.extract(
      paths, run.config.preprocess, run.config.feature, run.config.processes)
  ends = np.cumsum([len(photos[split]) for split in splits])
  return {split: types.FeatureTable(photos[split], part)
          for split, part in zip(splits, np.split(features, ends[:-1]))}


def _rows(config: config_dict.ConfigDict,
          features: Tables) -> Iterator[dict[str, Any]]:
  """Every query set × gallery × filter × system, as rows of results.json."""
  for queries_name in QUERIES:
    queries = features[queries_name]
    for gallery_name in config.galleries:
      gallery = _gallery(features, queries.photos.source, gallery_name)
      about = results.Setting(
          'demo', queries.photos.source, 'chance', gallery_name,
          distance=config.distance, queries=queries_name)
      yield _chance_row(config, about, queries, gallery)
      for name in config.filters:
        yield _raw_row(config, dataclasses.replace(
            about, system='raw_1nn', filter=name), queries, gallery)


def _chance_row(
    config: config_dict.ConfigDict, about: results.Setting,
    queries: types.FeatureTable, gallery: types.FeatureTable) -> dict[str, Any]:
  errors = geolocation.chance_errors(
      queries.photos, gallery.photos, config.seed, config.distance)
  return results.row(
      about, errors, {}, len(queries.photos), config.num_resamples)


def _raw_row(
    config: config_dict.ConfigDict, about: results.Setting,
    queries: types.FeatureTable, gallery: types.FeatureTable) -> dict[str, Any]:
  answers = geolocation.raw_1nn(queries, gallery, about.filter == 'author')
  errors = geolocation.errors(answers, queries.photos, config.distance)
  return results.row(about, errors, {}, num_resamples=config.num_resamples)


def _gallery(features: Tables, source: types.Source,
             name: str) -> types.FeatureTable:
  if name == 'combined':
    return geolocation.concatenate([features[split] for split in GALLERIES])
  if name == 'same_source':
    return features[f'gallery_{source}']
  raise ValueError(f'--config.galleries: no gallery {name!r}; choices are '
                   f'combined, same_source')


def _provenance(config: config_dict.ConfigDict, features: Tables,
                seconds: Mapping[str, float]) -> dict[str, Any]:
  parts = ''.join(features[split].fingerprint() for split in sorted(features))
  return {
      'config_hash': run_record.config_hash(config),
      'git': run_record.git_revision(),
      'data': f'synthetic_earth/{config.world_size}/seed{config.seed}',
      'data_hash': hashlib.sha256(parts.encode()).hexdigest()[:16],
      'model': f'{config.feature} after {config.preprocess}, not learned',
      'versions': run_record.versions(),
      'seconds': dict(seconds),
  }


def _report(run: launch.Run, dataset: synthetic.SyntheticEarth,
            rows: list[dict[str, Any]], seconds: Mapping[str, float]) -> None:
  """Writes results.json, results.md, report.html and prints the table."""
  run_record.write_json(run.workdir / 'results.json', rows)
  table = tables.markdown(rows)
  (run.workdir / 'results.md').write_text(
      f'# Synthetic Earth (synthetic)\n\n{INTRO}\n\n{table}')
  contact_sheet.contact_sheet(dataset).save(run.workdir / 'samples.png')
  spent = ', '.join(f'{name} {value} s' for name, value in seconds.items())
  page = run.workdir / 'report.html'
  page.write_text(tables.page(
      'Synthetic Earth (synthetic)', INTRO, rows,
      {'Samples of the world': 'samples.png'}, [*NOTES, f'Time: {spent}.']))
  print(f'\n{table}\nfigures  {run.workdir / "results.json"}\n'
        f'page     {page}')


if __name__ == '__main__':
  launch.run(main)
