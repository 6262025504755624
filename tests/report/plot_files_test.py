"""PNG and PDF of plots: real files, with marks where the SVG has them."""

import io
import re
import zlib

import numpy as np
from PIL import Image
from pinpoint_jax.report import (
  pdf_plots,
  plot_files,
  png_plots,
  svg_shapes,
)
import pytest

from tests.fixtures import tiny_page

BLUE, RED, WHITE = (0, 0, 255), (255, 0, 0), (255, 255, 255)


def shape(lines, closed=False, **look):
  return svg_shapes.Shape(
      tuple(np.asarray(line, np.float64) for line in lines), closed,
      svg_shapes.Look(**{'fill': None, 'stroke': None, **look}))


def square(low, high, turn=1):
  return [[low, low], [high, low], [high, high], [low, high]][::turn]


DRAWING = svg_shapes.Drawing(60, 40, WHITE, (
    shape([square(5, 35), square(15, 25, -1)], True, fill=BLUE),
    shape([[[40, 20], [40, 20]]], stroke=RED, width=6.),
    shape([[[45, 5], [45, 35]]], stroke=RED, width=2., dash=(10., 10.)),
    shape([[[55, 5], [55, 35]]], stroke=RED, width=4., opacity=.5),
    svg_shapes.Words('(a\\b) – 漢', (10., 38.), 'start', False, RED)))


def test_a_png_has_the_marks_in_their_places():
  image = Image.open(io.BytesIO(png_plots.png(DRAWING)))
  assert image.size == (60 * png_plots.SCALE, 40 * png_plots.SCALE)
  at = lambda x, y: image.getpixel((x * png_plots.SCALE, y * png_plots.SCALE))
  assert at(10, 10) == BLUE and at(1, 1) == WHITE
  assert at(20, 20) == WHITE  # A hole.
  assert at(40, 20) == RED and at(41, 22) == RED and at(44, 20) == WHITE
  assert (at(45, 10), at(45, 20), at(45, 30)) == (RED, WHITE, RED)
  assert at(55, 20) == pytest.approx((255, 128, 128), abs=1)


def test_letters_are_where_their_anchor_says():
  def span(words):
    image = Image.open(io.BytesIO(png_plots.png(svg_shapes.Drawing(
        100, 100, WHITE, (words,)))))
    rows, columns = np.nonzero(np.asarray(image).min(axis=2) < 128)
    return np.asarray([columns.min(), columns.max(), rows.min(), rows.max()
                       ]) / png_plots.SCALE
  left, right, top, foot = span(
      svg_shapes.Words('HHHH', (50., 60.), 'end', False, RED))
  assert right == pytest.approx(50, abs=2) and foot == pytest.approx(60, abs=1)
  assert 45 < top < 56 and left < 25
  left, right, top, foot = span(
      svg_shapes.Words('HHHH', (50., 60.), 'middle', True, RED))
  assert right == pytest.approx(50, abs=1) and left > 35
  assert (top + foot) / 2 == pytest.approx(60, abs=1.5)


def test_a_pdf_is_one_page_whose_table_is_right():
  content = pdf_plots.pdf(DRAWING)
  assert content.startswith(b'%PDF-1.4') and content.endswith(b'%%EOF\n')
  assert content.count(b'/Type /Page ') == 1 and b'/Count 1' in content
  assert b'/MediaBox [0 0 45 30]' in content  # 60 × 40 pixels of 3/4 point.
  begin = int(re.search(rb'startxref\n(\d+)', content)[1])
  assert content[begin:].startswith(b'xref\n0 6\n')
  for number, entry in enumerate(re.findall(rb'(\d{10}) 00000 n',
                                            content[begin:]), 1):
    assert content[int(entry):].startswith(b'%d 0 obj' % number)


def test_a_pdf_draws_the_same_marks():
  content = pdf_plots.pdf(DRAWING)
  stream = re.search(rb'/Length (\d+) .*?stream\n(.*)\nendstream', content,
                     re.DOTALL)
  assert len(stream[2]) == int(stream[1])
  text = zlib.decompress(stream[2]).decode('latin-1')
  assert '5.00 5.00 m 35.00 5.00 l' in text and ' h f Q' in text
  assert '1 J 1.000 0.000 0.000 RG 6 w' in text  # A dot: round ends.
  assert '0 J 1.000 0.000 0.000 RG 2 w [10 10] 0 d' in text
  assert '(\\(a\\\\b\\) \x96 ?) Tj' in text
  assert b'/ca 0.5 /CA 0.5' in content


def test_every_plot_of_a_page_is_written(tmp_path, monkeypatch):
  monkeypatch.setattr(png_plots, 'SCALE', 1)  # Quick.
  shown = tiny_page.run_page(sets=[tiny_page.run_set('a/b')])
  paths = plot_files.write(tmp_path / 'p', shown, ['svg', 'png', 'pdf'])
  assert len(paths) == len(set(paths)) == 5 * 3
  assert {path.parent for path in paths} == {tmp_path / 'p'}
  for path in paths:
    if path.suffix == '.png':
      assert len(Image.open(path).getcolors(1 << 24)) > 20
    assert path.read_bytes()[:4] in (b'<svg', b'\x89PNG', b'%PDF')


def test_formats_are_named_as_they_are():
  assert plot_files.formats('png, svg') == ['png', 'svg']
  assert plot_files.formats('') == []
  with pytest.raises(ValueError, match="'jpg' is none of svg, png, pdf"):
    plot_files.formats('svg,jpg')
