r"""Tables as LaTeX; the document that takes them loads booktabs."""

from collections.abc import Iterable, Mapping

from pinpoint_jax.report import cells

_HEAD = ('% Needs \\usepackage{booktabs} and \\usepackage[T1]{fontenc}. '
         'Wide: set it\n% in a table* or \\resizebox.\n')
_ESCAPED = {
    '\\': r'\textbackslash{}', '~': r'\textasciitilde{}',
    '^': r'\textasciicircum{}', '–': '--', '…': r'\ldots{}', '±': r'$\pm$',
    '<': r'\textless{}', '>': r'\textgreater{}', '·': r'$\cdot$',
    '|': r'\textbar{}', '"': r'\textquotedbl{}', '−': '$-$', '—': '---',
    '\N{NO-BREAK SPACE}': '~', '×': r'$\times$', '≤': r'$\leq$',
    '≥': r'$\geq$', '→': r'$\rightarrow$',
    **{letter: f'\\{letter}' for letter in '&%$#_{}'}}


def document(tables: Mapping[str, cells.Table]) -> str:
  """All tables by their captions, to be read by \\input."""
  return _HEAD + ''.join(
      f'\n% {_one_line(caption)}\n{tabular(table)}'
      for caption, table in tables.items())


def tabular(table: cells.Table) -> str:
  """A tabular, its notes below it; a rule before whatever begins anew."""
  columns = ('l' * table.num_text
             + 'r' * (len(table.head) - table.num_text))
  lines = [f'\\begin{{tabular}}{{{columns}}}', r'\toprule',
           _row(map(escaped, table.head)), r'\midrule']
  for number, line in enumerate(table.lines):
    if number and number in table.starts:
      lines.append(r'\midrule')
    lines.append(_row(map(_cell, line)))
  lines += [r'\bottomrule', r'\end{tabular}']
  # In a group: what follows in the document keeps its size.
  notes = [f'\\par{{\\footnotesize {escaped(note.replace("`", ""))}\\par}}'
           for note in table.notes]
  return '\n'.join([*lines, *notes]) + '\n'


def escaped(text: str) -> str:
  """Text that LaTeX prints as it is."""
  return ''.join(_ESCAPED.get(letter, letter) for letter in _one_line(text))


def _cell(cell: cells.Cell) -> str:
  if not cell.note:
    return escaped(cell.text)
  return f'{escaped(cell.text)} {{\\scriptsize {escaped(cell.note)}}}'


def _row(texts: Iterable[str]) -> str:
  line = ' & '.join(texts)
  # After the line before, \\ would take these for its own.
  return ('{}' if line.startswith(('[', '*')) else '') + line + r' \\'


def _one_line(text: str) -> str:
  return ' '.join(text.split())
