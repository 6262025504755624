r"""Scores a model and a gallery, or anybody's predictions, against the truth.

  python -m experiments.evaluate \
    --config=evaluate --workdir=W \
    --config.model=E/model --config.gallery=G --config.queries=STORE[,STORE] \
    --config.rerankers.photo=R/model --config.rerankers.street=S/model

answers every query by every system there is (raw_1nn, image_top1,
location_top1, retrieval, light, full, oracle) under every filter and decoding,
beside chance and the best constant place.
W gets results.json, results.md, errors/, predictions.csv, the answers of the
best system, and report.html, a page about these answers (`pinpoint report
--run=W` makes files of its plots). Without rerankers, `retrieval` needs
--config.fusion.photo=(…).
--config.region='country:FR' answers from the gallery rows of that region;
--config.names=data/osv5m/test.csv adds OSV-5M's administrative accuracies.

  python -m experiments.evaluate --predictions=P.csv --truth=T.csv --out=R.json

P.csv has columns id, lat, lng; T.csv has id, lat, lng and may have author,
sequence and OSV-5M's unique_country, unique_region, unique_sub-region and
unique_city. Row order is free; missing, extra and duplicate ids are refused.

--predictions=A.csv,B.csv compares: it prints the figures of each and the paired
difference of every two of them, photo by photo, with its interval, and writes
R.differences.json too; all files must answer the same ids. With
--constant_from=GALLERY, a feature store or a CSV of other photos, `constant` is
compared, too: the best single place of these, never of the truth.

Prints the figures and writes them to R.json, one row for each way in which
published tables measure a kilometre:
  haversine       mean Earth radius 6371.0088 km   (this product)
  haversine_6371  6371 km                          (OSV-5M, PLONK)
  haversine_6378  6378.137 km                      (PIGEON)
  geodesic        WGS84, strictly below            (G3, GeoRanker)
  geodesic_le     WGS84, below or equal            (GeoCLIP)
Intervals are 95 %, bootstrapped by photographer where the truth names them.
"""

import dataclasses
import pathlib
import time

from experiments import predictions_file
from experiments.configs import evaluate as configs
from experiments.report_stages import evaluation as evaluation_page
from experiments.run import config_file, distributed, launch, run_record
import jax
from ml_collections import config_dict
from pinpoint_jax import types
from pinpoint_jax.answer import open_systems
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.disk import files
from pinpoint_jax.evals import (
  administrative,
  errors_file,
  evaluation,
  query_sets,
)
from pinpoint_jax.report import run_page, tables
from pinpoint_jax.rerank import fusion

FLAGS = (
    launch.Flag('predictions', None, 'CSV of answers: columns id, lat, lng; or '
                'several, separated by commas, to compare them.'),
    launch.Flag('truth', None, 'CSV of true places: id, lat, lng, optionally '
                'author, sequence and the unique_* columns of OSV-5M.'),
    launch.Flag('out', None, 'File of results to write, JSON.'),
    launch.Flag('table', 'predictions', 'Name of the table, written into each '
                'row of the results.'),
    launch.Flag('system', 'unknown', 'Name of the system that made the '
                'predictions; several, separated by commas, are named after '
                'their files.'),
    launch.Flag('query_source', 'photo', 'photo or street.'),
    launch.Flag('constant_from', '', 'Gallery, feature store or CSV of other '
                'photos: the best single place among theirs is compared with '
                'the predictions as `constant`.'),
    launch.Flag('num_resamples', 1000, 'Bootstrap resamples for the '
                'intervals; 0 for none.'),
    launch.Flag('swapped', 'refuse', 'Where LAT and LON headers are swapped: '
                'refuse or fix.'),
)
# A model and its gallery, or a file of predictions.
WAYS = (('config', 'workdir'), ('predictions', 'truth', 'out'))


def main(run: launch.Run) -> None:
  """Scores a model's answers, or those of a file."""
  if run.config is None:
    predictions_file.score(run)
    return
  mixed = [name for name in WAYS[1] if run.flags[name]]
  if mixed:
    raise ValueError(f'--{mixed[0]} scores a file of predictions, --config '
                     f'evaluates a model: give one of them; see --help')
  with (distributed.joined(run.config, stops_alone=True),
        distributed.only_first_speaks()):
    launch.exit_on_signals()  # Joined, jax takes them for itself.
    if jax.process_index() == 0:
      run_record.write(run.workdir, run.config)
    write(run.config, run.workdir)


def write(config: config_dict.ConfigDict, workdir: pathlib.Path) -> None:
  """Evaluates; writes results.json, results.md and predictions.csv."""
  begun = time.monotonic()
  opened, queries = open_parts(config)
  evaluated = _scored(config, opened, queries, begun)
  if jax.process_index():
    return  # All have the same; the first one writes it.
  workdir.mkdir(parents=True, exist_ok=True)
  files.write_csv(workdir / 'predictions.csv',
                  [evaluation.HEAD, *evaluated.answers])
  run_record.write_json(workdir / 'results.json', evaluated.rows)
  errors_file.write(workdir / 'errors', evaluated.errors, evaluated.ids,
                    config.distances[0])
  shown = [row for row in evaluated.rows
           if row['distance'] == config.distances[0]]
  run_page.write(workdir / 'report.html', evaluation_page.page(
      evaluation_page.Evaluation(config, opened, queries, evaluated.rows,
                                 evaluated.answers)))
  table = tables.markdown(shown)
  (workdir / 'results.md').write_text(table)
  print(f'\n{table}\nfigures  {workdir / "results.json"}\n'
        f'answers  {workdir / "predictions.csv"}\n'
        f'page     {workdir / "report.html"}')


def read(workdir: pathlib.Path) -> evaluation_page.Evaluation:
  """What was evaluated there, opened again, without its rerankers."""
  config = config_file.from_text(
      (workdir / 'config.txt').read_text(encoding='utf-8'),
      configs.get_config(), str(workdir / 'config.txt'))
  rows, answers = evaluation_page.read(workdir)
  bare = config.copy_and_resolve_references()
  bare.rerankers.photo = bare.rerankers.street = ''
  bare.fusion.photo = bare.fusion.street = bare.names = ''
  bare.systems = ()
  opened, queries = open_parts(bare)
  return evaluation_page.Evaluation(config, opened, queries, rows, answers)


def evaluate(config: config_dict.ConfigDict,
             hidden: evaluation.Hidden | None = None) -> evaluation.Evaluated:
  """Figures and answers of a config; rows say where they come from.

  hidden: rows that further filters hide from each query.
  """
  begun = time.monotonic()
  return _scored(config, *open_parts(config), begun, hidden)


def open_parts(config: config_dict.ConfigDict) -> tuple[
    open_systems.OpenGallery, list[query_sets.QuerySet]]:
  """The gallery and the query sets of a config, with what answers them."""
  for name, what in (('model', 'the folder that train_embedder exported'),
                     ('gallery', 'the folder that build_gallery made'),
                     ('queries', 'a feature store, or several between commas')):
    if not config[name]:
      raise ValueError(f'--config.{name} is empty: name {what}')
  _settings(config)  # Refused before anything is opened.
  opened = open_systems.OpenGallery(config.model, config.gallery, config.search,
                                    together=jax.process_count() > 1)
  rerankers = {source: list(filter(None, config.rerankers[source].split(',')))
               for source in types.SOURCES}
  queries = query_sets.open_all(
      opened, config.queries.split(','), rerankers,
      {source: _systems(config, source) for source in types.SOURCES})
  distributed.check_same('a gallery, model or query set', [
      opened.gallery.fingerprint(), opened.trained.fingerprint,
      *(dict(some.data) for some in queries)])
  return opened, _named(queries, config.names)


def _scored(config: config_dict.ConfigDict, opened: open_systems.OpenGallery,
            queries: list[query_sets.QuerySet], begun: float,
            hidden: evaluation.Hidden | None = None) -> evaluation.Evaluated:
  evaluated = evaluation.evaluate(opened, queries, _settings(config), hidden)
  origin = {
      'config_hash': run_record.config_hash(config),
      'git': run_record.git_revision(), 'versions': run_record.versions(),
      'model': opened.trained.fingerprint,
      'gallery': opened.gallery.fingerprint(),
      'seconds_in_all': round(time.monotonic() - begun, 3)}
  return dataclasses.replace(evaluated, rows=[
      row | {'provenance': {**origin, **row['provenance']}}
      for row in evaluated.rows])


def _named(queries: list[query_sets.QuerySet],
           path: str) -> list[query_sets.QuerySet]:
  """Query sets with their names of places, from a CSV; '' has none."""
  if not path:
    return queries
  truth, names = predictions_file.read_truth(path, 'mixed')
  if not names:
    raise ValueError(f'--config.names={path}: there is none of the columns '
                     f'{list(administrative.COLUMNS.values())}')
  return [some.named(truth.ids, names) for some in queries]


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


def run() -> None:
  """Entry of the binary and of `pinpoint evaluate`."""
  launch.run(main, FLAGS, WAYS, record=False)


if __name__ == '__main__':
  run()
