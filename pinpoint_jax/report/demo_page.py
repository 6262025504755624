"""The page of a demo: what came out, six photos, maps, curves, a table.

It is one file: pictures and land are in it, and it loads nothing.
"""

from collections.abc import Mapping, Sequence
import html
from typing import Any

from pinpoint_jax.report import (
  cards,
  maps,
  page_parts,
  page_style,
  page_words,
  plots,
)
from pinpoint_jax.report.page_records import Page

# Dots of a plot.
_DOTS = 700
_LOOKS = {'query_photo_new': 'c-new', 'query_street': 'c-street',
          'query_photo_known': 'c-known'}


def page(shown: Page) -> str:
  """The whole file."""
  title = 'Where was this photo taken? Synthetic Earth'
  sections = [_top(shown)]
  if shown.cards:
    sections.append(cards.section(shown.cards, shown.how_chosen))
  if any(page_words.MAIN in some.errors for some in shown.sets):
    sections.append(_error_maps(shown))
  sections.append(_accuracy(shown))
  if shown.sets:
    sections += [_curves(shown), _neighbours(shown)]
  sections += [_promises(shown), _trainings(shown), _claims(shown),
               _table(shown)]
  has_map = shown.cards or shown.sets
  return (f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
          f'<meta http-equiv="Content-Security-Policy" '
          f'content="{page_style.POLICY}">'
          f'<meta name="viewport" content="width=device-width, '
          f'initial-scale=1"><title>{title}</title>'
          f'<style>{page_style.STYLE}</style></head><body>'
          f'{maps.land() if has_map else ""}<main>{"".join(sections)}</main>'
          f'</body></html>\n')


def _top(shown: Page) -> str:
  tiles = []
  for queries in page_words.shown_sets(shown.rows):
    row = page_words.main_row(shown.rows, queries, page_words.MAIN)
    if row:
      others = page_words.compared(shown.rows, queries)
      tiles.append(
          f'<div class="tile"><b>{100 * row["metrics"]["acc@25km"]:.1f} %</b>'
          f'within 25 km: {page_words.QUERIES[queries]}<br><small>'
          f'{row["num_queries"]:,} photos; median error '
          f'{_median(row)}{others and "<br>"}{html.escape(others)}</small>'
          f'</div>')
  warned = ''.join(f'<p class="note">{html.escape(words)}</p>'
                   for words in page_words.warnings(shown.rows))
  return (f'<h1>Where was this photo taken?</h1>'
          f'<p class="note"><b>Synthetic Earth is synthetic.</b> Its places '
          f'are real, its photos and street views are made up: the figures '
          f'compare systems with each other and say nothing about real '
          f'photographs.</p>{warned}<p class="result">'
          f'{html.escape(page_words.result(shown.rows))}</p>'
          f'<div class="tiles">{"".join(tiles)}</div>'
          f'<p class="soft">In brackets 95 % intervals, bootstrapped by '
          f'photographer or street-view drive. {_remarks(shown)}</p>')


def _median(row: Mapping[str, Any]) -> str:
  words = cards.kilometres(row['metrics']['median_km'])
  if 'median_km' not in row['ci95']:
    return words
  low, high = map(cards.kilometres, row['ci95']['median_km'])
  return f'{words} [{low}, {high}]'


def _remarks(shown: Page) -> str:
  return html.escape(' '.join(shown.remarks))


def _claims(shown: Page) -> str:
  if not shown.claims:
    return ''
  listed, unjudged = (_verdicts(shown.claims, judged)
                      for judged in (True, False))
  if listed:
    listed = (f'<p>Those that did not hold, with the difference and its 95 % '
              f'interval:</p>{listed}')
  if unjudged:
    listed += (f'<details><summary>Those that this run cannot judge'
               f'</summary>{unjudged}</details>')
  return (f'<h2>What was claimed</h2><p>'
          f'{html.escape(page_words.verdicts(shown.claims))} Each stands in '
          f'the demo’s code, not made from its figures, and is judged by '
          f'paired differences of the same photos.</p>{listed}')


def _verdicts(claims: Sequence[Mapping[str, Any]], judged: bool) -> str:
  items = ''.join(
      f'<li><span class="verdict">{html.escape(verdict)}</span>: '
      f'{html.escape(words)}</li>'
      for verdict, words in page_words.failed(claims)
      if (verdict in page_words.JUDGED) == judged)
  return items and f'<ul>{items}</ul>'


def _accuracy(shown: Page) -> str:
  names = page_words.shown_systems(shown.rows)
  figures = []
  for queries in page_words.shown_sets(shown.rows):
    bars = []
    for name in names:
      if row := page_words.main_row(shown.rows, queries, name):
        keys = [f'acc@{km}km' for km in plots.THRESHOLDS_KM]
        bars.append(plots.Bars(
            page_words.SYSTEMS[name], f'c-{name}',
            [row['metrics'][key] for key in keys],
            [row['ci95'].get(key) for key in keys]))
    words = page_words.QUERIES[queries]
    figures.append((words, plots.accuracy(
        f'Accuracy on {words}', bars, page_words.SYSTEMS[page_words.MAIN])))
  return (f'<h2>How often, how near</h2><p>Share of the photos that each '
          f'system places within 1, 25, 200, 750 and 2,500 km; upright lines '
          f'are 95 % intervals, numbers are the full reranker’s. Street views '
          f'lie at least 1 km from every gallery photo.</p>'
          f'{_system_key(names)}{page_parts.figures(figures)}')


def _curves(shown: Page) -> str:
  figures, names = [], page_words.shown_systems(shown.rows)
  for some in shown.sets:
    words = page_words.QUERIES[some.name]
    figures.append((words, plots.errors(f'Errors of {words}', {
        page_words.SYSTEMS[name]: (f'c-{name}', some.errors[name])
        for name in names if name in some.errors})))
  return (f'<h2>Every error</h2><p>Share of the photos whose error is smaller '
          f'than so many kilometres: higher and further left is better.</p>'
          f'{_system_key(names)}{page_parts.figures(figures)}')


def _error_maps(shown: Page) -> str:
  figures = [(page_words.QUERIES[some.name], page_parts.error_map(
      page_words.QUERIES[some.name], some.latlng_deg,
      some.errors[page_words.MAIN]))
             for some in shown.sets if page_words.MAIN in some.errors]
  return (f'<h2>Where it is right</h2><p>A dot is a photo at its true place; '
          f'its colour says how far off the full reranker is; dots lie on each '
          f'other in the order of the set.</p>'
          f'{page_parts.error_key()}'
          f'{page_parts.figures(figures, "plots maps")}')


def _neighbours(shown: Page) -> str:
  figures = [(page_words.QUERIES[some.name], plots.neighbours(
      f'Error over distance to the gallery, {some.name}', some.nearest_km,
      some.errors[page_words.MAIN], _LOOKS[some.name], _DOTS))
             for some in shown.sets if page_words.MAIN in some.errors]
  if not figures:
    return ''
  return (f'<h2>What the gallery knows nearby</h2><p>Error of the full '
          f'reranker over the distance from the true place to the nearest '
          f'gallery photo or street view. The line joins medians of equal '
          f'parts of all photos; dots are up to {_DOTS} of them. What lies '
          f'beyond an axis is drawn at its end.</p>'
          f'{page_parts.figures(figures)}')


def _promises(shown: Page) -> str:
  if not shown.promises:
    return ''
  sets = shown.promises
  chances = plots.reliability('Reliability of the confidence', [
      (_LOOKS[some.queries], some.chances, some.right) for some in sets])
  inside = plots.coverage('Coverage of the radii', [
      (_LOOKS[some.queries], some.inside, len(some.right)) for some in sets])
  key = ''.join(
      f'<li>{page_parts.swatch(_LOOKS[some.queries], "big")}'
      f'{page_words.QUERIES[some.queries]} ({len(some.right):,})</li>'
      for some in sets)
  return (f'<h2>Is it as sure as it should be?</h2><p>'
          f'{html.escape(shown.calibration)} On the dotted line what is '
          f'promised is what happens; above it the answers are better than '
          f'promised. Upright lines are 95 % intervals as if photos were '
          f'independent; tenths of fewer than five photos are left out.</p>'
          f'<ul class="key">{key}</ul>' + page_parts.figures([
              ('confidence of being within 25 km', chances),
              ('radius that holds a share of the truths', inside)]))


def _trainings(shown: Page) -> str:
  if not shown.trainings:
    return ''
  figures = [(some.title, plots.training(some.title, some.label, some.traces))
             for some in shown.trainings]
  return (f'<h2>How it learned</h2><p>GeoScore is of photos that training '
          f'never sees: they choose the step that is kept. Losses are of the '
          f'training’s own batches.</p>{page_parts.figures(figures)}')


def _table(shown: Page) -> str:
  sets = page_words.shown_sets(shown.rows)
  names = page_words.shown_systems(shown.rows)
  head = ''.join(f'<th colspan="2" scope="colgroup">'
                 f'{page_words.QUERIES[queries]}</th>' for queries in sets)
  lines = []
  for name in names:
    cells = ''.join(_cells(shown, queries, name) for queries in sets)
    main = ' class="main"' if name == page_words.MAIN else ''
    lines.append(f'<tr{main}><th scope="row">{page_words.SYSTEMS[name]} '
                 f'<small>{name}</small></th>{cells}</tr>')
  ideal = (' Who knows the world takes the likeliest candidate of the full '
           'reranker’s shortlist.') if 'ideal' in names else ''
  return (f'<h2>The figures</h2><p>Percent within 25 km, and GeoScore (0 to '
          f'5,000), with 95 % intervals. Both sources are searched and no '
          f'gallery row is hidden.{ideal} '
          f'<a href="{html.escape(shown.table)}">Every system, filter '
          f'and variant</a> is on a page of its own.</p>'
          f'<div class="scroll" tabindex="0"><table><thead><tr>'
          f'<th rowspan="2">system</th>{head}</tr><tr>'
          f'{"<th>within 25 km</th><th>GeoScore</th>" * len(sets)}</tr></thead>'
          f'<tbody>{"".join(lines)}</tbody></table></div>')


def _cells(shown: Page, queries: str, name: str) -> str:
  row = page_words.main_row(shown.rows, queries, name)
  if row is None:
    return '<td>–</td><td>–</td>'
  parts = []
  for key, scale, digits in (('acc@25km', 100, 1), ('geoscore', 1, 0)):
    number = lambda value, scale=scale, digits=digits: (
        f'{scale * value:,.{digits}f}')
    interval = row['ci95'].get(key)
    beside = '' if interval is None else (
        f'<small>[{number(interval[0])}, {number(interval[1])}]</small>')
    parts.append(f'<td>{number(row["metrics"][key])}{beside}</td>')
  return ''.join(parts)


def _system_key(names: Sequence[str]) -> str:
  return '<ul class="key">' + ''.join(
      f'<li>{page_parts.swatch(f"c-{name}", "line")}'
      f'{page_words.SYSTEMS[name]}</li>' for name in names) + '</ul>'
