"""Every Markdown and HTML table of the project; latex.py writes the others.

`grid` writes any table, `figures` one of names and numbers; `markdown` and
`page` write the rows of results.json, `claims_markdown` those of claims.json.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import html
import re
from typing import Any

from pinpoint_jax.report import cells

Row = Mapping[str, Any]

_STYLE = '''
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto;
       max-width: 84rem; padding: 0 1rem; color: #1c2733; background: #fff }
table { border-collapse: collapse; margin: 1rem 0 .3rem }
th, td { padding: .3rem .7rem; text-align: right; vertical-align: top;
         border-bottom: 1px solid #d8dee4 }
td { white-space: nowrap; background: #fff }
th { background: #f3f5f7; vertical-align: bottom }
td.t, th.t, th.group { text-align: left }
th.group { padding-top: .8rem; background: #fff;
           border-bottom: 2px solid #8795a1 }
td.long { white-space: normal; min-width: 11rem; max-width: 22rem }
tr > :first-child, th.group span { position: sticky; left: 0 }
small { color: #5b6875; display: block; font-size: 11px }
tr.new td { border-top: 2px solid #8795a1 } img { max-width: 100% }
td.held { color: #12652f } td.refuted { color: #a01c1c }
td.held, td.refuted { font-weight: 600 }
.wide { overflow-x: auto; max-width: 100% }
ul { padding-left: 1.2rem } li { overflow-wrap: anywhere }
code { background: #f3f5f7; padding: 0 .25rem }
@media (max-width: 40rem) { body { margin: 1rem auto; padding: 0 .6rem }
  th, td { padding: .3rem .45rem; font-size: 13px }
  td.long { min-width: 8rem } }
@media (prefers-color-scheme: dark) {
  body, td, th.group { background: #14181d; color: #dde3ea }
  th, code { background: #222a33 } small { color: #9aa7b4 }
  th, td { border-color: #36414d }
  td.held { color: #6fcf97 } td.refuted { color: #ff8a80 } }
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


def markdown(rows: Sequence[Row] | cells.Table) -> str:
  """One line per row, accuracy in percent with its interval or spread."""
  if not isinstance(rows, cells.Table):
    return _markdown(cells.of_results(rows))
  notes = ''.join(f'- {note}\n' for note in rows.notes)
  return f'{_markdown(rows)}\n{notes}' if notes else _markdown(rows)


def claims_markdown(rows: Sequence[Row]) -> str:
  """One line per claim with its verdict, then what such a table can show."""
  return f'{_markdown(cells.of_claims(rows))}\n{cells.power(rows)}\n'


def page(title: str, intro: str,
         tables: Mapping[str, Sequence[Row] | cells.Table],
         pictures: Mapping[str, str] | None = None,
         notes: Sequence[str] = (), claims: Sequence[Row] = (),
         links: Mapping[str, str] | None = None) -> str:
  """A page that stands alone: tables {caption: rows}, notes and pictures
  {caption: path}; rows of claims.json come after the first table, links
  {words: path} before it."""
  parts = [_section(caption, _results(rows))
           for caption, rows in tables.items()]
  if claims:
    parts.insert(1, _section('Claims', _table(cells.of_claims(claims)))
                 + f'<p>{html.escape(cells.power(claims))}</p>')
  figures = ''.join(
      f'<h2>{html.escape(caption)}</h2><img alt="{html.escape(caption)}" '
      f'src="{html.escape(path)}">'
      for caption, path in (pictures or {}).items())
  ways = ''.join(
      f'<p><a href="{html.escape(path)}">{html.escape(words)}</a></p>'
      for words, path in (links or {}).items())
  return (f'<!doctype html><html lang="en"><meta charset="utf-8">'
          f'<meta name="viewport" content="width=device-width">'
          f'<title>{html.escape(title)}</title><style>{_STYLE}</style>'
          f'<h1>{html.escape(title)}</h1><p>{html.escape(intro)}</p>'
          f'{ways}{"".join(parts)}{listed(notes)}{figures}</html>\n')


def _markdown(table: cells.Table) -> str:
  return grid(table.head, [[' '.join((cell.text, cell.note)).strip()
                            for cell in line] for line in table.lines],
              table.num_text)


def _section(caption: str, content: str) -> str:
  return (f'<h2>{html.escape(caption)}</h2><div class="wide" tabindex="0">'
          f'{content}</div>')


def _results(rows: Sequence[Row] | cells.Table) -> str:
  """Rows of results.json under the name of their query set."""
  if isinstance(rows, cells.Table):
    return _table(rows) + listed(rows.notes)
  table, said = cells.without_constant_columns(cells.of_results(rows))
  groups = {i: table.lines[i][0].text for i in table.starts}
  table = dataclasses.replace(
      table, head=table.head[1:], lines=[line[1:] for line in table.lines],
      num_text=table.num_text - 1, starts=frozenset())
  return _table(table, groups) + (
      f'<small>All rows: {html.escape(said)}.</small>' if said else '')


def _table(table: cells.Table, groups: Mapping[int, str] | None = None) -> str:
  """groups: headings of the lines from those numbers on."""
  text_class = lambda column: 't' if column < table.num_text else ''
  head = ''.join(f'<th{_classes(text_class(i))}>{html.escape(name)}</th>'
                 for i, name in enumerate(table.head))
  body = []
  for number, line in enumerate(table.lines):
    if number in (groups or {}):
      body.append(f'<tr><th class="group" colspan="{len(line)}"><span>'
                  f'{html.escape(groups[number])}</span></th></tr>')
    body.append(f'<tr{_classes("new" * (number in table.starts))}>' + ''.join(
        f'<td{_classes(text_class(i), cell.look)}>{html.escape(cell.text)}'
        + (f'<small>{html.escape(cell.note)}</small>' if cell.note else '')
        + '</td>' for i, cell in enumerate(line)) + '</tr>')
  return f'<table><tr>{head}</tr>{"".join(body)}</table>'


def listed(notes: Sequence[str]) -> str:
  """Notes as a list, what is between backticks as code."""
  items = (re.sub('`([^`]+)`', r'<code>\1</code>', html.escape(note))
           for note in notes)
  return '<ul>' + ''.join(f'<li>{item}</li>' for item in items) + '</ul>'


def _classes(*names: str) -> str:
  given = ' '.join(name for name in names if name)
  return f' class="{given}"' if given else ''


def _one_line(value: Any) -> str:
  """Text of one cell of Markdown: no bar, no line break, no tag."""
  text = f'{value:.6g}' if isinstance(value, float) else str(value)
  text = html.escape(' '.join(text.split()), quote=False)
  return text.replace('\\', '\\\\').replace('|', '\\|')
