r"""Our figures beside the published ones: Markdown, LaTeX and HTML.

  python -m experiments.make_tables --results=R.json[,FOLDER] --out=DIR
  python -m experiments.make_tables --tables=im2gps3k,yfcc4k --out=DIR

Each file is a results.json (of evaluate, with --config or --predictions, of
crossval or demo), each folder has one. DIR gets tables.md, tables.tex and
tables.html, one table for each query set that the results have, or for those
that --tables names: im2gps3k, yfcc4k, osv5m and commons26 have published rows.

A table has the published rows with their sources, then ours: unfiltered, and
without the gallery rows of the query's author. A figure that we lack is
`missing`, with the command that fills it; rows that come from another
revision, model, gallery or data than the others are marked, and what differs
is said below.
"""

from collections.abc import Sequence
import pathlib
from typing import Any

from experiments.run import launch
from pinpoint_jax.disk import files
from pinpoint_jax.evals import results_file
from pinpoint_jax.report import benchmark_tables, latex, published, tables

FLAGS = (
    launch.Flag('results', None, 'Files of results, or folders of runs that '
                'have a results.json, separated by commas.'),
    launch.Flag('out', None, 'Folder for tables.md, tables.tex, tables.html.'),
    launch.Flag('tables', '', 'Query sets to show, separated by commas; empty '
                'shows all that the results have.'),
    launch.Flag('distance', 'haversine', 'Which kilometre our rows are printed '
                'by: a `distance` of the results.'),
    launch.Flag('decode', 'argmax', 'argmax or expected_score.'),
)
WAYS = (('results', 'out'), ('tables', 'out'))
_TITLE = 'Figures beside the published ones'
_INTRO = ('Published rows are printed as their owners print them. A figure '
          'that we have not measured is called missing.')


def main(run: launch.Run) -> None:
  """Reads the results, writes the tables, names what was written."""
  flags = run.flags
  written = make(
      [pathlib.Path(path) for path in _listed(flags['results'] or '')],
      pathlib.Path(flags['out']), _listed(flags['tables']), flags['distance'],
      flags['decode'])
  print(written[0].read_text(encoding='utf-8'))
  for path in written:
    print(f'written  {path}')


def make(results: Sequence[pathlib.Path], out: pathlib.Path,
         wanted: Sequence[str] = (), distance: str = 'haversine',
         decode: str = 'argmax',
         command_fn: benchmark_tables.CommandFn | None = None,
         ) -> list[pathlib.Path]:
  """Tables of those results.json, written to `out`; gives the three paths.

  wanted: names of query sets; none named is all that the results have.
  command_fn: from a query set's name to the command that fills its cells;
    None is `command`.
  """
  rows = _rows(results)
  by_title = {benchmark_tables.title(name, rows): benchmark_tables.table(
      name, rows, command_fn or command, distance, decode)
              for name in benchmark_tables.names(rows, wanted)}
  if not by_title:
    raise ValueError('no table to make: name results in --results, or query '
                     'sets in --tables')
  texts = {
      'tables.md': f'# {_TITLE}\n\n{_INTRO}\n' + ''.join(
          f'\n## {caption}\n\n{tables.markdown(table)}'
          for caption, table in by_title.items()),
      'tables.tex': latex.document(by_title),
      'tables.html': tables.page(_TITLE, _INTRO, by_title)}
  out.mkdir(parents=True, exist_ok=True)
  for name, text in texts.items():
    with files.atomic(out / name) as file:
      file.write(text.encode())
  return [out / name for name in texts]


def command(name: str) -> str:
  """The command that gives every figure of a query set's table."""
  if name in published.benchmarks():
    return (f'python -m experiments.reproduce --config={name} '
            f'--workdir=runs/{name}')
  return ('python -m experiments.evaluate --config=evaluate --workdir=W '
          '--config.model=E/model --config.gallery=G --config.queries=STORE '
          '--config.rerankers.photo=R/model')


def _rows(paths: Sequence[pathlib.Path]) -> list[dict[str, Any]]:
  """Rows of all files; refuses one that is there twice."""
  rows, whose = [], {}
  for path in paths:
    for row in results_file.read(path):
      key = tuple(row[name] for name in results_file.KEY)
      if whose.get(key) == path:
        raise ValueError(f'{path} has figures of {key} twice: evaluate again')
      if key in whose:
        raise ValueError(f'{whose[key]} and {path} both have figures of {key}: '
                         f'name one of them in --results')
      whose[key] = path
      rows.append(row)
  return rows


def _listed(text: str) -> list[str]:
  return [word for word in text.split(',') if word]


def run() -> None:
  """Entry of the binary and of `pinpoint make-tables`."""
  launch.run(main, FLAGS, WAYS)


if __name__ == '__main__':
  run()
