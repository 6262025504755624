"""Our style sheet as a browser would apply it to marks."""

from pinpoint_jax.report import page_style, svg_style
import pytest

STYLE = svg_style.Style('''
:root { --ink: #112233; --sea: #abc }
@media (prefers-color-scheme: dark) { :root { --ink: #fff } .a { fill: #fff } }
.a { color: var(--sea); stroke: currentColor } .a.b { stroke-width: 3 }
.b { stroke-width: 2 } .map .land, text.value { fill: var(--ink) }
text[class*=c-] { fill: currentColor } text { fill: #000001 }
''')


def of(*way, above=(), **attributes):
  nodes = [svg_style.Node(*name.partition(' ')[::2]) for name in way]
  return STYLE.of(nodes, attributes, dict(above))


def test_more_classes_count_before_what_is_written_later():
  assert of('svg', 'path a b')['stroke-width'] == '3'
  assert of('svg', 'path b')['stroke-width'] == '2'
  found = of('svg', 'text value')
  assert STYLE.color(found, 'fill') == (0x11, 0x22, 0x33)
  assert STYLE.color(of('svg', 'text'), 'fill') == (0, 0, 1)


def test_colours_are_those_of_a_light_page():
  found = of('svg', 'path a')
  assert STYLE.color(found, 'stroke') == (0xaa, 0xbb, 0xcc)
  assert STYLE.color(found, 'fill') is None  # That of the dark page alone.


def test_a_colour_reaches_what_is_within():
  outer = of('svg', 'g a')
  found = of('svg', 'g a', 'text c-full', above=outer.items())
  assert STYLE.color(found, 'fill') == (0xaa, 0xbb, 0xcc)
  assert 'fill' not in of('svg', 'path land')
  assert 'fill' in of('svg map', 'g', 'path land')


@pytest.mark.parametrize('look, width, opacity', [
    ('line c-0', '1.8', None), ('line thin c-0', '1.2', '.6'),
    ('dots big c-1', '7', None), ('dots error e-3', '3.2', None),
    ('whisker c-2', '1.1', '.75')])
def test_marks_of_our_pages(look, width, opacity):
  style = svg_style.Style(page_style.STYLE)
  found = style.of([svg_style.Node('svg', ''), svg_style.Node('path', look)],
                   {}, {})
  assert (found['stroke-width'], found.get('opacity')) == (width, opacity)
  colors = {'c-0': 0x1158c7, 'c-1': 0xb86200, 'c-2': 0x0a857d, 'e-3': 0xc22f2f}
  red, green, blue = style.color(found, 'stroke')
  assert red << 16 | green << 8 | blue == colors[look.split()[-1]]
