"""The main job end to end on Synthetic Earth; `make demo` runs it.

Renders JPEGs, extracts features of a small ViT into feature stores, answers
every query by its nearest gallery photo, trains embedders of photos and places,
answers by the nearest place, and writes results.json, results.md and
report.html to the workdir. Synthetic Earth is made up: its figures compare
systems with each other and say nothing about real photographs.
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import dataclasses
import hashlib
import shutil
import time
from typing import Any

from experiments import (
  backbones,
  launch,
  location_system,
  run_record,
  train_embedder,
)
from input_pipeline import open_source
from input_pipeline.synthetic_earth import contact_sheet
from input_pipeline.synthetic_earth import dataset as synthetic
from ml_collections import config_dict
from pinpoint_jax import types
from pinpoint_jax.evals import geolocation, results
from pinpoint_jax.features import backbone as backbone_lib
from pinpoint_jax.features import extract
from pinpoint_jax.models import embedder_files
from pinpoint_jax.report import tables

GALLERIES = ('gallery_photo', 'gallery_street')
QUERIES = ('query_photo_known', 'query_photo_new', 'query_street')
# Embedders by the sources they are trained on.
VARIANTS = ('both', *types.SOURCES)
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
    'location_top1: the gallery place whose location embedding is nearest to '
    'the image embedding.',
    'one source: the embedder was trained on the query’s source alone.',
    'argmax takes the best candidate; expected_score the one with the highest '
    'expected GeoScore among the best 256.',
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
    backbone = backbones.load(
        run.config.backbone, ops=run.config.preprocess or None)
    features = _features(run, backbone, GALLERIES + QUERIES)
  with _stage('embedders', seconds):
    trained = {variant: location_system.LocationSystem(_train(run, variant))
               for variant in VARIANTS}
  with _stage('evaluate', seconds):
    rows = list(_rows(run.config, features, trained))
  provenance = _provenance(run.config, backbone, features, seconds)
  rows = [row | {'provenance': provenance} for row in rows]
  _report(run, dataset, rows, seconds)


@contextlib.contextmanager
def _stage(name: str, seconds: dict[str, float]) -> Iterator[None]:
  print(f'{name} …', flush=True)
  started = time.monotonic()
  yield
  seconds[name] = round(time.monotonic() - started, 1)
  print(f'{name}: {seconds[name]} s', flush=True)


def _features(run: launch.Run, backbone: backbone_lib.Backbone,
              splits: Sequence[str]) -> Tables:
  """Features of every split: JPEGs on disk to feature stores, read back."""
  folder = run.workdir / 'features'
  shutil.rmtree(folder, ignore_errors=True)  # Of an earlier run.
  found = {}
  for split in splits:
    source = open_source.open_source(
        'csv', run.workdir / 'data' / split,
        source='street' if split.endswith('street') else 'photo')
    plan = extract.Plan(processes=run.config.decode_processes,
                        max_failed_share=0.0)
    found[split] = extract.extract(
        source, backbone, folder / split, plan).table()
  return found


def _train(run: launch.Run, variant: str) -> embedder_files.Trained:
  """The embedder of both sources, or of one."""
  config = run.config.embedder.copy_and_resolve_references()
  config.seed = run.config.seed
  config.model.sources = types.SOURCES if variant == 'both' else (variant,)
  for source in types.SOURCES:
    config.stores[source] = str(
        run.workdir / 'features' / f'gallery_{source}' / 'store')
  workdir = run.workdir / 'embedder' / variant
  shutil.rmtree(workdir, ignore_errors=True)  # Of an earlier run.
  train_embedder.train(launch.Run(config, {'allow_config_change': ''}, workdir))
  return embedder_files.load(workdir / 'model')


def _rows(config: config_dict.ConfigDict, features: Tables,
          trained: Mapping[str, location_system.LocationSystem],
          ) -> Iterator[dict[str, Any]]:
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
      # The ablation needs one gallery; the table is long enough.
      only = (queries.photos.source,) if gallery_name == 'combined' else ()
      for variant in ('both', *only):
        yield from _location_rows(
            config, dataclasses.replace(
                about, system='location_top1',
                variant='' if variant == 'both' else 'one source'),
            trained[variant], queries, gallery)


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


def _location_rows(
    config: config_dict.ConfigDict, about: results.Setting,
    system: location_system.LocationSystem, queries: types.FeatureTable,
    gallery: types.FeatureTable) -> Iterator[dict[str, Any]]:
  for found in system.answer(queries.photos, queries.features, gallery.photos,
                             config.filters, config.distance):
    yield results.row(
        dataclasses.replace(about, filter=found.filter, decode=found.decode),
        found.errors, {}, num_resamples=config.num_resamples)


def _gallery(features: Tables, source: types.Source,
             name: str) -> types.FeatureTable:
  if name == 'combined':
    return geolocation.concatenate([features[split] for split in GALLERIES])
  if name == 'same_source':
    return features[f'gallery_{source}']
  raise ValueError(f'--config.galleries: no gallery {name!r}; choices are '
                   f'combined, same_source')


def _provenance(
    config: config_dict.ConfigDict, backbone: backbone_lib.Backbone,
    features: Tables, seconds: Mapping[str, float]) -> dict[str, Any]:
  parts = ''.join(features[split].fingerprint() for split in sorted(features))
  return {
      'config_hash': run_record.config_hash(config),
      'git': run_record.git_revision(),
      'data': f'synthetic_earth/{config.world_size}/seed{config.seed}',
      'data_hash': hashlib.sha256(parts.encode()).hexdigest()[:16],
      'model': f'{backbone.name} ({backbone.weight_hash[:16]}) after '
               f'{backbone.preprocess}',
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
