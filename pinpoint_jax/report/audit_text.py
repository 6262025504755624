"""An audit as a page of Markdown: what is shared, and what it is worth."""

from collections.abc import Mapping, Sequence
from typing import Any

from pinpoint_jax.report import tables

_SAYS = {
    'id': 'the query itself is a row; it never answers itself',
    'pixels': 'the same pixels',
    'picture': 'one is a copy of the other, or of a part of it',
    'feature': 'features more alike than those of unrelated photos',
    'same_author': 'by the same person',
    'same_sequence': 'of the same drive, album or day of one person',
    'same_day': 'on the same day, at most 1 km apart',
    'copies': 'id, pixels, picture or feature',
    'origin': 'id, same_author or same_sequence',
    'author': 'as evaluate filters: filter=author',
    'any': 'any of the kinds',
}
_SHOWN = ('acc@1km', 'acc@25km', 'acc@200km', 'geoscore')


def text(report: Mapping[str, Any]) -> str:
  """The page of an audit.json."""
  queries, rows = report['num_queries'], report['num_rows']
  lines = [
      '# Leakage audit', '',
      f'{queries:,} queries of `{report["queries"]}` against {rows:,} rows of '
      f'`{report["against"]}`.', '']
  lines += [f'- {note}' for note in report['notes']]
  lines += ['', '## What is shared', '', tables.grid(
      ('kind', 'means', 'queries', 'of all', 'rows', 'pairs'),
      [(name, _meaning(name), f'{one["queries"]:,}',
        f'{one["queries"] / queries:.1%}', f'{one["rows"]:,}',
        f'{one["pairs"]:,}') for name, one in report['kinds'].items()], 2)]
  lines += _threshold(report['facts'])
  lines += ['## What it is worth', '']
  if not report['figures']:
    lines.append('No answers were given and no feature was compared: there '
                 'are no figures.')
  for key, some in _by_system(report['figures']).items():
    lines += [f'### {", ".join(filter(None, key))}', '', _figures(some)]
  return '\n'.join(lines).rstrip() + '\n'


def _meaning(name: str) -> str:
  if name.startswith('near_'):
    return f'at most {name.removeprefix("near_")} apart'
  return _SAYS[name]


def _threshold(facts: Mapping[str, Any]) -> list[str]:
  lines = []
  if 'features' in facts:
    one = facts['features']
    median, p90, p99 = one['strangers_median_p90_p99']
    how = ('given' if one['threshold_is'] == 'given' else
           'the highest that strangers reach, but one query in a thousand')
    lines += [f'Cosine of features from {one["threshold"]:.4f} on ({how}). '
              f'Nearest strangers: median {median:.4f}, 90 % {p90:.4f}, 99 % '
              f'{p99:.4f}.', '']
  if 'copies' in facts:
    lines += [f'Agreement of thumbnails from '
              f'{facts["copies"]["min_agreement"]:.3f} on.', '']
  return lines


def _by_system(figures: Sequence[Mapping[str, Any]]) -> dict[
    tuple[str, ...], list[Mapping[str, Any]]]:
  systems: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
  for row in figures:
    key = tuple(row[name] for name in ('system', 'gallery', 'decode',
                                       'variant'))
    systems.setdefault(key, []).append(row)
  return systems


def _figures(rows: Sequence[Mapping[str, Any]]) -> str:
  head = ('leak', 'way', 'queries', *_SHOWN, 'lost @1km', 'lost @25km')
  return tables.grid(head, [
      (row['leak'], row['way'], f'{row["num_queries"]:,}',
       *(_figure(name, row) for name in _SHOWN),
       *(_lost(row, name) for name in ('acc@1km', 'acc@25km')))
      for row in rows], 2)


def _figure(name: str, row: Mapping[str, Any]) -> str:
  size, digits = (100, 1) if name.startswith('acc@') else (1, 0)
  value = f'{size * row["metrics"][name]:.{digits}f}'
  interval = row['ci95'].get(name)
  return value if interval is None else value + ' [{}]'.format(
      ', '.join(f'{size * end:.{digits}f}' for end in interval))


def _lost(row: Mapping[str, Any], name: str) -> str:
  if 'lost' not in row:
    return ''
  one = row['lost'][name]
  value = f'{one["difference"]:.1f}'
  return value if one['interval'] is None else value + ' [{}]'.format(
      ', '.join(f'{end:.1f}' for end in one['interval']))
