"""Our figures beside the published ones, benchmark by benchmark.

  published rows     as printed by their owners, with their source
  our rows           unfiltered, then without the rows of the query's author
  notes below        which kilometre, where rows are from, what is missing

A figure that is not there is `missing`, and its note names the command that
fills it. A row whose code, model or data differ from the other rows' is marked.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from pinpoint_jax.evals import results
from pinpoint_jax.report import cells, origins, published

Row = Mapping[str, Any]
# Command that makes what is missing of a query set.
CommandFn = Callable[[str], str]

_TEXT_HEAD = ('system', 'from', 'filter', 'kilometre')
_FIGURES = {'1 km': 'acc@1km', '25 km': 'acc@25km', '200 km': 'acc@200km',
            '750 km': 'acc@750km', '2500 km': 'acc@2500km',
            'GeoScore': 'geoscore', 'mean km': 'mean_km'}
# Of all truths, as published; beside it that of the truths with a name.
_LEVELS = {level: f'acc@{level}_official'
           for level in ('country', 'region', 'sub-region', 'city')}
_NAMED_BENCHMARK = 'osv5m'
# What every table shows, or names as missing. The filter changes neither
# chance nor the constant place.
_UNFILTERED = ('chance', 'constant')
_SYSTEMS = ('raw_1nn', 'location_top1', 'retrieval', 'full', 'oracle')
# Tables of runs on a made-up world, and how its query sets are called.
_SYNTHETIC = ('demo', 'synthetic')
_SYNTHETIC_QUERIES = 'query_'
FILTERS = ('none', 'author')


class _Notes:
  """Numbered notes; the same words get the same number."""

  def __init__(self):
    self._numbers: dict[str, int] = {}

  def mark(self, text: str) -> str:
    """What stands in the cell that the note is about."""
    number = self._numbers.setdefault(text, len(self._numbers) + 1)
    return f'[{number}]'

  def lines(self) -> list[str]:
    """All notes, in the order of their numbers."""
    return [f'[{number}] {text}' for text, number in self._numbers.items()]


def table(name: str, rows: Sequence[Row], command_fn: CommandFn,
          distance: str = 'haversine', decode: str = 'argmax') -> cells.Table:
  """The table of one query set: rows of results.json that have its name.

  command_fn: from the query set's name to the command that evaluates it.
  """
  benchmark = published.benchmarks().get(name)
  others = benchmark.rows if benchmark else ()
  rows = _ordered(_chosen(name, rows, distance, decode))
  columns = dict(_FIGURES)
  if name == _NAMED_BENCHMARK or any(
      set(_LEVELS.values()) & set(row['metrics']) for row in rows):
    columns |= _LEVELS
  notes, command = _Notes(), command_fn(name)
  reference = origins.most_common(rows)
  lines = [_published(row, columns.values(), notes) for row in others]
  starts = {0, len(lines)}
  for filter_name in FILTERS:
    starts.add(len(lines))
    own = [row for row in rows if row['filter'] == filter_name]
    lines += [_own(row, columns.values(), notes, reference, benchmark, command)
              for row in own]
    lines += [_missing(system, filter_name, distance, len(columns), notes,
                       command)
              for system in _lacking(own, filter_name, rows, benchmark)]
  return cells.Table(
      (*_TEXT_HEAD, 'n', *columns), lines, len(_TEXT_HEAD),
      frozenset(start for start in starts if start < len(lines)),
      [*_general(rows, benchmark, distance, decode, reference,
                 'country' in columns), *notes.lines()])


def _chosen(name: str, rows: Sequence[Row], distance: str,
            decode: str) -> list[Row]:
  """Rows of that query set by that distance and decoding."""
  own = [row for row in rows if row['queries'] == name]
  for field, wanted in (('distance', distance), ('decode', decode)):
    there = sorted({row[field] for row in own})
    own = [row for row in own if row[field] == wanted]
    if there and not own:
      raise ValueError(f'{name}: no row has {field} {wanted!r}, there are '
                       f'{there}: choose one of them by --{field}, or evaluate '
                       f'again')
  return own


def _ordered(rows: Sequence[Row]) -> list[Row]:
  """In the order of results.SYSTEMS, what is not named there last."""
  place = {name: i for i, name in enumerate(results.SYSTEMS)}
  return sorted(rows, key=lambda row: (
      place.get(row['system'], len(place)), row['system'], row['gallery'],
      row['variant']))


def _published(row: published.Published, names: Collection[str],
               notes: _Notes) -> list[cells.Cell]:
  system = f'{row.system} ({row.note})' if row.note else row.system
  source = f'{row.source} {notes.mark(row.about) if row.about else ""}'.strip()
  return [cells.Cell(system), cells.Cell(source),
          cells.Cell(row.filter), cells.Cell(row.distance or 'not known'),
          cells.Cell(''), *(cells.Cell(row.figures.get(name, published.NONE))
                            for name in names)]


def _own(row: Row, names: Collection[str], notes: _Notes,
         reference: origins.Origin, benchmark: published.Benchmark | None,
         command: str) -> list[cells.Cell]:
  marks = []
  if differing := origins.differences(row, reference):
    marks.append(notes.mark(
        f'not of one origin with the other rows: {"; ".join(differing)}; '
        f'`{command}` makes them all anew'))
  if not row['ci95'] and not row.get('sd'):
    marks.append(notes.mark('evaluated without intervals: give num_resamples'))
  count = f'{row["num_queries"]:,}'
  if benchmark and row['num_queries'] != benchmark.num_queries:
    count += ' ' + notes.mark(
        f'{row["num_queries"]:,} of {benchmark.num_queries:,} photos: not the '
        f'set that the published figures are of')
  where = f'ours, {row["gallery"]}' if row['gallery'] else 'ours'
  return [cells.Cell(' '.join([cells.system(row), *marks])), cells.Cell(where),
          cells.Cell(row['filter']), cells.Cell(row['distance']),
          cells.Cell(count),
          *(_figure(row, name, notes, command) for name in names)]


def _figure(row: Row, name: str, notes: _Notes, command: str) -> cells.Cell:
  if name in _LEVELS.values() and row['system'] == 'chance':
    return cells.Cell(published.NONE)
  if name not in row['metrics']:
    return cells.Cell(f'missing {notes.mark(_filled_by(command))}')
  if name not in _LEVELS.values():
    return cells.figure(row, name)
  level = name.removesuffix('_official')
  if level not in row['metrics']:
    return cells.figure(row, name)
  named = cells.figure(row, level)
  count = row['metrics'][level.replace('acc@', 'num@')]
  return cells.figure(row, name)._replace(
      note=f'{named.text} of {count:,.0f} named {named.note}'.strip())


def _lacking(own: Sequence[Row], filter_name: str, rows: Sequence[Row],
             benchmark: published.Benchmark | None) -> list[str]:
  """Systems without a row, where the table has to have one."""
  wanted = (*_UNFILTERED, *_SYSTEMS) if filter_name == 'none' else _SYSTEMS
  if not benchmark and filter_name not in {'none'} | {
      row['filter'] for row in rows}:
    return []  # E.g. queries by authors whom no gallery row has.
  there = {row['system'] for row in own}
  return [system for system in wanted if system not in there]


def _missing(system: str, filter_name: str, distance: str, num_figures: int,
             notes: _Notes, command: str) -> list[cells.Cell]:
  text = f'missing {notes.mark(_filled_by(command))}'
  return [cells.Cell(system), cells.Cell('ours'), cells.Cell(filter_name),
          cells.Cell(distance), cells.Cell(''),
          *[cells.Cell(text)] * num_figures]


def _filled_by(command: str) -> str:
  return f'filled by `{command}`'


def _general(rows: Sequence[Row], benchmark: published.Benchmark | None,
             distance: str, decode: str, reference: origins.Origin,
             has_levels: bool) -> list[str]:
  """What every reader of the table has to know."""
  said = [f'Percent of photos strictly within each distance. Our rows measure '
          f'a kilometre by {distance} and are decoded by {decode}; published '
          f'rows measure it as they say.']
  if any(row['ci95'] for row in rows):
    said.append('In brackets: 95 % intervals, bootstrapped by photographer, '
                'else by sequence, else by photo.')
  if any(row.get('sd') for row in rows):
    said.append('After ±: the standard deviation over runs.')
  if has_levels:
    said.append('Names: percent of all photos, as published; below it the '
                'percent of those whose truth has a name.')
  if benchmark:
    said.append(benchmark.note)
  if reference:
    listed = ', '.join(f'{name} {value}' for name, value in reference.items())
    said.append(f'Our rows without a mark of origin: {listed}.')
  if '+changes' in reference.get('git', ''):
    said.append('Made from files that differ from that revision (+changes).')
  return said


def title(name: str, rows: Sequence[Row]) -> str:
  """Heading of a query set's table; a synthetic world is called synthetic."""
  if name in published.benchmarks():
    return published.benchmarks()[name].title
  synthetic = name.startswith(_SYNTHETIC_QUERIES) or any(
      row['table'] in _SYNTHETIC for row in rows if row['queries'] == name)
  return f'{name}: Synthetic Earth (synthetic)' if synthetic else name


def names(rows: Sequence[Row], wanted: Sequence[str] = ()) -> list[str]:
  """Query sets to show: benchmarks first; refuses one that nobody knows."""
  there = list(dict.fromkeys(row['queries'] for row in rows))
  known = list(published.benchmarks())
  unknown = [name for name in wanted if name not in {*there, *known}]
  if unknown:
    raise ValueError(f'--tables={",".join(wanted)}: there is no query set '
                     f'{unknown[0]!r}; choices are {sorted({*there, *known})}')
  if wanted:
    return list(wanted)
  return [*(name for name in known if name in there),
          *(name for name in there if name not in known)]
