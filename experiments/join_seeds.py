r"""Demos of several seeds to one table, and whether the expected order holds.

  python -m experiments.join_seeds --runs=A,B,C --out=DIR     make seeds

DIR gets seeds.json and seeds.md: every row as the mean of the runs with the
lowest and the highest, then each order that was expected of the method, with
the number of runs in which it holds.
"""

from collections.abc import Iterator, Mapping, Sequence
import json
import pathlib
from typing import Any

from experiments.demo_stages import figures
from experiments.run import launch, run_record
from pinpoint_jax.evals import metrics, seeds
from pinpoint_jax.report import tables

FLAGS = (
    launch.Flag('runs', None, 'Folders of finished demos, separated by '
                'commas.'),
    launch.Flag('out', None, 'Folder to write.'),
)
# A system of the combined gallery, by decoding.
Answer = tuple[str, str]
_SINGLE = 'full_single_source'


def main(run: launch.Run) -> None:
  """Read, join, compare, write."""
  paths = [pathlib.Path(path) for path in run.flags['runs'].split(',')]
  rows = seeds.joined([_read(path / 'results.json') for path in paths])
  out = pathlib.Path(run.flags['out'])
  out.mkdir(parents=True, exist_ok=True)
  run_record.write_json(out / 'seeds.json', rows)
  text = markdown(rows, len(paths))
  (out / 'seeds.md').write_text(text, encoding='utf-8')
  print(f'{text}\nfigures  {out / "seeds.json"}')


def markdown(rows: Sequence[Mapping[str, Any]], num_runs: int) -> str:
  """The tables of a demo, then the orders."""
  ranged = [row | {'ci95': row['range']} for row in rows]
  parts = {'Every system': figures.main_rows(ranged),
           'What each part is worth': figures.left_out(ranged)}
  text = ''.join(f'## {caption}\n\n{tables.markdown(part)}\n'
                 for caption, part in parts.items())
  head = (f'# Synthetic Earth (synthetic), {num_runs} seeds\n\nMean of the '
          f'seeds; in brackets the lowest and the highest. Each seed is '
          f'another world.\n\n')
  return f'{head}{text}## Expected order\n\n{_as_table(orders(rows))}'


def expected() -> Iterator[tuple[str, Answer, Answer]]:
  """Figure, what should be lower, what should be higher."""
  best = lambda system: (system, 'argmax')
  chain = ('raw_1nn', 'location_top1', 'retrieval', 'full')
  for low, high in zip(chain, chain[1:]):
    yield 'acc@25km', best(low), best(high)
  yield 'acc@1km', best('retrieval'), best('full')
  for low in ('full_no_support', _SINGLE):
    yield 'acc@25km', best(low), best('full')
  for system in ('retrieval', 'light', 'full'):
    yield 'geoscore', best(system), (system, 'expected_score')
  for km in metrics.THRESHOLDS_KM:
    yield f'acc@{km}km', best('geoclip_style'), best('full')


def orders(joined: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
  """How each expected order came out on each query set."""
  rows, compared = seeds.by_key(joined), []
  for queries in dict.fromkeys(row['queries'] for row in joined):
    for figure, *pair in expected():
      low, high = (rows.get(_key(queries, *answer)) for answer in pair)
      if not low or not high:
        continue
      by_run = [row['by_run'][figure] for row in (low, high)]
      # No street query has a gallery row within 1 km.
      if any(map(any, by_run)):
        compared.append({
            'queries': queries, 'figure': figure,
            'lower': ' '.join(pair[0]), 'higher': ' '.join(pair[1]),
            'means': [row['metrics'][figure] for row in (low, high)],
            'holds': sum(b > a for a, b in zip(*by_run)),
            'runs': len(by_run[0])})
  return compared


def _key(queries: str, system: str, decode: str) -> tuple[str, ...]:
  gallery = 'same_source' if system == _SINGLE else 'combined'
  return queries, system, gallery, 'none', decode, ''


def _as_table(compared: Sequence[Mapping[str, Any]]) -> str:
  return tables.grid(
      ('queries', 'figure', 'lower', 'higher', 'means', 'gain', 'holds in'),
      [_cells(order) for order in compared], 5)


def _cells(order: Mapping[str, Any]) -> list[str]:
  low, high = order['means']
  scale, digits = (1, 0) if order['figure'] == 'geoscore' else (100, 1)
  return [*(order[name] for name in ('queries', 'figure', 'lower', 'higher')),
          f'{low * scale:.{digits}f} → {high * scale:.{digits}f}',
          f'{high / low - 1:+.0%}' if low else '',
          f'{order["holds"]} of {order["runs"]}']


def _read(path: pathlib.Path) -> list[dict[str, Any]]:
  try:
    return json.loads(path.read_text(encoding='utf-8'))
  except FileNotFoundError:
    raise ValueError(f'{path} is not there: name folders of finished demos in '
                     f'--runs') from None


if __name__ == '__main__':
  launch.run(main, FLAGS, (('runs', 'out'),))
