r"""What queries share with the rows that answer them, and what that is worth.

  python -m experiments.audit_leakage --config=audit_leakage --workdir=W \
    --config.queries=STORE --config.gallery=G

(or `pinpoint audit` with the same words) finds every pair of a query and a row
of the gallery (or of the training set --config.rows=STORE,STORE) that is the
same photo, a copy of it, a part of it, alike by feature, by one author, of one
sequence, of one day or near by. Days need --config.days=FILE.csv. Pictures need
fingerprints, which hash_photos makes once for each data set:

    --config.query_prints=Q/prints --config.row_prints=P/prints

Figures with and without each: of raw_1nn; with --config.model=M and what else
evaluate takes, of every system, answered anew without the rows of each leak;
with --config.answers=E/errors or answers.csv, of those answers on the queries
that share nothing. `filter=author` of evaluate is one of them, to the digit.

W gets audit.md to read, audit.json for scripts, and pairs.csv with the pairs,
at most --config.most_pairs of each query and kind. docs/audit.md says what each
kind means and how thresholds were chosen.
"""

from collections.abc import Mapping
import pathlib
import re
from typing import Any

from experiments import evaluate
from experiments.run import launch, run_record
from input_pipeline import csv_table, day_table
from ml_collections import config_dict
from pinpoint_jax import types
from pinpoint_jax.audit import audit, copies, features, figures, pairs, prints
from pinpoint_jax.audit import table as tables
from pinpoint_jax.disk import files
from pinpoint_jax.evals import (
  alignment,
  errors_file,
  geolocation,
  metrics,
  query_sets,
  results,
)
from pinpoint_jax.features import store as stores
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.report import audit_text


def main(run: launch.Run) -> None:
  """Looks for pairs, has them judged, writes."""
  config = run.config
  _check(config)
  store = stores.open_store(config.queries)
  queries = store.photos
  table = _table(config)
  found = _audit(config, store, queries, table)
  name = query_sets.name_of(store.path)
  for kind, counts in audit.summary(found.kinds).items():
    print(f'{kind}: {counts["queries"]:,} of {len(queries):,} queries',
          flush=True)
  report = {
      'queries': name, 'num_queries': len(queries),
      'against': config.gallery or config.rows, 'num_rows': table.num_live,
      'kinds': audit.summary(found.kinds), 'notes': found.notes,
      'facts': found.facts,
      'figures': _figures(config, name, queries, table, found),
      'provenance': {
          'config_hash': run_record.config_hash(config),
          'git': run_record.git_revision(), 'versions': run_record.versions(),
          'queries': store.fingerprint(), 'rows': table.fingerprint}}
  _write(run.workdir, report, [audit.HEAD, *audit.lines(
      queries, table, found.kinds, config.most_pairs)])


def _check(config: config_dict.ConfigDict) -> None:
  """Refuses what cannot be audited, before any work."""
  if not config.queries or ',' in config.queries:
    raise ValueError(f'--config.queries={config.queries}: name one feature '
                     f'store of queries')
  if bool(config.gallery) == bool(config.rows):
    raise ValueError('name the rows by --config.gallery=G, or by '
                     '--config.rows=STORE[,STORE]: one of the two')
  if config.model and not config.gallery:
    raise ValueError('--config.model answers from a gallery: name one by '
                     '--config.gallery')
  if bool(config.query_prints) != bool(config.row_prints):
    raise ValueError('--config.query_prints and --config.row_prints: pictures '
                     'are compared where both are given')
  if config.most_pairs < 1:
    raise ValueError(f'--config.most_pairs={config.most_pairs}: must be at '
                     f'least 1')
  if tuple(config.filters) != ('none', 'author'):
    raise ValueError('--config.filters: an audit answers with none and author')


def _table(config: config_dict.ConfigDict) -> tables.Table:
  if config.gallery:
    return tables.of_gallery(galleries.open_gallery(config.gallery))
  return tables.of_stores(config.rows.split(','))


def _audit(config: config_dict.ConfigDict, store: stores.FeatureStore,
           queries: types.Photos, table: tables.Table) -> audit.Audit:
  """Everything that is looked for, and notes about what is not."""
  notes = []
  near = {near_name(km): float(km) for km in config.near_km}
  days = None
  if config.days:
    known = day_table.read_days(config.days.split(','))
    days = {'queries': day_table.of(queries.ids, known),
            'rows': day_table.of(table.ids, known)}
    notes += [f'{(day == "").sum():,} of {len(day):,} {what} have no day'
              for what, day in days.items() if (day == '').any()]
  else:
    notes.append('days were not compared: no --config.days')
  audits = [audit.Audit(pairs.of_tables(queries, table, near, days),
                        tuple(notes), {}, None)]
  if config.query_prints:
    opened = [prints.open_prints(config[name].split(','))
              for name in ('query_prints', 'row_prints')]
    audits.append(audit.of_pictures(queries, table, *opened, copies.Settings(
        **config.copies.to_dict())))
  else:
    audits.append(audit.Audit({}, (
        'pictures were not compared: no --config.query_prints',), {}, None))
  audits.append(_by_features(config, store, queries, table))
  return audit.joined(audits)


def _by_features(config: config_dict.ConfigDict, store: stores.FeatureStore,
                 queries: types.Photos, table: tables.Table) -> audit.Audit:
  if config.min_cosine < 0 or not table.raw:
    why = ('--config.min_cosine is below 0' if config.min_cosine < 0 else
           'the gallery has no raw features')
    return audit.Audit({}, (f'features were not compared: {why}',), {}, None)
  features.check_comparable(store.manifest['source'], store.manifest, table)
  return audit.of_features(queries, tables.unit_rows(store), table,
                           config.min_cosine)


def near_name(km: float | int) -> str:
  """The kind of pairs that are at most so far apart: near_25m, near_1km."""
  if not 0 < km <= 100:
    raise ValueError(f'--config.near_km: {km} must be above 0 and at most 100')
  return f'near_{km:g}km' if km >= 1 else f'near_{km * 1000:g}m'


def _figures(config: config_dict.ConfigDict, name: str, queries: types.Photos,
             table: tables.Table, found: audit.Audit) -> list[dict[str, Any]]:
  """Rows of every system that can be judged."""
  # What is in no pair changes nothing; a query never answers itself anyway.
  sets = {leak: one for leak, one in figures.leaks(found.kinds).items()
          if len(one.rows)}
  num = config.num_resamples
  rows = []
  if config.model:
    evaluated = evaluate.evaluate(
        config, {leak: {name: one} for leak, one in sets.items()
                 if leak != 'id'})
    rows += figures.of_evaluation(evaluated.errors, sets, num)
  elif found.alike is not None:
    rows += figures.of_nearest(found.alike, queries, table, name, sets, num)
  for key, errors in _answers(config.answers, name, queries).items():
    rows += figures.of_answers(key, errors, sets, num)
  return rows


def _answers(path: str, name: str, queries: types.Photos) -> Mapping[
    results.Key, metrics.Errors]:
  """Errors of answers that somebody has written down."""
  if not path:
    return {}
  if pathlib.Path(path).is_dir():
    written = errors_file.read(pathlib.Path(path))
    if name not in written.ids:
      raise ValueError(f'--config.answers={path} has errors of '
                       f'{sorted(written.ids)}, none of {name!r}')
    order = alignment.order(written.ids[name], queries.ids)
    return {key: figures.taken(errors, order)
            for key, errors in written.errors.items()
            if key.queries == name and key.filter == 'none'}
  predicted = csv_table.read_photos_csv(
      path, queries.source, allow_null_island=True).photos
  answers = alignment.align(types.Predictions(
      predicted.ids, predicted.latlng_deg), queries.ids)
  system = re.sub(r'\W+', '_', pathlib.Path(path).stem)
  return {results.Key(name, system): geolocation.errors(answers, queries)}


def _write(workdir: pathlib.Path, report: Mapping[str, Any],
           lines: list[Any]) -> None:
  files.write_csv(workdir / 'pairs.csv', lines)
  run_record.write_json(workdir / 'audit.json', report)
  page = audit_text.text(report)
  with files.atomic(workdir / 'audit.md') as file:
    file.write(page.encode())
  print(f'\n{page}\n{len(lines) - 1:,} pairs  {workdir / "pairs.csv"}\n'
        f'this page  {workdir / "audit.md"}')


def run() -> None:
  """Entry of the binary and of `pinpoint audit`."""
  launch.run(main)


if __name__ == '__main__':
  run()
