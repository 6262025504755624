"""Drawings as PDF 1.4: one page of lines, areas and words, no pixels.

  header, objects 1 … n, where each begins, trailer

Words are in Helvetica, which every reader has; a letter that it lacks is '?'.
"""

import zlib

import numpy as np
from pinpoint_jax.report import png_plots, svg_shapes

# Points of a pixel: 96 pixels are an inch, and so are 72 points.
_POINTS = .75


def pdf(drawing: svg_shapes.Drawing) -> bytes:
  """The bytes of a file."""
  width, height = (_POINTS * size for size in (drawing.width, drawing.height))
  levels = sorted({mark.look.opacity for mark in drawing.marks
                   if isinstance(mark, svg_shapes.Shape)})
  states = ' '.join(f'/A{i} << /ca {level:g} /CA {level:g} >>'
                    for i, level in enumerate(levels))
  # Down is down: the page is turned, and words are turned back.
  lines = [f'{_POINTS} 0 0 -{_POINTS} 0 {height:g} cm 1 j',
           f'{_color(drawing.paper)} rg 0 0 {drawing.width} {drawing.height} '
           f're f']
  for mark in drawing.marks:
    lines.append(_words(mark) if isinstance(mark, svg_shapes.Words) else
                 _shape(mark, levels.index(mark.look.opacity)))
  content = zlib.compress('\n'.join(filter(None, lines)).encode('latin-1'))
  return _file([
      b'<< /Type /Catalog /Pages 2 0 R >>',
      b'<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
      f'<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:g} {height:g}] '
      f'/Contents 4 0 R /Resources << /Font << /F 5 0 R >> /ExtGState << '
      f'{states} >> >> >>'.encode(),
      f'<< /Length {len(content)} /Filter /FlateDecode >>\nstream\n'.encode()
      + content + b'\nendstream',
      b'<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica '
      b'/Encoding /WinAnsiEncoding >>'])


def _file(objects: list[bytes]) -> bytes:
  """Objects, numbered from 1, and the table of where they begin."""
  parts, begins = [b'%PDF-1.4\n%\xe2\xe3\xcf\xd3\n'], []
  for number, content in enumerate(objects, 1):
    begins.append(sum(map(len, parts)))
    parts.append(b'%d 0 obj\n%b\nendobj\n' % (number, content))
  table = b'xref\n0 %d\n0000000000 65535 f \n' % (len(objects) + 1) + b''.join(
      b'%010d 00000 n \n' % begin for begin in begins)
  return b''.join(parts) + table + (
      b'trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n'
      % (len(objects) + 1, sum(map(len, parts))))


def _shape(shape: svg_shapes.Shape, level: int) -> str:
  """A path, filled, drawn, or both."""
  look = shape.look
  fill = look.fill if shape.closed else None
  if not (fill or look.stroke) or not shape.lines:
    return ''
  path = []
  for line in shape.lines:
    # A dot is a line to where it begins, with round ends: cap 1.
    points = line.tolist() if len(line) > 1 else 2 * line.tolist()
    path += [f'{x:.2f} {y:.2f} {"m" if i == 0 else "l"}'
             for i, (x, y) in enumerate(points)]
    if shape.closed:
      path.append('h')
  colors = ([f'{_color(fill)} rg'] if fill else []) + (
      [f'{int(not np.ptp(shape.lines[0], axis=0).any())} J '
       f'{_color(look.stroke)} RG {look.width:g} w '
       f'[{" ".join(f"{step:g}" for step in look.dash)}] 0 d']
      if look.stroke else [])
  paint = {(True, True): 'B', (True, False): 'f', (False, True): 'S'}[
      bool(fill), bool(look.stroke)]
  return f'q /A{level} gs {" ".join(colors)}\n{" ".join(path)} {paint} Q'


def _words(words: svg_shapes.Words) -> str:
  length = png_plots.font(png_plots.LETTERS).getlength(words.text)
  back = {'start': 0., 'middle': .5, 'end': 1.}[words.anchor] * length
  x, y = words.at
  turn = (f'0 -1 -1 0 {x:.2f} {y + back:.2f}' if words.upright else
          f'1 0 0 -1 {x - back:.2f} {y:.2f}')
  # The bytes of Windows' Latin as latin-1: one letter is one byte.
  text = words.text.encode('cp1252', 'replace').decode('latin-1')
  for letter in '\\()':
    text = text.replace(letter, f'\\{letter}')
  return (f'BT {_color(words.color)} rg /F {png_plots.LETTERS} Tf {turn} Tm '
          f'({text}) Tj ET')


def _color(color: tuple[int, int, int]) -> str:
  return ' '.join(f'{part / 255:.3f}' for part in color)
