"""Plots as SVG text: axes, lines, bars, points, whiskers and labels.

  Frame (two axes) ─▶ marks, as text in pixels ─▶ plot: one <svg>

Colours are classes of the page (`c0`, `c1`, …) and reach the marks as
currentColor: a plot is right in a light page and in a dark one.
"""

from collections.abc import Sequence
import dataclasses
import html

from jaxtyping import Float
import numpy as np

WIDTH, HEIGHT = 360, 288
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 20, 44
# Height of a line of text.
_LINE = 15


@dataclasses.dataclass(frozen=True)
class Axis:
  """What a direction of a plot stands for.

  Attributes:
    label: the quantity and its unit.
    low, high: values at the two ends.
    ticks: values that are marked, and their text.
    log: whether equal ratios are equally long; then low is above 0.
  """

  label: str
  low: float
  high: float
  ticks: tuple[tuple[float, str], ...]
  log: bool = False

  def share(self, values: Float[np.ndarray, 'n']) -> Float[
      np.ndarray, 'n']:
    """How far along the axis, 0 to 1; what lies beyond an end is put there."""
    values = np.clip(values, self.low, self.high)
    if self.log:
      return np.log(values / self.low) / np.log(self.high / self.low)
    return (values - self.low) / (self.high - self.low)


@dataclasses.dataclass(frozen=True)
class Frame:
  """Two axes, and the pixels that they have.

  Attributes:
    x, y: the axes.
    right: pixels that are left free for labels beside the last values.
  """

  x: Axis
  y: Axis
  right: int = _RIGHT

  def across(self, values: Float[np.ndarray, 'n']) -> Float[
      np.ndarray, 'n']:
    """Pixels from the left."""
    return _LEFT + self.x.share(values) * (WIDTH - _LEFT - self.right)

  def down(self, values: Float[np.ndarray, 'n']) -> Float[np.ndarray, 'n']:
    """Pixels from the top."""
    return HEIGHT - _BOTTOM - self.y.share(values) * (HEIGHT - _TOP - _BOTTOM)

  def x_at(self, value: float | int) -> float:
    """Pixels from the left of one value."""
    return float(self.across(np.asarray([value], float))[0])

  def y_at(self, value: float | int) -> float:
    """Pixels from the top of one value."""
    return float(self.down(np.asarray([value], float))[0])


def plot(title: str, frame: Frame, marks: Sequence[str]) -> str:
  """The whole picture; its title is what a screen reader says."""
  return (f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
          f'aria-label="{html.escape(title)}">{_axes(frame)}'
          f'{"".join(marks)}</svg>')


def line(frame: Frame, x: Float[np.ndarray, 'n'], y: Float[np.ndarray, 'n'],
         look: str) -> str:
  """A line through points in order."""
  return (f'<polyline class="line {look}" points="'
          f'{_pairs(frame.across(x), frame.down(y))}"/>')


def points(frame: Frame, x: Float[np.ndarray, 'n'],
           y: Float[np.ndarray, 'n'], look: str) -> str:
  """Dots; however many there are they are one mark."""
  return dots(frame.across(x), frame.down(y), look)


def dots(across: Float[np.ndarray, 'n'], down: Float[np.ndarray, 'n'],
         look: str) -> str:
  """Dots at pixels, as strokes without length: their size never scales."""
  path = ''.join(f'M{_number(x)} {_number(y)}h0'
                 for x, y in zip(across.tolist(), down.tolist()))
  return f'<path class="dots {look}" d="{path}"/>' if path else ''


def bar(frame: Frame, left: float, width: float, value: float, look: str,
        title: str) -> str:
  """A bar from the foot of the plot, `left` and `width` in pixels."""
  top = frame.y_at(value)
  foot = frame.y_at(frame.y.low)
  return (f'<rect class="bar {look}" x="{_number(left)}" y="{_number(top)}" '
          f'width="{_number(width)}" height="{_number(foot - top)}">'
          f'<title>{html.escape(title)}</title></rect>')


def whisker(frame: Frame, across: float, low: float, high: float,
            look: str = '') -> str:
  """An interval, upright at that many pixels from the left."""
  ends = frame.down(np.asarray([low, high])).tolist()
  return (f'<path class="whisker {look}" d="M{_number(across)} '
          f'{_number(ends[0])}V{_number(ends[1])}"/>')


def text(across: float | int, down: float | int, words: str,
         anchor: str = 'middle', look: str = '') -> str:
  """Words at pixels."""
  return (f'<text class="{look}" x="{_number(across)}" y="{_number(down)}" '
          f'text-anchor="{anchor}">{html.escape(words)}</text>')


def end_labels(frame: Frame, ends: Sequence[tuple[float, str, str]],
               ) -> list[str]:
  """Names beside the last values: (value, name, look), none over another."""
  order = sorted(range(len(ends)), key=lambda i: (-ends[i][0], i))
  wanted = frame.down(np.asarray([ends[i][0] for i in order], float))
  down = _apart(wanted, _TOP + 5., HEIGHT - _BOTTOM + 4.)
  return [text(WIDTH - frame.right + 5, at + 4, ends[i][1], 'start', ends[i][2])
          for i, at in zip(order, down.tolist())]


def _apart(wanted: Float[np.ndarray, 'n'], low: float,
           high: float) -> Float[np.ndarray, 'n']:
  """Ascending positions, moved until no two are closer than a line."""
  down = np.array(wanted)
  for i in range(1, len(down)):
    down[i] = max(down[i], down[i - 1] + _LINE)
  for i in range(len(down) - 1, -1, -1):
    down[i] = min(down[i], high - _LINE * (len(down) - 1 - i))
  return np.maximum(down, low + _LINE * np.arange(len(down)))


def _axes(frame: Frame) -> str:
  left, right = _LEFT, WIDTH - frame.right
  top, foot = _TOP, HEIGHT - _BOTTOM
  parts = []
  for value, words in frame.y.ticks:
    at = frame.y_at(value)
    parts.append(f'<path class="grid" d="M{left} {_number(at)}H{right}"/>')
    parts.append(text(left - 6, at + 4, words, 'end'))
  for value, words in frame.x.ticks:
    at = frame.x_at(value)
    parts.append(f'<path class="tick" d="M{_number(at)} {foot}v5"/>')
    # The outermost words end where the picture does.
    half = 4.1 * len(words)
    parts.append(text(min(at, WIDTH - half - 1), foot + 18, words))
  parts.append(f'<path class="axis" d="M{left} {foot}H{right}"/>')
  parts.append(text((left + right) / 2, HEIGHT - 6, frame.x.label))
  middle = (top + foot) / 2
  parts.append(f'<text text-anchor="middle" transform="translate(11 '
               f'{_number(middle)}) rotate(-90)">'
               f'{html.escape(frame.y.label)}</text>')
  return ''.join(parts)


def _pairs(across: np.ndarray, down: np.ndarray) -> str:
  return ' '.join(f'{_number(x)},{_number(y)}'
                  for x, y in zip(across.tolist(), down.tolist()))


def _number(value: float | int) -> str:
  """One digit after the point, and none that is 0."""
  words = f'{value:.1f}'.removesuffix('.0')
  return '0' if words == '-0' else words
