"""Drawings as PNG: painted large by Pillow, then made smaller, so smooth."""

import functools
import io

from jaxtyping import Float
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pinpoint_jax.report import svg_shapes

# Pixels of the file for one of the drawing, and how much larger it is painted.
SCALE, _LARGER = 3, 2
# Height of the letters of a plot, in its pixels: page_style has it so.
LETTERS = 12


def png(drawing: svg_shapes.Drawing) -> bytes:
  """The bytes of a file."""
  large = SCALE * _LARGER
  image = Image.new('RGB', (drawing.width * large, drawing.height * large),
                    drawing.paper)
  for mark in drawing.marks:
    if isinstance(mark, svg_shapes.Words):
      _write(image, mark, large)
    else:
      _paint(image, mark, large)
  file = io.BytesIO()
  image.resize((drawing.width * SCALE, drawing.height * SCALE),
               Image.Resampling.BOX).save(file, 'PNG', optimize=True)
  return file.getvalue()


@functools.cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
  """The font that comes with Pillow."""
  return ImageFont.load_default(size)


def _paint(image: Image.Image, shape: svg_shapes.Shape, large: int) -> None:
  look = shape.look
  lines = [line * large for line in shape.lines]
  if look.fill and shape.closed:
    mask = Image.new('L', image.size)
    _fill(ImageDraw.Draw(mask), lines)
    _paste(image, look.fill, mask, look.opacity)
  if look.stroke:
    mask = Image.new('L', image.size)
    draw, width = ImageDraw.Draw(mask), max(1, round(look.width * large))
    for line in lines:
      ends = np.vstack([line, line[:1]]) if shape.closed else line
      if np.ptp(ends, axis=0).max() == 0:
        (x, y), half = ends[0], width / 2
        draw.ellipse((x - half, y - half, x + half, y + half), fill=255)
        continue
      for part in dashes(ends, [large * step for step in look.dash]):
        draw.line(part.ravel().tolist(), 255, width, 'curve')
    _paste(image, look.stroke, mask, look.opacity)


def _fill(draw: ImageDraw.ImageDraw, lines: list[np.ndarray]) -> None:
  """Areas; a ring that runs the other way round than the largest is a hole."""
  areas = [_area(line) for line in lines]
  order = np.argsort(-np.abs(areas), kind='stable').tolist()
  for i in order:
    if len(lines[i]) > 2:
      same = areas[i] * areas[order[0]] > 0
      draw.polygon(lines[i].ravel().tolist(), 255 if same else 0)


def _area(line: Float[np.ndarray, 'n 2']) -> float:
  x, y = (line - line[0]).T
  return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


def _paste(image: Image.Image, color: tuple[int, int, int],
           mask: Image.Image, opacity: float) -> None:
  if box := mask.getbbox():
    seen = mask.crop(box).point(lambda value: round(value * opacity))
    image.paste(color, box, seen)


def dashes(line: Float[np.ndarray, 'n 2'],
           steps: list[float]) -> list[Float[np.ndarray, 'm 2']]:
  """The parts of a line that a pattern of line and gap leaves."""
  if not steps:
    return [line]
  run = np.concatenate([[0.], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
  at = lambda where: np.asarray([np.interp(where, run, line[:, 0]),
                                 np.interp(where, run, line[:, 1])])
  parts, begin, i = [], 0., 0
  while begin < run[-1]:
    end = min(begin + steps[i % len(steps)], run[-1])
    if i % 2 == 0:
      inside = line[(run > begin) & (run < end)]
      parts.append(np.vstack([at(begin), inside, at(end)]))
    begin, i = end, i + 1
  return parts


def _write(image: Image.Image, words: svg_shapes.Words, large: int) -> None:
  letters = font(LETTERS * large)
  left, top, right, foot = letters.getbbox(words.text, anchor='ls')
  mask = Image.new('L', (int(right - left) + 2, int(foot - top) + 2))
  ImageDraw.Draw(mask).text((1 - left, 1 - top), words.text, 255, letters,
                            anchor='ls')
  back = {'start': 0., 'middle': .5, 'end': 1.}[words.anchor] * (right - left)
  x, y = (large * where for where in words.at)
  box = (x - back, y + top)
  if words.upright:
    mask = mask.transpose(Image.Transpose.ROTATE_90)
    box = (x + top, y + back - mask.height)
  image.paste(words.color, tuple(map(round, box)), mask)
