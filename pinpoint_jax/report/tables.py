"""Every Markdown and HTML table of the project.

`grid` writes any table, `figures` one of names and numbers; `markdown` and
`page` write the rows of results.json.
"""

from collections.abc import Mapping, Sequence
import html
from typing import Any

Row = Mapping[str, Any]

_SETTING = ('queries', 'system', 'gallery', 'filter', 'decode')
_ACCURACY = ('acc@1km', 'acc@25km', 'acc@200km', 'acc@750km', 'acc@2500km')
_HEAD = ('queries', 'system', 'gallery', 'filter', 'decode', 'n', '1 km',
         '25 km', '200 km', '750 km', '2500 km', 'GeoScore', 'median km')
_NUM_TEXT = len(_SETTING)

_STYLE = '''
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto;
       max-width: 88rem; padding: 0 1rem; color: #1c2733; background: #fff }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .3rem .7rem; text-align: right; border-bottom:
         1px solid #d8dee4; white-space: nowrap }
th { background: #f3f5f7 } td.t, th.t { text-align: left }
small { color: #5b6875; display: block; font-size: 11px }
tr.new td { border-top: 2px solid #8795a1 } img { max-width: 100% }
.wide { overflow-x: auto } code { background: #f3f5f7; padding: 0 .25rem }
'''


def grid(head: Sequence[str], rows: Sequence[Sequence[Any]],
         num_text: int | None = None) -> str:
  """A Markdown table; columns after the first `num_text` align right."""
  num_text = len(head) if num_text is None else num_text
  rule = '|' + '---|' * num_text + '---:|' * (len(head) - num_text)
  lines = [head, *rows]
  head_line, *body = ('| ' + ' | '.join(map(_one_line, line)) + ' |'
                      for line in lines)
  return '\n'.join([head_line, rule, *body]) + '\n'


def figures(values: Mapping[str, float]) -> str:
  """A Markdown table of one figure per line."""
  return grid(('figure', 'value'),
              [(name, f'{value:.4g}') for name, value in values.items()], 1)


def markdown(rows: Sequence[Row]) -> str:
  """One line per row, accuracy in percent with its 95 % interval."""
  return grid(_HEAD, [[' '.join(cell).strip() for cell in _cells(row)]
                      for row in rows], _NUM_TEXT)


def page(title: str, intro: str, tables: Mapping[str, Sequence[Row]],
         pictures: Mapping[str, str] | None = None,
         notes: Sequence[str] = ()) -> str:
  """A page that stands alone: tables {caption: rows}, notes and pictures
  {caption: path}."""
  shown = ''.join(
      f'<h2>{html.escape(caption)}</h2><div class="wide">{_table(rows)}</div>'
      for caption, rows in tables.items())
  figures = ''.join(
      f'<h2>{html.escape(caption)}</h2><img alt="{html.escape(caption)}" '
      f'src="{html.escape(path)}">'
      for caption, path in (pictures or {}).items())
  listed = ''.join(f'<li>{html.escape(note)}</li>' for note in notes)
  return (f'<!doctype html><html lang="en"><meta charset="utf-8">'
          f'<title>{html.escape(title)}</title><style>{_STYLE}</style>'
          f'<h1>{html.escape(title)}</h1><p>{html.escape(intro)}</p>'
          f'{shown}<ul>{listed}</ul>{figures}</html>\n')


def _table(rows: Sequence[Row]) -> str:
  head = ''.join(f'<th{_text_class(i)}>{html.escape(name)}</th>'
                 for i, name in enumerate(_HEAD))
  body, before = [], None
  for row in rows:
    new = ' class="new"' if row['queries'] != before else ''
    before = row['queries']
    body.append(f'<tr{new}>' + ''.join(
        f'<td{_text_class(i)}>{html.escape(value)}'
        + (f'<small>{html.escape(interval)}</small>' if interval else '')
        + '</td>' for i, (value, interval) in enumerate(_cells(row))) + '</tr>')
  return f'<table><tr>{head}</tr>{"".join(body)}</table>'


def _one_line(value: Any) -> str:
  """Text of one cell of Markdown: no bar, no line break, no tag."""
  text = f'{value:.6g}' if isinstance(value, float) else str(value)
  text = html.escape(' '.join(text.split()), quote=False)
  return text.replace('\\', '\\\\').replace('|', '\\|')


def _text_class(column: int) -> str:
  return ' class="t"' if column < _NUM_TEXT else ''


def _cells(row: Row) -> list[tuple[str, str]]:
  """(value, interval) per column; the interval is '' where there is none."""
  cells = [(str(row[name]), '') for name in _SETTING]
  if row.get('variant'):
    cells[1] = (f'{row["system"]} ({row["variant"]})', '')
  cells.append((f"{row['num_queries']:,}", ''))
  for name in _ACCURACY:
    cells.append(_with_interval(row, name, 100, 1))
  cells.append(_with_interval(row, 'geoscore', 1, 0))
  cells.append(_with_interval(row, 'median_km', 1, 0))
  return cells


def _with_interval(row: Row, name: str, scale: int,
                   digits: int) -> tuple[str, str]:
  interval = row['ci95'].get(name)
  value = f'{row["metrics"][name] * scale:.{digits}f}'
  if interval is None:
    return value, ''
  low, high = (f'{edge * scale:.{digits}f}' for edge in interval)
  return value, f'[{low}, {high}]'
