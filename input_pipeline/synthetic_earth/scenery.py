"""Objects in pictures, painted in the style of the place."""

import dataclasses

from input_pipeline.synthetic_earth import canvas, fields
from jaxtyping import Float
import numpy as np

_LOOK_SCALE = 1.2


@dataclasses.dataclass(frozen=True)
class Style:
  """Colours and shapes of a place; numbers run from 0 to 1."""

  sky: canvas.Colour
  ground: canvas.Colour
  plant: canvas.Colour
  wall: canvas.Colour
  trim: canvas.Colour
  roof: canvas.Colour
  road: canvas.Colour
  mark: canvas.Colour
  sign: canvas.Colour
  hill: canvas.Colour
  haze: float
  plant_density: float
  plant_shape: float
  roof_pitch: float
  storeys: float
  window_density: float
  window_shape: float
  mark_dash: float
  sign_shape: float
  poles: float
  grain: float
  hill_height: float
  warmth: float


def style(look: Float[np.ndarray, 'l']) -> Style:
  """The style of a look [l]."""
  scaled = look / _LOOK_SCALE
  # Not tanh: the same bits on every machine.
  values = 0.5 + 0.5 * scaled / np.sqrt(1 + scaled * scaled)
  v = dict(zip(fields.DIMS, map(float, values)))
  hsv = canvas.hsv
  return Style(
      sky=hsv(0.48 + 0.2 * v['sky_hue'], 0.6 - 0.45 * v['haze'],
              0.75 + 0.2 * v['haze']),
      ground=hsv(0.02 + 0.34 * v['ground_hue'],
                 0.15 + 0.6 * v['ground_saturation'],
                 0.25 + 0.6 * v['ground_value']),
      plant=hsv(0.16 + 0.28 * v['plant_hue'], 0.65,
                0.18 + 0.5 * v['plant_value']),
      wall=hsv(v['wall_hue'] * 1.1 - 0.1, 0.05 + 0.65 * v['wall_saturation'],
               0.35 + 0.6 * v['wall_value']),
      trim=hsv(1.3 * v['trim_hue'], 0.5, 0.6),
      roof=hsv(1.4 * v['roof_hue'] - 0.2, 0.55, 0.45),
      road=hsv(0.08, 0.12, 0.2 + 0.5 * v['road_value']),
      mark=hsv(0.13, 0.95 * (v['mark_hue'] > 0.5), 0.95),
      sign=hsv(1.3 * v['sign_hue'], 0.85, 0.8),
      hill=hsv(0.2 + 0.5 * v['hill_hue'], 0.35, 0.45),
      **{name: v[name] for name in (
          'haze', 'plant_density', 'plant_shape', 'roof_pitch', 'storeys',
          'window_density', 'window_shape', 'mark_dash', 'sign_shape', 'poles',
          'grain', 'hill_height', 'warmth')})


def hills(paint: canvas.Canvas, s: Style, horizon: float,
          rng: np.random.Generator) -> None:
  """A ridge above the horizon, as high as the country is hilly."""
  top = 0.28 * max(0.0, s.hill_height - 0.25)
  xs = np.linspace(-0.05, 1.05, 8)
  ys = horizon - top * (0.35 + 0.65 * rng.random(8))
  ridge = [(float(x), float(y)) for x, y in zip(xs, ys)]
  colour = canvas.blend(s.hill, s.sky, 0.25 + 0.4 * s.haze)
  paint.polygon([*ridge, (1.05, horizon), (-0.05, horizon)], colour)


def ground(paint: canvas.Canvas, s: Style, horizon: float,
           rng: np.random.Generator) -> None:
  """Earth below the horizon, with tufts as coarse as the place's grain."""
  paint.gradient(canvas.blend(s.ground, s.sky, 0.25), s.ground, horizon, 1.0)
  dark = canvas.blend(s.ground, s.plant, 0.6)
  for x, depth in rng.random((int(6 + 22 * s.grain), 2)):
    y = horizon + (1 - horizon) * depth
    size = (0.004 + 0.02 * (1 - s.grain)) * (0.3 + depth)
    paint.ellipse(float(x), float(y), 3 * size, size, dark)


def building(paint: canvas.Canvas, s: Style, x: float, base: float,
             size: float, rng: np.random.Generator) -> None:
  """A house around x, standing on `base`, about `size` high."""
  height = size * (0.45 + 0.9 * s.storeys) * (0.8 + 0.4 * rng.random())
  half = size * (0.5 - 0.25 * s.storeys) * (0.8 + 0.4 * rng.random())
  shade = 0.25 * float(rng.random())
  wall = canvas.blend(s.wall, (0.1, 0.1, 0.12), shade)
  top = base - height
  paint.rect(x - half, top, x + half, base, wall)
  _roof(paint, s, x, top, half, size)
  _windows(paint, s, (x - half, top, x + half, base))


def _roof(paint: canvas.Canvas, s: Style, x: float, top: float, half: float,
          size: float) -> None:
  if s.roof_pitch < 0.4:
    paint.rect(x - 1.05 * half, top - 0.04 * size, x + 1.05 * half, top, s.roof)
    return
  peak = top - size * 0.7 * (s.roof_pitch - 0.2)
  inner = half * (0.6 if s.roof_pitch < 0.6 else 0.0)
  paint.polygon([(x - 1.15 * half, top), (x - inner, peak), (x + inner, peak),
                 (x + 1.15 * half, top)], s.roof)


def _windows(paint: canvas.Canvas, s: Style,
             box: tuple[float, float, float, float]) -> None:
  x0, y0, x1, y1 = box
  columns, rows = 1 + int(3.9 * s.window_density), 1 + int(4.9 * s.storeys)
  width = (x1 - x0) / columns * (0.3 + 0.4 * s.window_shape)
  height = (y1 - y0) / rows * (0.75 - 0.4 * s.window_shape)
  for i in range(columns):
    for j in range(rows):
      cx = x0 + (x1 - x0) * (i + 0.5) / columns
      cy = y0 + (y1 - y0) * (j + 0.5) / rows
      paint.rect(cx - width / 2, cy - height / 2, cx + width / 2,
                 cy + height / 2, s.trim)


def plant(paint: canvas.Canvas, s: Style, x: float, base: float, size: float,
          rng: np.random.Generator) -> None:
  """A conifer, a round tree or a palm, by the shape of the place."""
  leaf = canvas.blend(s.plant, (0.05, 0.1, 0.05), 0.3 * float(rng.random()))
  trunk = (0.3, 0.22, 0.15)
  if s.plant_shape < 0.4:
    for step in range(3):
      low, wide = base - size * 0.28 * step, size * (0.26 - 0.06 * step)
      paint.polygon([(x - wide, low), (x, low - 0.5 * size), (x + wide, low)],
                    leaf)
  elif s.plant_shape < 0.7:
    paint.line([(x, base), (x, base - 0.5 * size)], trunk, 0.07 * size)
    paint.ellipse(x, base - 0.65 * size, 0.3 * size,
                  (0.22 + 0.3 * (s.plant_shape - 0.4)) * size, leaf)
  else:
    top = base - size
    paint.line([(x, base), (x + 0.05 * size, top)], trunk, 0.05 * size)
    for dx, dy in ((-.35, .12), (-.22, -.1), (.02, -.2), (.25, -.1), (.4, .12)):
      paint.line([(x + 0.05 * size, top), (x + dx * size, top + dy * size)],
                 leaf, 0.08 * size)


def sign(paint: canvas.Canvas, s: Style, x: float, base: float,
         size: float) -> None:
  """A road sign: disc, triangle, board or diamond."""
  top, half = base - size, 0.18 * size
  paint.line([(x, base), (x, top)], (0.5, 0.5, 0.5), 0.04 * size)
  if s.sign_shape < 0.3:
    paint.ellipse(x, top, 1.2 * half, 1.2 * half, s.sign)
    paint.ellipse(x, top, 0.7 * half, 0.7 * half, (0.95, 0.95, 0.95))
  elif s.sign_shape < 0.5:
    paint.polygon([(x - half, top + half), (x, top - half),
                   (x + half, top + half)], s.sign)
  elif s.sign_shape < 0.7:
    paint.rect(x - 1.6 * half, top - 0.7 * half, x + 1.6 * half,
               top + 0.7 * half, s.sign)
  else:
    paint.polygon([(x - half, top), (x, top - 1.3 * half), (x + half, top),
                   (x, top + 1.3 * half)], s.sign)
