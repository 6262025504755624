"""The main job end to end on Synthetic Earth; `make demo` runs it.

Makes a world of photos and street views as feature stores, trains embedders of
photos and places, builds their galleries, trains rerankers on photos that lie
in no gallery, answers every query with every system, judges what can be claimed
from that, and writes results.json, claims.json, errors/, results.md, table.html
(every row) and report.html (what came out, with pictures) to the workdir.
Synthetic Earth is made up: its figures compare systems with each other and say
nothing about real photographs.
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import hashlib
import pathlib
import shutil
import sys
import time
from typing import Any

from experiments.demo_stages import (
  claims,
  figures,
  ideal,
  models,
  page,
  worlds,
)
from experiments.demo_stages import jobs as demo_jobs
from experiments.run import launch, run_record
from input_pipeline.picture_earth import dataset as pictures
from input_pipeline.picture_earth import sheets
from ml_collections import config_dict
from pinpoint_jax import types
from pinpoint_jax.evals import errors_file, evaluation, results
from pinpoint_jax.features import store
from pinpoint_jax.report import tables

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
    'interaction: a network that compares query and candidate coordinate by '
    'coordinate and reads columns: density, what both sources show near the '
    'candidate, the region prior.',
    'attention: a Transformer over the same.',
    'full: of interaction and attention the one that is better on held-out '
    'examples.',
    'linear: the weighted sum of similarities and columns that full corrects, '
    'without its network.',
    'full_no_support: full without what the other source shows near the '
    'candidate.',
    'full_single_source: embedder, gallery and reranker of the query’s source '
    'alone.',
    'full_pairwise: the paper’s form: attention, pairwise margin, no columns, '
    'nothing beside the network.',
    'ideal: a chooser that knows the world, among the same shortlist.',
    'network: the share of answers that a network changes against its linear '
    'part, and its share of the variance of the scores.',
    'one source: of an embedder that learned from the query’s source alone.',
    'geoclip_style: GeoCLIP’s location tower and loss on the same features, '
    'nearest gallery place.',
    'oracle: the shortlist’s candidate nearest to the truth.',
    'argmax takes the best candidate; expected_score the one with the highest '
    'expected GeoScore among the candidates.',
)
_VARIANTS = ('one source',)


def main(run: launch.Run) -> None:
  """Make the world, train, build, rerank, answer, score, judge, report."""
  config, workdir, seconds = run.config, run.workdir, {}
  with demo_jobs.Jobs(models.fresh(workdir / 'logs'), config.jobs) as jobs:
    with _stage('world', seconds):
      stores = worlds.make(config, workdir, jobs)
    routed = _train(config, workdir, jobs, seconds)
    with _stage('evaluate', seconds):
      done = _evaluate(config, workdir, jobs)
  about = _provenance(config, stores, seconds)
  rows = sorted([row | {'provenance': row['provenance'] | about}
                 for row in done.rows], key=_order)
  with _stage('claims', seconds):
    errors_file.write(workdir / 'errors', done.errors, done.ids,
                      config.distance)
    verdicts = claims.judged(rows, done.errors, config.num_resamples)
  remarks = [f'Router: {routed["test"]["accuracy"]:.2%} of the queries are '
             f'sent to the task of their source by their feature alone.']
  leaks = figures.leaks(rows)
  if leaks:
    remarks.append('Hiding the author’s own photos, at 1 km: '
                   + '; '.join(leaks) + '.')
  with _stage('page', seconds):
    run_record.write_json(workdir / 'results.json', rows)
    run_record.write_json(workdir / 'claims.json', verdicts)
    page.write(config, workdir, rows, verdicts, remarks)
  remarks.append('Time: ' + ', '.join(
      f'{name} {spent} s' for name, spent in seconds.items()))
  _report(run, rows, verdicts, remarks)


def _train(config: config_dict.ConfigDict, workdir: Any, jobs: demo_jobs.Jobs,
           seconds: dict[str, float]) -> Mapping[str, Any]:
  """Everything that learns; the router's figures."""
  with _stage('embedders', seconds):
    jobs.run({f'embedder {name}': (models.embedder, (config, workdir, name))
              for name in config.embedders})
  with _stage('galleries', seconds):
    for name in config.embedders:
      models.gallery(workdir, name, models.mode_of(name))
  with _stage('rerankers', seconds):
    models.fresh(workdir / 'shortlists')
    jobs.run({f'{source} rerankers': (
        models.rerankers, (config, workdir, source))
              for source in types.SOURCES})
  with _stage('router', seconds):
    routed = models.router(workdir, figures.QUERIES)
  with _stage('model', seconds):
    models.whole(config, workdir)
  return routed


def _evaluate(config: config_dict.ConfigDict, workdir: Any,
              jobs: demo_jobs.Jobs) -> evaluation.Evaluated:
  """All rows of the table, and the errors of all queries."""
  work = {f'figures {part.name}': (figures.evaluated, (config, workdir, part))
          for part in figures.parts(config)}
  if config.world.kind == 'features':
    work |= {f'ideal {split}': (ideal.rows, (config, workdir, split))
             for split in QUERIES}
  done = evaluation.Evaluated([], [])
  for part in jobs.run(work):
    done.rows.extend(part.rows)
    done.errors.update(part.errors)
    done.ids.update(part.ids)
  return done


@contextlib.contextmanager
def _stage(name: str, seconds: dict[str, float]) -> Iterator[None]:
  print(f'{name} …', flush=True)
  started = time.monotonic()
  yield
  seconds[name] = round(time.monotonic() - started, 1)
  print(f'{name}: {seconds[name]} s', flush=True)


def _order(row: Mapping[str, Any]) -> tuple[Any, ...]:
  """Query sets apart, the main gallery first, variants last, by system."""
  return (QUERIES.index(row['queries']), row['gallery'] != 'combined',
          row['filter'] != 'none', row['variant'] != '',
          results.SYSTEMS.index(row['system']))


def _provenance(
    config: config_dict.ConfigDict, stores: Mapping[str, store.FeatureStore],
    seconds: Mapping[str, float]) -> dict[str, Any]:
  parts = ''.join(stores[split].fingerprint() for split in sorted(stores))
  return {
      'config_hash': run_record.config_hash(config),
      'git': run_record.git_revision(),
      'data': worlds.name(config),
      'data_hash': hashlib.sha256(parts.encode()).hexdigest()[:16],
      'backbone': worlds.origin(stores),
      'versions': run_record.versions(),
      'seconds_by_stage': dict(seconds),
  }


def _report(run: launch.Run, rows: Sequence[Mapping[str, Any]],
            verdicts: Sequence[Mapping[str, Any]],
            remarks: Sequence[str]) -> None:
  """Writes tables of all rows; prints the main one and where all is."""
  workdir = run.workdir
  shown = {'Every system': figures.systems(rows),
           'What each part is worth': figures.left_out(rows)}
  text = ''.join(f'\n## {caption}\n\n{tables.markdown(part)}'
                 for caption, part in shown.items())
  claimed = tables.claims_markdown(verdicts)
  (workdir / 'results.md').write_text(
      f'# Synthetic Earth (synthetic)\n\n{INTRO}\n{text}\n## Claims\n\n'
      f'{claimed}', encoding='utf-8')
  (workdir / 'table.html').write_text(tables.page(
      'Synthetic Earth (synthetic)', INTRO, shown, _samples(run),
      [*_notes(rows), *remarks], claims=verdicts,
      links={'Photos, answers and curves of this run': 'report.html'},
  ), encoding='utf-8')
  print(f'\n{tables.markdown(figures.main_rows(rows))}\n{claimed}\n'
        + '\n'.join(remarks[:-1]) +
        f'\nall {len(rows)} rows, with filters, galleries and ablations:\n'
        f'figures  {workdir / "results.json"}\n'
        f'claims   {workdir / "claims.json"}\n'
        f'table    {workdir / "table.html"}\n'
        f'page     {workdir / "report.html"}\n\n'
        f'Answers for photos that the model has never seen:\n'
        f'  {_pinpoint()} predict {workdir / "features/query_photo_new/store"} '
        f'--model={workdir / "model"} '
        f'--gallery={workdir / "gallery/both_combined"}')


def _samples(run: launch.Run) -> dict[str, str]:
  """Pictures of the world, where they are what its features are made of."""
  if run.config.world.kind != 'pixels':
    return {}
  earth = pictures.PictureEarth(worlds.world(run.config))
  sheets.contact_sheet(earth).save(run.workdir / 'samples.png')
  return {'Samples of the world': 'samples.png'}


def _pinpoint() -> str:
  """The command as it can be typed here: `make` activates no environment."""
  beside = pathlib.Path(sys.executable).with_name('pinpoint')
  if shutil.which('pinpoint') or not beside.exists():
    return 'pinpoint'
  here = pathlib.Path.cwd()
  return str(beside.relative_to(here) if beside.is_relative_to(here)
             else beside)


def _notes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
  """What the words of the table mean; nothing of systems it does not have."""
  absent = {*results.SYSTEMS, *_VARIANTS} - {
      row[name] for row in rows for name in ('system', 'variant')}
  return [note for note in NOTES
          if not absent.intersection(note.partition(':')[0].split(', '))]


if __name__ == '__main__':
  launch.run(main)
