"""What stands in each cell of a table: figures, spreads, verdicts."""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
from typing import Any, NamedTuple

from pinpoint_jax.evals import claims, results

Row = Mapping[str, Any]

_SETTING = ('queries', 'system', 'gallery', 'filter', 'decode')
_ACCURACY = ('acc@1km', 'acc@25km', 'acc@200km', 'acc@750km', 'acc@2500km')
_HEAD = (*_SETTING, 'n', '1 km', '25 km', '200 km', '750 km', '2500 km',
         'GeoScore', 'median km')
_NETWORK_HEAD = ('network changes', 'network variance')
_CLAIM_HEAD = ('claim', 'queries', 'figure', 'verdict', 'base', 'better',
               'difference', 'of base', 'visible from', 'n', 'clusters')


class Cell(NamedTuple):
  """Text, and what stands beside it in small print."""

  text: str
  note: str = ''
  look: str = ''


@dataclasses.dataclass(frozen=True)
class Table:
  """Cells by line.

  Attributes:
    head: name of each column.
    lines: cells of each line.
    num_text: the first columns that hold text, not numbers.
    starts: lines that something new begins with.
    notes: said below the table; what is between backticks is code.
  """

  head: Sequence[str]
  lines: Sequence[Sequence[Cell]]
  num_text: int
  starts: frozenset[int]
  notes: Sequence[str] = ()


def of_results(rows: Sequence[Row]) -> Table:
  """Rows of results.json; what networks do if any row has one."""
  has_network = any('network' in row for row in rows)
  lines = [_result(row) + (_network(row) if has_network else [])
           for row in rows]
  return Table(_HEAD + (_NETWORK_HEAD if has_network else ()), lines,
               len(_SETTING), _starts([row['queries'] for row in rows]))


def of_claims(rows: Sequence[Row]) -> Table:
  """Rows of claims.json; how many runs agree if there are several."""
  several = any(len(row['by_run']) > 1 for row in rows)
  lines = [_claim(row) + ([_agreeing(row)] if several else [])
           for row in rows]
  return Table(_CLAIM_HEAD + (('runs above 0',) if several else ()), lines,
               _CLAIM_HEAD.index('verdict') + 1,
               _starts([row['claim']['text'] for row in rows]))


def without_constant_columns(table: Table) -> tuple[Table, str]:
  """The table without the settings that all its lines share, and those."""
  shared = {i: table.lines[0][i].text for i, name in enumerate(table.head)
            if name in _SETTING[2:] and table.lines
            and len({line[i].text for line in table.lines}) == 1}
  kept = [i for i in range(len(table.head)) if i not in shared]
  said = ', '.join(f'{table.head[i]} {text}'
                   for i, text in shared.items() if text)
  return dataclasses.replace(
      table, head=[table.head[i] for i in kept],
      lines=[[line[i] for i in kept] for line in table.lines],
      num_text=table.num_text - len(shared)), said


def power(rows: Sequence[Row]) -> str:
  """The smallest true difference that rows of claims.json can show."""
  by_statistic: dict[str, list[float]] = {}
  for row in rows:
    if row['smallest_visible'] is not None:
      by_statistic.setdefault(row['claim']['statistic'], []).append(
          row['smallest_visible'])
  if not by_statistic:
    return ('Power: too few answers differ for any row to show a difference, '
            'however large it is.')
  ranges = [f'{_range(name, values)}{_unit(name)} ({name})'
            for name, values in by_statistic.items()]
  return ('Power: the smallest true difference that these rows can show, '
          'two-sided at 5 % with a power of 80 %, is '
          + ', '.join(ranges) + '.')


def _result(row: Row) -> list[Cell]:
  line = [Cell(str(row[name])) for name in _SETTING]
  line[1] = Cell(system(row))
  return [*line, Cell(f"{row['num_queries']:,}"),
          *(figure(row, name) for name in (
              *_ACCURACY, 'geoscore', 'median_km'))]


def system(row: Row) -> str:
  """What answered, in which form, and whether its network does anything."""
  notes = [row['variant']] if row.get('variant') else []
  if not results.active(row):
    notes.append('network inactive')
  return f'{row["system"]} ({", ".join(notes)})' if notes else row['system']


def figure(row: Row, name: str) -> Cell:
  """A figure with its interval, or with the spread over runs."""
  scale, digits = (100, 1) if name.startswith('acc@') else (1, 0)
  text = lambda value: f'{value * scale:.{digits}f}'
  value = text(row['metrics'][name])
  if name in row.get('sd', {}):
    return Cell(value, f'± {text(row["sd"][name])}')
  if name not in row['ci95']:
    return Cell(value)
  low, high = row['ci95'][name]
  return Cell(value, f'[{text(low)}, {text(high)}]')


def _network(row: Row) -> list[Cell]:
  if 'network' not in row:
    return [Cell('')] * len(_NETWORK_HEAD)
  return [Cell(f'{row["network"][name] * 100:.1f} %')
          for name in ('changed', 'variance')]


def _claim(row: Row) -> list[Cell]:
  claim = claims.Claim.from_row(row)
  name = claim.statistic
  minimum = (f'{claim.minimum * 100:g} %' if claim.relative else
             f'{claim.minimum:g}')
  look = row['verdict'] if row['verdict'] in ('held', 'refuted') else ''
  return [
      Cell(claim.text, f'{claim.better} over {claim.base}', 'long'),
      Cell(', '.join(claim.queries)), Cell(f'{name} > {minimum}'),
      Cell(row['verdict'], row['reason'], look or 'long' * bool(row['reason'])),
      *(Cell(_number(name, row[side])) for side in ('base', 'better')),
      Cell(_number(name, row['difference'], '+'), _bounds(
          row['interval'], lambda value: _number(name, value, '+'))),
      Cell('' if row['relative'] is None else _percent(row['relative']),
           _bounds(row['relative_interval'], _percent)),
      Cell('' if row['smallest_visible'] is None else
           _number(name, row['smallest_visible'])),
      Cell(f'{row["num_queries"]:,}'), Cell(f'{row["num_clusters"]:,}')]


def _agreeing(row: Row) -> Cell:
  above = sum(difference > 0 for difference in row['by_run'])
  return Cell(f'{above} of {len(row["by_run"])}')


def _bounds(interval: Sequence[float] | None,
            text_fn: Callable[[float], str]) -> str:
  return '' if interval is None else f'[{", ".join(map(text_fn, interval))}]'


def _percent(share: float) -> str:
  return f'{_rounded(100 * share, 0):+.0f} %'


def _number(statistic: str, value: float, sign: str = '') -> str:
  digits = 0 if statistic == 'geoscore' else 1
  return f'{_rounded(value, digits):{sign}.{digits}f}'


def _rounded(value: float, digits: int) -> float:
  # Adding 0 makes -0 a plain 0.
  return round(value, digits) + 0.


def _unit(statistic: str) -> str:
  return '' if statistic == 'geoscore' else ' points'


def _range(statistic: str, values: Sequence[float]) -> str:
  edges = [_number(statistic, edge) for edge in (min(values), max(values))]
  return ' to '.join(dict.fromkeys(edges))


def _starts(values: Sequence[str]) -> frozenset[int]:
  return frozenset(i for i, value in enumerate(values)
                   if i == 0 or value != values[i - 1])
