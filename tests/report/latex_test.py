"""Tables that LaTeX reads, with whatever text."""

from pinpoint_jax.report import cells, latex


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
\par\footnotesize 50 \% of x
'''


def test_no_character_is_read_as_a_command():
  assert latex.escaped('a&b%$#_{}\\~^<>\n±') == (
      r'a\&b\%\$\#\_\{\}\textbackslash{}\textasciitilde{}\textasciicircum{}'
      r'\textless{}\textgreater{} $\pm$')


def test_a_caption_cannot_leave_its_comment():
  table = cells.Table(('a',), [], 1, frozenset())
  text = latex.document({'x\ny': table})
  assert '\n% x y\n\\begin' in text and text.startswith('% Needs')
