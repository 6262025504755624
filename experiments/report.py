r"""The page of a run: how far its answers can be trusted, where, and where not.

  pinpoint report --run=runs/demo --out=runs/demo/report
  pinpoint report --model=MODEL --gallery=GALLERY \
    --queries=STORE[,STORE] --out=OUT

Answers photos of known place and writes OUT/report.html, one file that opens
offline: errors, maps, calibration, risk over coverage, figures by continent,
country and gallery density, the best, the worst and the confidently wrong
answers with what spoke for them, and seconds by stage. OUT/confidence.json has
the figures. Every plot and map is a file, too, with its key: errors,
reliability, coverage, risk and a map of each set, in each of --formats.

--run names a folder that `make demo` wrote. Of each query set --photos are
answered, evenly spread over it. The photos must be in no training set and in no
calibration set: these figures are of photos that it has not seen.

  pinpoint report --run=EVALUATION --out=OUT --formats=svg,png,pdf

Or --run is a --workdir of `evaluate`, which wrote such a page of its answers
already: the same page, and its plots as files. What a run has no data for is
named at the end of the page, with the command that has it.
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import json
import pathlib
import time
from typing import Any

from experiments import evaluate
from experiments.report_stages import answers, evaluation
from experiments.report_stages import queries as queries_lib
from experiments.run import launch, run_record
import numpy as np
from pinpoint_jax.answer import predict
from pinpoint_jax.evals import query_sets
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.geo import neighbors
from pinpoint_jax.report import page_records, plot_files, run_page

FLAGS = (
    launch.Flag('run', None, 'Folder of a finished demo, which stands for '
                'model, gallery and queries, or of an evaluation.'),
    launch.Flag('model', None, 'Model directory.'),
    launch.Flag('gallery', None, 'Gallery directory.'),
    launch.Flag('queries', None, 'Feature stores of photos of known place, at '
                'most four, between commas.'),
    launch.Flag('out', None, 'Folder to write.'),
    launch.Flag('photos', 1000, 'Of each set, evenly spread over it.'),
    launch.Flag('num_resamples', 200, 'Of the bootstrap by author.'),
    launch.Flag('search', 'exact', 'exact, or index.'),
    launch.Flag('formats', 'svg', 'Of the plots: svg, png, pdf, between '
                'commas.'),
)
WAYS = (('run', 'out'), ('model', 'gallery', 'queries', 'out'))
_TRAINING = ('the folder of a model does not say. `--run=DEMO` of a whole demo '
             'has them')
_SYSTEMS = ('this page has one. `python -m experiments.evaluate '
            '--config=evaluate` compares them')


def main(run: launch.Run) -> None:
  """Answer, judge, write."""
  options, out = run.flags, pathlib.Path(run.flags['out'])
  formats = plot_files.formats(options['formats'])
  folder = pathlib.Path(options['run'] or '')
  if options['run'] and evaluation.is_there(folder):
    shown = evaluation.page(evaluate.read(folder))
  else:
    shown = _answered(options)
    run_record.write_json(out / 'confidence.json', [
        {'queries': some.name, 'num_missing': some.num_missing, **some.figures,
         'seconds': dict(shown.costs)} for some in shown.sets])
    print(f'figures  {out / "confidence.json"}')
  run_page.write(out / 'report.html', shown)
  for path in plot_files.write(out, shown, formats):
    print(f'plot     {path}')
  print(f'page     {out / "report.html"}')


def _answered(options: Mapping[str, Any]) -> page_records.RunPage:
  """The page of what a model answers."""
  rows = _rows_of(options['run'])
  costs = _costs_of(rows)
  missing = {} if rows else {'Seconds of training': _TRAINING,
                             'Other systems': _SYSTEMS}
  model, gallery, queries = _named(options)
  if len(queries) > queries_lib.MOST_SETS:
    raise ValueError(f'--queries names {len(queries)} stores: a page shows at '
                     f'most {queries_lib.MOST_SETS}')
  with _timed('open the model', costs):
    opened = predict.Pinpoint.load(model, gallery, options['search'])
    rows_there = galleries.open_gallery(gallery)
    index = neighbors.SphereIndex(np.delete(
        rows_there.latlng_deg, rows_there.removed, axis=0))
  sets, cards = [], []
  for path in queries:
    with _timed(f'answer {query_sets.name_of(pathlib.Path(path))}', costs):
      asked = answers.Answered(opened, path, options['photos'])
    with _timed(f'judge {query_sets.name_of(pathlib.Path(path))}', costs):
      sets.append(asked.judged(index, options['num_resamples']))
      cards.append(asked.cards(sets[-1].promises))
  return page_records.RunPage(
      f'How good are the answers of {pathlib.Path(model).name}?',
      queries_lib.note(queries), sets, queries_lib.joined(cards), costs, rows,
      missing | {'Pictures': queries_lib.PICTURES})


def _named(options: Mapping[str, str | None]) -> tuple[str, str, list[str]]:
  """Model, gallery and query stores."""
  if options['run'] is None:
    return (options['model'], options['gallery'],
            [path for path in options['queries'].split(',') if path])
  folder = pathlib.Path(options['run'])
  queries = sorted(str(path) for path in folder.glob('features/query_*/store'))
  if not queries or not (folder / 'model').is_dir():
    raise ValueError(f'--run={folder} is no finished demo: it has '
                     f'{len(queries)} query sets in features/ and '
                     f'{"a" if (folder / "model").is_dir() else "no"} model/; '
                     f'name --model, --gallery and --queries')
  return (str(folder / 'model'), str(folder / 'gallery' / 'both_combined'),
          queries)


def _rows_of(folder: str | None) -> list[dict[str, Any]]:
  """Of the results.json of a demo: its systems as they are, unfiltered."""
  path = pathlib.Path(folder or '') / 'results.json'
  if folder is None or not path.is_file():
    return []
  rows = json.loads(path.read_text(encoding='utf-8'))
  return [row for row in rows
          if (row['gallery'], row['filter'], row['decode'], row['variant'])
          == ('combined', 'none', 'argmax', '')]


def _costs_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
  """Seconds of the stages of a demo."""
  return dict(rows[0]['provenance'].get(
      'seconds_by_stage', {})) if rows else {}


@contextlib.contextmanager
def _timed(stage: str, costs: dict[str, float]) -> Iterator[None]:
  print(f'{stage} …', flush=True)
  started = time.monotonic()
  yield
  costs[stage] = round(time.monotonic() - started, 1)


def run() -> None:
  """Entry of the binary and of `pinpoint report`."""
  launch.run(main, FLAGS, WAYS)


if __name__ == '__main__':
  run()
