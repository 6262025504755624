"""Drawings as shapes in pixels, read from the SVG that this package writes.

  SVG text ─▶ lines, areas and words, each with its look ─▶ PNG, PDF

Only what report/svg.py and report/maps.py write is understood; anything else
is refused, so that no mark is lost without a word.
"""

from collections.abc import Iterator, Mapping
import dataclasses
import re
from xml.etree import ElementTree

from jaxtyping import Float
import numpy as np
from pinpoint_jax.report import svg_style

_NUMBER = r'-?\d*\.?\d+'
_STEP = re.compile(rf'([MLHVlhvz])((?:[\s,]*{_NUMBER})*)')
_MOVE = re.compile(r'(translate|scale|rotate)\(([^)]*)\)')
_SILENT = ('style', 'title', 'defs')
_CIRCLE = np.linspace(0, 2 * np.pi, 49)[:-1]


@dataclasses.dataclass(frozen=True)
class Look:
  """How a shape is painted.

  Attributes:
    fill, stroke: colours; None leaves it out.
    width: of the stroke, in pixels.
    dash: pixels of line and gap in turn; () is a whole line.
    opacity: 0 to 1.
  """

  fill: svg_style.Color | None
  stroke: svg_style.Color | None
  width: float = 1.
  dash: tuple[float, ...] = ()
  opacity: float = 1.


@dataclasses.dataclass(frozen=True)
class Shape:
  """Lines or areas of one look.

  Attributes:
    lines: points of each; a line of one point is a dot.
    closed: whether each ends where it begins.
    look: of all.
  """

  lines: tuple[Float[np.ndarray, '_ 2'], ...]
  closed: bool
  look: Look


@dataclasses.dataclass(frozen=True)
class Words:
  """Text, its baseline at a point.

  Attributes:
    text: in one line.
    at: the point.
    anchor: start, middle or end: what of the text is there.
    upright: whether it is written from the bottom to the top.
    color: of its letters.
  """

  text: str
  at: tuple[float, float]
  anchor: str
  upright: bool
  color: svg_style.Color


@dataclasses.dataclass(frozen=True)
class Drawing:
  """Shapes and words in the order in which they are painted.

  Attributes:
    width, height: in pixels.
    paper: its colour.
    marks: from the back to the front.
  """

  width: int
  height: int
  paper: svg_style.Color
  marks: tuple[Shape | Words, ...]


def read(text: str) -> Drawing:
  """The drawing of an SVG file that has its style in it."""
  root = ElementTree.fromstring(text)
  left, top, width, height = map(int, root.attrib['viewBox'].split())
  style = svg_style.Style(root.findtext(_tag('style'), ''))
  reader = _Reader(style, {node.attrib['id']: node for node in root.iter()
                           if 'id' in node.attrib})
  first = (svg_style.Node('svg', root.attrib.get('class', '')),)
  properties = style.of(first, {}, {})
  frame = np.asarray([[1., 0., -left], [0., 1., -top]])
  marks = [mark for child in root
           for mark in reader.marks(child, first, properties, frame)]
  return Drawing(width, height, style.color(
      properties, 'background', 'var(--paper)'), tuple(marks))


@dataclasses.dataclass(frozen=True)
class _Reader:
  """Reads elements, each in the place and in the style of what it is in."""

  style: svg_style.Style
  by_id: Mapping[str, ElementTree.Element]

  def marks(self, node: ElementTree.Element,
            way: tuple[svg_style.Node, ...], above: Mapping[str, str],
            frame: Float[np.ndarray, '2 3']) -> Iterator[Shape | Words]:
    """Everything in an element; frame: its pixels to those of the drawing."""
    tag, given = node.tag.rpartition('}')[2], node.attrib
    if tag in _SILENT:
      return
    way = (*way, svg_style.Node(tag, given.get('class', '')))
    properties = self.style.of(way, given, above)
    frame = _moved(frame, given.get('transform', ''))
    if tag in ('svg', 'g'):
      for child in node:
        yield from self.marks(child, way, properties, frame)
    elif tag == 'use':
      yield from self.marks(
          self.by_id[given['href'].removeprefix('#')], way, properties,
          _moved(frame, f'translate({given.get("x", 0)} 0)'))
    elif tag == 'text':
      yield self._words(node, properties, frame)
    else:
      lines, closed = _lines(tag, given)
      yield Shape(tuple(line @ frame[:, :2].T + frame[:, 2] for line in lines),
                  closed, self._look(properties))

  def _words(self, node: ElementTree.Element, properties: Mapping[str, str],
             frame: np.ndarray) -> Words:
    at = frame @ [float(node.attrib.get('x', 0)),
                  float(node.attrib.get('y', 0)), 1.]
    return Words(node.text or '', tuple(at.tolist()),
                 node.attrib.get('text-anchor', 'start'),
                 bool(abs(frame[1, 0]) > .5),
                 self.style.color(properties, 'fill', 'var(--ink)'))

  def _look(self, properties: Mapping[str, str]) -> Look:
    dash = properties.get('stroke-dasharray', 'none')
    return Look(
        self.style.color(properties, 'fill', 'var(--ink)'),
        self.style.color(properties, 'stroke'),
        float(properties.get('stroke-width', 1)),
        () if dash == 'none' else tuple(map(float, dash.split())),
        float(properties.get('opacity', 1)))


def _lines(tag: str, given: Mapping[str, str]) -> tuple[
    list[np.ndarray], bool]:
  """Points of each line of an element, and whether they are closed."""
  number = lambda name: float(given.get(name, 0))
  if tag == 'path':
    return _path(given['d'])
  if tag == 'polyline':
    return [_points(given['points'])], False
  if tag == 'circle':
    return [np.stack([number('cx') + number('r') * np.cos(_CIRCLE),
                      number('cy') + number('r') * np.sin(_CIRCLE)], 1)], True
  if tag == 'rect':
    x, y = number('x'), number('y')
    right, foot = x + number('width'), y + number('height')
    return [np.asarray([[x, y], [right, y], [right, foot], [x, foot]])], True
  raise ValueError(f'<{tag}> is nothing that a plot is drawn with: teach '
                   f'report/svg_shapes.py to read it')


def _path(text: str) -> tuple[list[np.ndarray], bool]:
  lines: list[list[tuple[float, float]]] = []
  x = y = 0.
  closed = False
  for step, numbers in _STEP.findall(text):
    values = [float(value) for value in re.findall(_NUMBER, numbers)]
    if step == 'z':
      closed, (x, y) = True, lines[-1][0]
      continue
    for pair in _pairs(step, values):
      if step.isupper():
        x, y = (x if pair[0] is None else pair[0],
                y if pair[1] is None else pair[1])
      else:
        x, y = x + (pair[0] or 0.), y + (pair[1] or 0.)
      if step == 'M':
        lines.append([])
      lines[-1].append((x, y))
  return [np.asarray(line, np.float64) for line in lines], closed


def _pairs(step: str, values: list[float]) -> list[
    tuple[float | None, float | None]]:
  """Across and down of each point; None stays where it is."""
  if step in 'Hh':
    return [(value, None) for value in values]
  if step in 'Vv':
    return [(None, value) for value in values]
  return list(zip(values[::2], values[1::2]))


def _points(text: str) -> np.ndarray:
  return np.asarray([pair.split(',') for pair in text.split()], np.float64)


def _moved(frame: Float[np.ndarray, '2 3'],
           text: str) -> Float[np.ndarray, '2 3']:
  """The frame of what is in an element with that `transform`."""
  whole = np.vstack([frame, [0., 0., 1.]])
  for name, numbers in _MOVE.findall(text):
    a, *rest = map(float, numbers.split())
    b = rest[0] if rest else a
    turn = np.deg2rad(a)
    whole = whole @ np.asarray({
        'translate': [[1, 0, a], [0, 1, b], [0, 0, 1]],
        'scale': [[a, 0, 0], [0, b, 0], [0, 0, 1]],
        'rotate': [[np.cos(turn), -np.sin(turn), 0],
                   [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]}[name])
  return whole[:2]


def _tag(name: str) -> str:
  return f'{{http://www.w3.org/2000/svg}}{name}'
