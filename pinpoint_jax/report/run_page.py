"""The page of a run: how far its answers can be trusted, where, and where not.

It is one file: land and style are in it, and it loads nothing.
"""

from collections.abc import Callable, Sequence
import html
import pathlib

import numpy as np
from pinpoint_jax.disk import files
from pinpoint_jax.evals import confidence
from pinpoint_jax.geo import continents
from pinpoint_jax.report import (
  cards,
  maps,
  page_parts,
  page_style,
  plots,
  run_plots,
  tables,
)
from pinpoint_jax.report.page_records import RunPage, RunSet

# Lower ends of the classes of rows within 25 km, and their names.
_DENSITY = ((0, 'none'), (1, '1 to 9'), (10, '10 to 99'), (100, '100 to 999'),
            (1000, '1,000 and more'))
# Countries that are listed, those with the most photos first.
_COUNTRIES = 25
# A share of fewer photos is not worth its percent sign.
_FEW = 10


def write(path: pathlib.Path, shown: RunPage) -> None:
  """The page as a file, whole or not at all."""
  path.parent.mkdir(parents=True, exist_ok=True)
  with files.atomic(path) as file:
    file.write(page(shown).encode())


def page(shown: RunPage) -> str:
  """The whole file."""
  sections = [_top(shown), _errors(shown), _systems(shown), _maps(shown),
              _confidence(shown), _places(shown), _density(shown),
              _cards(shown), _costs(shown), _missing(shown)]
  return (f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
          f'<meta http-equiv="Content-Security-Policy" '
          f'content="{page_style.POLICY}">'
          f'<meta name="viewport" content="width=device-width, '
          f'initial-scale=1"><title>{html.escape(shown.title)}</title>'
          f'<style>{page_style.STYLE}</style></head><body>{maps.land()}'
          f'<main>{"".join(sections)}</main></body></html>\n')


def _top(shown: RunPage) -> str:
  tiles = ''.join(
      f'<div class="tile"><b>{_percent(_within(some, 25))}</b>within 25 km: '
      f'{html.escape(some.name)}<br><small>{len(some.latlng_deg):,} of '
      f'{some.num_photos:,} photos, {some.num_missing:,} without an answer; '
      f'median error {cards.kilometres(_median(some))}{_inside(some)}</small>'
      f'</div>'
      for some in shown.sets)
  note = shown.note and f'<p class="note">{html.escape(shown.note)}</p>'
  return (f'<h1>{html.escape(shown.title)}</h1>{note}'
          f'<div class="tiles">{tiles}</div>{_key(shown)}')


def _errors(shown: RunPage) -> str:
  return (f'<h2>Every error</h2><p>Share of the photos whose error is smaller '
          f'than so many kilometres.</p>'
          f'{page_parts.figures([("all photos", run_plots.cdf(shown.sets))])}')


def _maps(shown: RunPage) -> str:
  drawn = [(some.name, run_plots.error_map(some)) for some in shown.sets]
  return (f'<h2>Where it is right</h2><p>A dot is a photo at its true place; '
          f'its colour says how far off the answer is.</p>'
          f'{page_parts.error_key()}'
          f'{page_parts.figures(drawn, "plots maps")}')


def _confidence(shown: RunPage) -> str:
  if not any(some.promises for some in shown.sets):
    return ''
  rows = []
  for some in shown.sets:
    for name, words in (
        ('ece@25km', 'calibration error of P(< 25 km)'),
        ('brier@25km', 'Brier score of P(< 25 km)'),
        ('aurc@25km', 'area under risk over coverage'),
        ('inside@0.8', 'inside the 80 % radius'),
        ('inside@0.9', 'inside the 90 % radius'),
        ('inside@0.95', 'inside the 95 % radius'),
        ('mean_radius_km@0.9', 'mean 90 % radius, km'),
        ('median_radius_km@0.9', 'median 90 % radius, km'),
        ('nats_over_uniform', 'nats of likelihood over uniform')):
      if name in some.figures:
        rows.append((some.name, words, _figure(some, name)))
  return ('<h2>Is it as sure as it should be?</h2><p>On the dotted line what '
          'is promised is what happens; above it the answers are better than '
          'promised. The third plot answers only the surest photos: the '
          'further left, the fewer are wrong.</p>' + page_parts.figures([
              ('confidence of being within 25 km',
               run_plots.reliability(shown.sets)),
              ('radius that holds a share of the truths',
               run_plots.coverage(shown.sets)),
              ('wrong among those answered', run_plots.risk(shown.sets))])
          + _table(('photos', 'figure', 'value [95 %]'), rows)
          + _accepted(shown))


def _accepted(shown: RunPage) -> str:
  """What is left, and how much of it is wrong, if the unsure abstain."""
  rows = [(some.name, f'{level["sure"]:g}@25km', _percent(level['coverage']),
           _percent(level['risk'])) for some in shown.sets if some.promises
          for level in confidence.accepted(
              some.promises.sure(25), some.promises.right(25))]
  head = ('photos', 'threshold', 'answered', 'of these 25 km off or more')
  return (f'<details><summary>What abstaining buys: <code>pinpoint predict '
          f'--abstain</code></summary>{_table(head, rows)}</details>')


def _places(shown: RunPage) -> str:
  by_continent = _groups(shown, lambda some: np.asarray(
      [continents.of(name) for name in some.countries], np.str_))
  by_country = _groups(shown, lambda some: some.countries)
  rest = len(by_country) - _COUNTRIES
  more = f'<p class="soft">{rest} others are left out.</p>' if rest > 0 else ''
  return (f'<h2>By continent and country</h2><p>Of the true places. Shares of '
          f'fewer than {_FEW} photos are left out.</p>'
          f'{_grouped(shown, by_continent)}<details><summary>The countries '
          f'with the most photos</summary>'
          f'{_grouped(shown, by_country[:_COUNTRIES])}{more}</details>')


def _density(shown: RunPage) -> str:
  lows = [low for low, _ in _DENSITY]
  names = np.asarray([words for _, words in _DENSITY])
  rows = _groups(shown, lambda some: names[
      np.searchsorted(lows, some.num_near, 'right') - 1])
  order = {words: i for i, words in enumerate(names.tolist())}
  rows.sort(key=lambda row: order[row[0]])
  return (f'<h2>By what the gallery has nearby</h2><p>Gallery photos and '
          f'street views within 25 km of the true place.</p>'
          f'{_grouped(shown, rows)}')


def _grouped(shown: RunPage, rows: Sequence[Sequence[str]]) -> str:
  """Rows of `_groups`; answers without a radius have no column of it."""
  end = None if any(some.promises for some in shown.sets) else -1
  return _table(_HEAD[:end], [row[:end] for row in rows])


_HEAD = ('', 'photos', 'within 25 km', 'within 200 km', 'median error',
         'inside the 90 % radius')


def _groups(shown: RunPage, of: Callable[[RunSet], np.ndarray]) -> list[
    tuple[str, ...]]:
  """A row for each group of photos of all sets, the largest first."""
  group = np.concatenate([of(some) for some in shown.sets])
  dist_km = np.concatenate([some.dist_km for some in shown.sets])
  inside = np.concatenate([_in_radius(some) for some in shown.sets])
  names, counts = np.unique(group, return_counts=True)
  rows = []
  for i in np.argsort(-counts, kind='stable'):
    mine = group == names[i]
    figures = ('–',) * 4 if counts[i] < _FEW else (
        _percent(float((dist_km[mine] < 25).mean())),
        _percent(float((dist_km[mine] < 200).mean())),
        cards.kilometres(float(np.median(dist_km[mine]))),
        '–' if np.isnan(inside[mine]).any() else
        _percent(float(inside[mine].mean())))
    rows.append((str(names[i]), f'{counts[i]:,}', *figures))
  return rows


def _cards(shown: RunPage) -> str:
  return ''.join(f'<h2>{html.escape(words)}</h2>{cards.group(some)}'
                 for words, some in shown.cards.items())


def _systems(shown: RunPage) -> str:
  """Every system's figures, unfiltered and filtered, by the first distance."""
  if not shown.rows:
    return ''
  lines = []
  for row in shown.rows:
    if row['distance'] == shown.rows[0]['distance']:
      figures, interval = row['metrics'], row['ci95'].get('acc@25km')
      lines.append((
          ' '.join(filter(None, (row['system'], row['variant']))),
          row['queries'], row['gallery'], row['filter'], row['decode'],
          f'{row["num_queries"]:,}', _percent(figures['acc@1km']),
          plots.percent(figures['acc@25km'], interval),
          _percent(figures['acc@200km']), f'{figures["geoscore"]:,.0f}',
          cards.kilometres(figures['median_km'])))
  return (f'<details><summary>Every system: {len(lines)} rows of results.json'
          f'</summary>{_table(_SYSTEM_HEAD, lines)}</details>')


_SYSTEM_HEAD = (
    'system', 'queries', 'gallery', 'filter', 'decoding', 'photos',
    'within 1 km', 'within 25 km [95 %]', 'within 200 km', 'GeoScore',
    'median error')


def _missing(shown: RunPage) -> str:
  if not shown.missing:
    return ''
  return '<h2>What is not here</h2>' + tables.listed(
      [f'{name}: {words}' for name, words in shown.missing.items()])


def _costs(shown: RunPage) -> str:
  if not shown.costs:
    return ''
  return '<h2>What it took</h2>' + _table(('stage', 'seconds'), [
      (name, f'{spent:,.1f}') for name, spent in shown.costs.items()])


def _key(shown: RunPage) -> str:
  return '<ul class="key">' + ''.join(
      f'<li>{page_parts.swatch(f"c-{i}", "big")}{html.escape(some.name)}</li>'
      for i, some in enumerate(shown.sets)) + '</ul>'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
  cells = lambda tag, line: ''.join(
      f'<{tag}>{html.escape(words)}</{tag}>' for words in line)
  body = ''.join(
      f'<tr><th scope="row">{html.escape(row[0])}</th>{cells("td", row[1:])}'
      f'</tr>' for row in rows)
  return (f'<div class="scroll" tabindex="0"><table><thead><tr>'
          f'{cells("th", head)}</tr></thead><tbody>{body}</tbody></table>'
          f'</div>')


def _figure(some: RunSet, name: str) -> str:
  value, interval = some.figures[name], some.figures['ci95'].get(name)
  if name.startswith('inside'):
    return plots.percent(value, interval)
  digits = 0 if 'radius' in name else 3
  beside = '' if interval is None else (
      f' [{interval[0]:,.{digits}f}, {interval[1]:,.{digits}f}]')
  return f'{value:,.{digits}f}{beside}'


def _in_radius(some: RunSet) -> np.ndarray:
  """1 for truths inside the 90 % radius, 0 outside, NaN without a radius."""
  if some.promises is None:
    return np.full(len(some.dist_km), np.nan)
  radius = some.promises.radius_km[:, some.promises.shares.index(.9)]
  return (some.dist_km <= radius).astype(float)


def _inside(some: RunSet) -> str:
  if some.promises is None:
    return ''
  return (f'; inside the 90 % radius '
          f'{_percent(some.figures["inside@0.9"])}')


def _within(some: RunSet, km: int) -> float:
  return float((some.dist_km < km).mean())


def _median(some: RunSet) -> float:
  return float(np.median(some.dist_km))


def _percent(share: float) -> str:
  return f'{100 * share:.1f}\N{NO-BREAK SPACE}%'
