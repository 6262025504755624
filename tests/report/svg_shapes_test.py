"""SVG as shapes: points a reader can follow, nothing lost without a word."""

import numpy as np
from pinpoint_jax.report import run_plots, svg_shapes
import pytest

from tests.fixtures import tiny_page


def read(body, box='0 -10 100 60'):
  return svg_shapes.read(
      f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}"><style>'
      f':root {{ --ink: #000000; --paper: #ffffff }}</style>{body}</svg>')


def lines(body):
  (shape,) = read(body).marks
  return [line.tolist() for line in shape.lines], shape.closed


@pytest.mark.parametrize('body, expected, closed', [
    ('<path d="M1 2H5V4"/>', [[[1, 12], [5, 12], [5, 14]]], False),
    ('<path d="M1 2h0M3 4h0"/>', [[[1, 12]] * 2, [[3, 14]] * 2], False),
    ('<path d="M0 0l2-3l1 1z"/>', [[[0, 10], [2, 7], [3, 8]]], True),
    ('<polyline points="1,2 3,4.5"/>', [[[1, 12], [3, 14.5]]], False),
    ('<rect x="1" y="2" width="3" height="4"/>',
     [[[1, 12], [4, 12], [4, 16], [1, 16]]], True),
    ('<g transform="translate(10 20) scale(2 3)"><path d="M1 1L2 2"/></g>',
     [[[12, 33], [14, 36]]], False)])
def test_points_are_in_pixels_of_the_drawing(body, expected, closed):
  assert lines(body) == (expected, closed)


def test_what_is_defined_is_drawn_where_it_is_used():
  body = ('<defs><path id="land" d="M1 1L2 2"/></defs>'
          '<g transform="scale(2)"><use href="#land" x="5"/></g>')
  assert lines(body) == ([[[12, 12], [14, 14]]], False)


def test_words_keep_their_place_and_turn():
  first, second = read(
      '<text x="5" y="6" text-anchor="end">a &lt; b</text>'
      '<text text-anchor="middle" transform="translate(11 20) rotate(-90)">'
      'up</text>').marks
  assert (first.text, first.at, first.anchor, first.upright) == (
      'a < b', (5, 16), 'end', False)
  assert (second.text, second.upright) == ('up', True)
  assert second.at == pytest.approx((11, 30))


def test_what_it_cannot_read_is_refused():
  with pytest.raises(ValueError, match='<ellipse> is nothing that a plot'):
    read('<ellipse/>')


def test_every_mark_of_a_page_is_read():
  for drawn in run_plots.drawings(tiny_page.run_page()).values():
    marks = svg_shapes.read(drawn).marks
    seen = [mark for mark in marks if isinstance(mark, svg_shapes.Shape)
            and (mark.look.stroke or mark.look.fill and mark.closed)]
    assert len(seen) == sum(isinstance(mark, svg_shapes.Shape)
                            for mark in marks)
    assert all(np.isfinite(line).all() for mark in seen for line in mark.lines)
