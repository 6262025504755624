r"""Demos of several seeds to one table, and which claims hold over all of them.

  python -m experiments.join_seeds --runs=A,B,C --out=DIR     make seeds

DIR gets results.json, every row as the mean of the runs with their standard
deviation; claims.json, every claim that the runs judge, judged again by the
paired differences of all their queries; and both as results.md and report.html.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import json
import pathlib
from typing import Any

from experiments.demo_stages import figures
from experiments.run import launch, run_record
from pinpoint_jax.evals import claims, errors_file, metrics, results, seeds
from pinpoint_jax.report import tables

FLAGS = (
    launch.Flag('runs', None, 'Folders of finished demos, separated by '
                'commas.'),
    launch.Flag('out', None, 'Folder to write.'),
)
INTRO = ('Mean of the seeds ± their standard deviation; each seed is another '
         'world. A claim is judged by the paired difference on the queries of '
         'all seeds, in percentage points or GeoScore, with its 95 % interval, '
         'bootstrapped by photographer or street-view sequence.')

Rows = Sequence[Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Demo:
  """What a finished demo left.

  Attributes:
    rows: of results.json.
    errors: of every query, by the key of the row; None in a demo that judges
      no claims.
    claims: that it judges.
  """

  rows: Rows
  errors: Mapping[results.Key, metrics.Errors] | None
  claims: Sequence[claims.Claim]


def main(run: launch.Run) -> None:
  """Read, join, judge, write."""
  demos = [_read(pathlib.Path(path)) for path in run.flags['runs'].split(',')]
  rows = seeds.joined([demo.rows for demo in demos])
  verdicts = judged(demos)
  title = f'Synthetic Earth (synthetic), {len(demos)} seeds'
  text = markdown(title, rows, verdicts)
  out = pathlib.Path(run.flags['out'])
  out.mkdir(parents=True, exist_ok=True)
  run_record.write_json(out / 'results.json', rows)
  run_record.write_json(out / 'claims.json', verdicts)
  (out / 'results.md').write_text(text, encoding='utf-8')
  (out / 'report.html').write_text(
      tables.page(title, INTRO, _parts(rows), claims=verdicts),
      encoding='utf-8')
  print(f'{text}\nfigures  {out / "results.json"}\n'
        f'claims   {out / "claims.json"}\npage     {out / "report.html"}')


def judged(demos: Sequence[Demo]) -> list[dict[str, Any]]:
  """Rows of claims.json; refuses demos that do not claim the same."""
  for number, demo in enumerate(demos):
    if list(demo.claims) != list(demos[0].claims):
      odd = set(demo.claims) ^ set(demos[0].claims)
      raise ValueError(f'run {number} and run 0 judge other claims, or in '
                       f'another order: join runs of one config'
                       + ''.join(f'; one is {some.text!r}'
                                 for some in list(odd)[:1]))
  if not demos[0].claims:
    print('note: there is no claims.json: no claim is judged', flush=True)
    return []
  return claims.judged(demos[0].claims, [
      claims.Run(demo.rows, demo.errors) for demo in demos])


def markdown(title: str, rows: Rows, verdicts: Rows) -> str:
  """The headline table, the claims, the ablations."""
  sections = {caption: tables.markdown(part)
              for caption, part in _parts(rows).items()}
  if verdicts:
    first, *others = sections.items()
    sections = dict([first, ('Claims', tables.claims_markdown(verdicts)),
                     *others])
  return f'# {title}\n\n{INTRO}\n' + ''.join(
      f'\n## {caption}\n\n{text}' for caption, text in sections.items())


def _parts(rows: Rows) -> dict[str, Rows]:
  return {'Every system': figures.main_rows(rows),
          'What each part is worth': figures.left_out(rows)}


def _read(folder: pathlib.Path) -> Demo:
  rows = _json(folder / 'results.json')
  if not (folder / 'claims.json').exists():
    return Demo(rows, None, ())
  errors = errors_file.read(folder / 'errors').errors
  try:
    seeds.check_errors(rows, errors)
  except ValueError as error:
    raise ValueError(f'{folder}: {error}') from None
  return Demo(rows, errors, [claims.Claim.from_row(row)
                             for row in _json(folder / 'claims.json')])


def _json(path: pathlib.Path) -> list[dict[str, Any]]:
  try:
    return json.loads(path.read_text(encoding='utf-8'))
  except FileNotFoundError:
    raise ValueError(f'{path} is not there: name folders of finished demos in '
                     f'--runs') from None


if __name__ == '__main__':
  launch.run(main, FLAGS, (('runs', 'out'),))
