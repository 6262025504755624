"""Marks stand where a ruler says that they should."""

import re
from xml.etree import ElementTree as ET

import numpy as np
from pinpoint_jax.report import svg
import pytest

FRAME = svg.Frame(svg.Axis('x', 0., 10., ((0., '0'), (10., '10'))),
                  svg.Axis('y', 0., 2., ((0., '0'), (2., '2'))))
# 58 pixels on the left, 14 on the right, 20 above, 44 below, of 360 × 288.
LEFT, RIGHT, TOP, FOOT = 58, 346, 20, 244


def test_ends_of_the_axes():
  assert FRAME.across(np.asarray([0., 5., 10.])).tolist() == [
      LEFT, (LEFT + RIGHT) / 2, RIGHT]
  assert FRAME.down(np.asarray([0., 1., 2.])).tolist() == [
      FOOT, (FOOT + TOP) / 2, TOP]


def test_what_lies_beyond_an_axis_is_at_its_end():
  assert FRAME.across(np.asarray([-1., 11.])).tolist() == [LEFT, RIGHT]


def test_equal_ratios_are_equally_long():
  axis = svg.Axis('km', .1, 1000., (), log=True)
  np.testing.assert_allclose(
      axis.share(np.asarray([0., .1, 1., 10., 1000.])), [0, 0, .25, .5, 1])


def test_a_bar_is_as_high_as_its_value():
  rect = ET.fromstring(svg.bar(FRAME, 100., 8., .5, 'c-full', 'a & b'))
  # A quarter of 224 pixels.
  assert (rect.get('y'), rect.get('height')) == ('188', '56')
  assert (rect.get('x'), rect.get('width')) == ('100', '8')
  assert rect.find('title').text == 'a & b'


def test_a_whisker_joins_both_ends():
  path = svg.whisker(FRAME, 100., .5, 1.5)
  assert 'd="M100 188V76"' in path


def test_lines_and_dots():
  x, y = np.asarray([0., 10.]), np.asarray([2., 0.])
  assert f'points="{LEFT},{TOP} {RIGHT},{FOOT}"' in svg.line(FRAME, x, y, 'a')
  assert f'd="M{LEFT} {TOP}h0M{RIGHT} {FOOT}h0"' in svg.points(
      FRAME, x, y, 'a')
  assert svg.points(FRAME, x[:0], y[:0], 'a') == ''


@pytest.mark.parametrize('values', [
    [2., 2., 2.], [0., 0., 0., 0.], [1., 1.01, .99], [2., 0.]])
def test_no_label_is_over_another_nor_outside(values):
  labels = svg.end_labels(FRAME, [(value, f'n{i}', 'c')
                                  for i, value in enumerate(values)])
  down = sorted(float(ET.fromstring(label).get('y')) for label in labels)
  assert min(np.diff(down), default=15) >= 15
  assert down[0] >= TOP and down[-1] <= FOOT + 10


def test_a_label_with_room_is_at_its_value():
  (label,) = svg.end_labels(FRAME, [(1., 'a', 'c')])
  assert float(ET.fromstring(label).get('y')) == (TOP + FOOT) / 2 + 4


def test_words_are_escaped():
  frame = svg.Frame(svg.Axis('<x>', 0., 1., ((0., '<0>'),)),
                    svg.Axis('<y>', 0., 1., ()))
  text = svg.plot('<t> "q"', frame, [svg.text(0, 0, '<w>')])
  ET.fromstring(text)
  assert not re.search('<[xytw0]>', text)
