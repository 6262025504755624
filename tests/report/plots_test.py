"""Plots show the figures that they are made from."""

import re
from xml.etree import ElementTree as ET

import numpy as np
from pinpoint_jax.report import plots, svg
import pytest
from scipy import stats


def marks(text, tag, look):
  return [node for node in ET.fromstring(text).iter(tag)
          if look in (node.get('class') or '').split()]


def pixels(node):
  return np.asarray([[float(part) for part in pair.split(',')]
                     for pair in node.get('points').split()])


def test_share_below_is_strict():
  shares = plots.below(np.asarray([1., 25., 25., 300.]),
                       np.asarray([.5, 25., 26., 1e4]))
  assert shares.tolist() == [0, .25, .75, 1]


def test_a_curve_of_errors_by_hand():
  text = plots.errors('t', {'a': ('c-full', np.asarray([1., 10., 1e5, 1e5]))})
  (line,) = marks(text, 'polyline', 'c-full')
  across, down = pixels(line).T
  km = np.geomspace(.1, 20_000, len(across))
  between = (km > 10.5) & (km < 19_000)
  # Half of the photos: the middle of 224 pixels above 244.
  assert set(down[between]) == {132.}
  assert set(down[km < .9]) == {244.}
  assert (np.diff(across) > 0).all()


def test_bars_whiskers_and_the_marked_value():
  bars = [plots.Bars('base', 'c-raw_1nn', [0., .25, .5, .75, 1.], [None] * 5),
          plots.Bars('full', 'c-full', [.5] * 5, [(.4, .6)] * 5)]
  text = plots.accuracy('t', bars, 'full')
  heights = [float(bar.get('height')) for bar in marks(
      text, 'rect', 'c-raw_1nn')]
  assert heights == [0, 56, 112, 168, 224]
  assert len(marks(text, 'path', 'whisker')) == 5
  assert [node.text for node in marks(text, 'text', 'value')] == ['50'] * 5
  assert 'full, 25 km: 50.0\N{NO-BREAK SPACE}% [40.0, 60.0]' in text


def test_bars_never_overlap():
  for count in (1, 3, 6, 9):
    text = plots.accuracy('t', [plots.Bars(
        f'{i}', f'c-{i}', [.5] * 5, [None] * 5) for i in range(count)], '')
    edges = sorted((float(bar.get('x')), float(bar.get('width')))
                   for bar in marks(text, 'rect', 'bar'))
    ends = [left + width for left, width in edges]
    assert all(end <= left + .11 for end, (left, _) in zip(ends, edges[1:]))
    assert ends[-1] <= svg.WIDTH


def test_tenths_of_confidence():
  chances = np.asarray([.05] * 5 + [.95] * 9 + [1.] + [.5] * 4)
  right = np.asarray([True, *[False] * 4, *[True] * 10, *[True] * 4])
  first, last = plots.tenths(chances, right)  # Four photos are too few.
  assert (first.confidence, first.right, first.count) == (
      pytest.approx(.05), .2, 5)
  assert (last.confidence, last.right, last.count) == (
      pytest.approx(.955), 1., 10)


@pytest.mark.parametrize('hits, count', [(0, 7), (3, 10), (50, 50)])
def test_wilson_as_scipy_has_it(hits, count):
  theirs = stats.binomtest(hits, count).proportion_ci(method='wilson')
  np.testing.assert_allclose(plots.wilson(hits / count, count),
                             (theirs.low, theirs.high), atol=1e-7)


def test_medians_are_of_equal_parts():
  nearest = np.arange(1., 41.)
  text = plots.neighbours('t', nearest, 2 * nearest, 'c-new', 10)
  (line,) = marks(text, 'polyline', 'median')
  assert len(pixels(line)) == 2  # 40 photos: two parts of 20.
  (dots,) = marks(text, 'path', 'c-new')
  assert len(re.findall('h0', dots.get('d'))) == 10


def test_few_photos_have_dots_and_no_medians():
  text = plots.neighbours('t', np.asarray([1., 2.]), np.asarray([3., 4.]),
                          'c-new', 10)
  assert not marks(text, 'polyline', 'median')


def test_a_training_that_never_changes_has_an_axis():
  text = plots.training('t', 'loss', [plots.Trace(
      'a', 'c-full', np.asarray([5., 10.]), np.asarray([2., 2.]))])
  (line,) = marks(text, 'polyline', 'c-full')
  assert np.isfinite(pixels(line)).all()
  assert '>-0<' not in text


def test_coverage_at_the_promised_share():
  text = plots.coverage('t', [('c-new', {.5: .75}, 100)])
  (dots,) = marks(text, 'path', 'big')
  # Half way across 288 pixels, three quarters of 224 up.
  assert dots.get('d') == 'M202 76h0'
