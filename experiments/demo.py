"""The main job end to end on Synthetic Earth; `make demo` runs it.

Renders JPEGs, extracts features of a small ViT into feature stores, trains
embedders of photos and places, builds their galleries, trains rerankers on
photos that lie in no gallery, answers every query with every system, and
writes results.json, results.md and report.html to the workdir. Synthetic Earth
is made up: its figures compare systems with each other and say nothing about
real photographs.
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import hashlib
import time
from typing import Any

from experiments.demo_stages import figures, models
from experiments.demo_stages import jobs as demo_jobs
from experiments.run import launch, run_record, training_run
from input_pipeline import open_source
from input_pipeline.synthetic_earth import contact_sheet
from input_pipeline.synthetic_earth import dataset as synthetic
from ml_collections import config_dict
from pinpoint_jax import types
from pinpoint_jax.evals import results
from pinpoint_jax.features import backbone as backbone_lib
from pinpoint_jax.features import backbones, extract, store
from pinpoint_jax.report import tables

GALLERIES = ('gallery_photo', 'gallery_street')
RERANK = ('rerank_photo', 'rerank_street')
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
    'gallery combined: photos and street views; same_source: the query’s '
    'source alone.',
    'chance: a random gallery row, mean over 20 draws per query.',
    'raw_1nn: the place of the gallery photo with the nearest feature, by '
    'cosine.',
    'image_top1: the gallery photo whose image embedding is nearest.',
    'location_top1: the gallery place whose location embedding is nearest to '
    'the image embedding.',
    'retrieval: the best of a shortlist by a weighted sum of the three '
    'similarities.',
    'light: a small network over hand-made features of a long shortlist.',
    'full: the attention reranker, which also sees what the other source shows '
    'near each candidate; full_no_support does not.',
    'full_single_source: embedder, gallery and reranker of the query’s source '
    'alone.',
    'one source: the same of an embedder that learned from the query’s source '
    'alone.',
    'no location channel, no raw channel: it proposes no candidate and has no '
    'token; its similarity still counts. Without raw features there is no '
    'prior either.',
    'no prior: without the kernel ridge beside the similarities.',
    'set-aware: candidates attend to each other.',
    'geoclip_style: GeoCLIP’s location tower and loss on the same features, '
    'nearest gallery place.',
    'oracle: the shortlist’s candidate nearest to the truth.',
    'argmax takes the best candidate; expected_score the one with the highest '
    'expected GeoScore among the candidates.',
)
_VARIANTS = ('one source', 'no location channel', 'no raw channel', 'no prior',
             'set-aware')


def main(run: launch.Run) -> None:
  """Render, extract, train, build, rerank, answer, score, report."""
  seconds: dict[str, float] = {}
  training_run.share_compilations(models.fresh(run.workdir / 'compiled'))
  dataset = synthetic.SyntheticEarth(run.config.world_size, run.config.seed)
  with _stage('render', seconds):
    for split in (*GALLERIES, *RERANK, *QUERIES):
      dataset.write_folder(
          run.workdir / 'data' / split, split, run.config.processes)
  with _stage('features', seconds):
    backbone = backbones.load(
        run.config.backbone, ops=run.config.preprocess or None)
    stores = _features(run, backbone)
  with demo_jobs.Jobs(models.fresh(run.workdir / 'logs'),
                      run.config.jobs) as jobs:
    routed, rows = _train_and_evaluate(run, jobs, seconds)
  about = _provenance(run.config, backbone, stores, seconds)
  rows = [row | {'provenance': row['provenance'] | about} for row in rows]
  _report(run, dataset, sorted(rows, key=_order), [
      f'Router: {routed["test"]["accuracy"]:.2%} of the queries are sent to '
      f'the task of their source by their feature alone.',
      'Time: ' + ', '.join(f'{name} {spent} s'
                           for name, spent in seconds.items())])


def _train_and_evaluate(
    run: launch.Run, jobs: demo_jobs.Jobs, seconds: dict[str, float],
) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
  """The router's figures, and the rows of the table."""
  config, workdir = run.config, run.workdir
  with _stage('embedders', seconds):
    jobs.run({f'embedder {name}': (models.embedder, (config, workdir, name))
              for name in config.embedders})
  with _stage('galleries', seconds):
    for name in config.embedders:
      for mode in models.galleries(name):
        models.gallery(workdir, name, mode)
  with _stage('rerankers', seconds):
    models.fresh(workdir / 'shortlists')
    jobs.run({f'{source} rerankers': (
        models.rerankers, (config, workdir, source))
              for source in types.SOURCES})
  with _stage('router', seconds):
    routed = models.router(workdir, figures.QUERIES)
  with _stage('evaluate', seconds):
    parts = jobs.run({f'figures {part.name}': (
        figures.rows, (config, workdir, part))
                      for part in figures.parts(config)})
  return routed, [row for rows in parts for row in rows]


@contextlib.contextmanager
def _stage(name: str, seconds: dict[str, float]) -> Iterator[None]:
  print(f'{name} …', flush=True)
  started = time.monotonic()
  yield
  seconds[name] = round(time.monotonic() - started, 1)
  print(f'{name}: {seconds[name]} s', flush=True)


def _features(run: launch.Run, backbone: backbone_lib.Backbone,
              ) -> dict[str, store.FeatureStore]:
  """Features of every split: JPEGs on disk to feature stores."""
  folder = models.fresh(run.workdir / 'features')
  stores = {}
  for split in (*GALLERIES, *RERANK, *QUERIES):
    source = open_source.open_source(
        'csv', run.workdir / 'data' / split,
        source='street' if split.endswith('street') else 'photo')
    plan = extract.Plan(processes=run.config.decode_processes,
                        max_failed_share=0.0)
    stores[split] = extract.extract(source, backbone, folder / split, plan)
  return stores


def _order(row: Mapping[str, Any]) -> tuple[Any, ...]:
  """Query sets apart, the main gallery first, variants last, by system."""
  return (QUERIES.index(row['queries']), row['gallery'] != 'combined',
          row['filter'] != 'none', row['variant'] != '',
          results.SYSTEMS.index(row['system']))


def _provenance(
    config: config_dict.ConfigDict, backbone: backbone_lib.Backbone,
    stores: Mapping[str, store.FeatureStore],
    seconds: Mapping[str, float]) -> dict[str, Any]:
  parts = ''.join(stores[split].fingerprint() for split in sorted(stores))
  return {
      'config_hash': run_record.config_hash(config),
      'git': run_record.git_revision(),
      'data': f'synthetic_earth/{config.world_size}/seed{config.seed}',
      'data_hash': hashlib.sha256(parts.encode()).hexdigest()[:16],
      'backbone': f'{backbone.name} ({backbone.weight_hash[:16]}) after '
                  f'{backbone.preprocess}',
      'versions': run_record.versions(),
      'seconds_by_stage': dict(seconds),
  }


def _report(run: launch.Run, dataset: synthetic.SyntheticEarth,
            rows: Sequence[Mapping[str, Any]],
            remarks: Sequence[str]) -> None:
  """Writes results.json, results.md, report.html and prints the main table."""
  run_record.write_json(run.workdir / 'results.json', rows)
  shown = {'Every system': figures.systems(rows),
           'What each part is worth': figures.left_out(rows)}
  text = ''.join(f'\n## {caption}\n\n{tables.markdown(part)}'
                 for caption, part in shown.items())
  (run.workdir / 'results.md').write_text(
      f'# Synthetic Earth (synthetic)\n\n{INTRO}\n{text}')
  contact_sheet.contact_sheet(dataset).save(run.workdir / 'samples.png')
  page = run.workdir / 'report.html'
  page.write_text(tables.page(
      'Synthetic Earth (synthetic)', INTRO, shown,
      {'Samples of the world': 'samples.png'}, [*_notes(rows), *remarks]))
  print(f'\n{tables.markdown(figures.main_rows(rows))}\n'
        f'{remarks[0]}\n'
        f'all {len(rows)} rows, with filters, galleries and ablations:\n'
        f'figures  {run.workdir / "results.json"}\npage     {page}')


def _notes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
  """What the words of the table mean; nothing of systems it does not have."""
  absent = {*results.SYSTEMS, *_VARIANTS} - {
      row[name] for row in rows for name in ('system', 'variant')}
  return [note for note in NOTES
          if not absent.intersection(note.partition(':')[0].split(', '))]


if __name__ == '__main__':
  launch.run(main)
