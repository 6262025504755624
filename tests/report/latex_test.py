"""Tables that LaTeX reads, with whatever text.

There is no LaTeX here: `problems` knows the rules that a table can break.
"""

import re

from experiments import make_tables
from pinpoint_jax.report import cells, latex, published
import pytest

from tests.report.benchmark_tables_test import every_row, row

# Commands that LaTeX with booktabs and the T1 encoding knows.
KNOWN = {'begin', 'end', 'toprule', 'midrule', 'bottomrule', 'par',
         'scriptsize', 'footnotesize', 'textbackslash', 'textasciitilde',
         'textasciicircum',
         'ldots', 'pm', 'textless', 'textgreater', 'cdot', 'textbar',
         'textquotedbl', 'times', 'leq', 'geq', 'rightarrow'}
# Whatever a name of a system or a note of a run could bring.
HOSTILE = (r'\input{/etc/passwd}', 'a & b', '50 %', '{', '}}', '$x^2_3$', '#1',
           '~^', '[0.5, 1.5]', '*', '`ls`', 'a\\', '\\', '|"<>', 'x\n% y',
           'Tōkyō – “é” … ± × ≤ −1')


def problems(text):
  """Everything that LaTeX would stumble over, or print otherwise."""
  lines = [line for line in text.splitlines() if not line.startswith('%')]
  found = [f'comment in {line!r}' for line in lines
           if re.search(r'(?<!\\)%', line)]
  body = '\n'.join(lines)
  found += [f'unknown \\{name}' for name in set(re.findall(
      r'\\([A-Za-z]+)', body)) - KNOWN]
  depth, opened, columns = 0, [], 0
  for name, kind in re.findall(r'\\(begin|end)\{(\w+)\}', body):
    if name == 'begin':
      opened.append(kind)
    elif not opened or opened.pop() != kind:
      found.append(f'\\end{{{kind}}} alone')
  found += [f'{kind} is never ended' for kind in opened]
  for line in lines:
    plain = re.sub(r'\\[&%$#_{}]', '', line)  # These are printed.
    if match := re.match(r'\\begin\{tabular\}\{(\w+)\}', line):
      columns = len(match[1])
    if line.endswith(r'\\'):
      if plain.count('&') != columns - 1:
        found.append(f'{plain.count("&") + 1} of {columns} cells in {line!r}')
      if line.startswith(('[', '*')):
        found.append(f'an argument of the line before: {line!r}')
    for letter in plain:
      depth += (letter == '{') - (letter == '}')
      if depth < 0:
        found.append(f'a brace too many in {line!r}')
        depth = 0
    math = re.sub(r'\$[^$]*\$', '', plain)
    found += [f'bare {letter} in {line!r}' for letter in '#_^$'
              if letter in math]
    found += [f'{letter!r} in {line!r}' for letter in plain
              if ord(letter) > 0x17f and letter not in '“”‘’„']
  return found + (['a brace is never closed'] if depth else [])


def test_every_published_table_is_sound(tmp_path):
  paths = make_tables.make([], tmp_path / 'alone', list(published.benchmarks()))
  assert problems(paths[1].read_text()) == []
  text = latex.document({'t': cells.of_results([*every_row(), row('full')])})
  assert text.count(r'\\') > 5 and problems(text) == []


@pytest.mark.parametrize('words', HOSTILE)
def test_no_text_breaks_a_table(words):
  table = cells.Table((words, 'n'), [
      [cells.Cell(words), cells.Cell(words, words)],
      [cells.Cell(words), cells.Cell('1')]], 1, frozenset((0, 1)), [words])
  assert problems(latex.document({words: table})) == []


@pytest.mark.parametrize('text, problem', [
    ('a_b', 'bare _'), ('50 %', 'comment'), ('{', 'never closed'),
    ('}', 'too many'), (r'\input', r'unknown \input'), ('→', "'→'"),
    ('\\begin{tabular}{ll}\na & b & c \\\\\n\\end{tabular}', '3 of 2 cells'),
    ('\\begin{tabular}{l}\n[a] \\\\\n\\end{tabular}', 'an argument'),
    (r'\end{tabular}', 'alone'), (r'\begin{tabular}{l}', 'never ended')])
def test_the_check_sees_what_is_wrong(text, problem):
  assert any(problem in one for one in problems(text)), problems(text)


def test_a_table_with_a_note_and_a_rule():
  table = cells.Table(('system', '1 km'), [
      [cells.Cell('a_b'), cells.Cell('1.0', '[0.5, 1.5]')],
      [cells.Cell('full'), cells.Cell('–')]], 1, frozenset((0, 1)),
      ['50 % of `x`'])
  assert latex.tabular(table) == r'''\begin{tabular}{lr}
\toprule
system & 1 km \\
\midrule
a\_b & 1.0 {\scriptsize [0.5, 1.5]} \\
\midrule
full & -- \\
\bottomrule
\end{tabular}
\par{\footnotesize 50 \% of x\par}
'''


def test_no_character_is_read_as_a_command():
  assert latex.escaped('a&b%$#_{}\\~^<>\n±') == (
      r'a\&b\%\$\#\_\{\}\textbackslash{}\textasciitilde{}\textasciicircum{}'
      r'\textless{}\textgreater{} $\pm$')


def test_a_caption_cannot_leave_its_comment():
  table = cells.Table(('a',), [], 1, frozenset())
  text = latex.document({'x\ny': table})
  assert '\n% x y\n\\begin' in text and text.startswith('% Needs')
