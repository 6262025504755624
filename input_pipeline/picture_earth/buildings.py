"""Architecture, the wall of a quarter, and sights."""

from input_pipeline.picture_earth import canvas, tones
from input_pipeline.picture_earth import scene as scenes
from input_pipeline.picture_earth.layout import Spot

HOUSE_WIDTH, WALL_WIDTH, SIGHT_WIDTH = 0.36, 0.34, 0.47
_PANE = (0.17, 0.20, 0.25)
_FRAME = (0.90, 0.89, 0.86)
_STONE = (0.58, 0.56, 0.54)


def architecture(paint: canvas.Canvas, cue: scenes.Cue,
                 chances: scenes.Chances, spot: Spot) -> None:
  """A house: its wall, its roof, and how large its windows are."""
  light, warm, green, roof_light, roof_warm, pitch, wide, high = cue.numbers
  half, height = 0.155 * spot.size, (0.22 + 0.02 * chances[1]) * spot.size
  x, base = spot.x, spot.base
  top = base - height
  wall = tones.tone((0.62, 0.57, 0.52), light, warm, green)
  paint.rect(x - half, top, x + half, base, wall)
  paint.rect(x + 0.8 * half, top, x + half, base, tones.shade(wall))
  roof = tones.tone((0.46, 0.37, 0.34), roof_light, roof_warm)
  peak = top - spot.size * (0.10 + 0.075 * pitch)
  paint.polygon([(x - 1.12 * half, top + 0.01), (x - 0.55 * half, peak),
                 (x + 0.55 * half, peak), (x + 1.12 * half, top + 0.01)], roof)
  column, storey = 0.6 * half, height / 2
  pane = column * (0.28 + 0.17 * wide), storey * (0.29 + 0.15 * high)
  for row in (0, 1):
    for place in (-1.0, 0.0, 1.0):
      _window(paint, x + place * column - 0.06 * half,
              top + (row + 0.5) * storey, *pane)


def _window(paint: canvas.Canvas, x: float, y: float, half: float,
            tall: float) -> None:
  paint.rect(x - half - 0.006, y - tall - 0.006, x + half + 0.006,
             y + tall + 0.006, _FRAME)
  paint.rect(x - half, y - tall, x + half, y + tall, _PANE)


def quarter(paint: canvas.Canvas, cue: scenes.Cue, chances: scenes.Chances,
            spot: Spot) -> None:
  """A low wall in courses of two colours, with a coping."""
  del chances
  half, height = 0.155 * spot.size, 0.21 * spot.size
  top, share = spot.base - height, 0.5 + 0.28 * cue.numbers[6]
  first = tones.tone((0.60, 0.60, 0.60), *cue.numbers[:3])
  second = tones.tone((0.42, 0.42, 0.42), *cue.numbers[3:6])
  paint.rect(spot.x - half, top, spot.x + half, spot.base, first)
  step = height / 3
  for course in range(3):
    y = top + course * step
    paint.rect(spot.x - half, y + step * (1 - share), spot.x + half, y + step,
               second)
  coping = spot.size * (0.04 + 0.028 * cue.numbers[7])
  paint.rect(spot.x - 1.08 * half, top - coping, spot.x + 1.08 * half, top,
             (0.90, 0.89, 0.87))


def sight(paint: canvas.Canvas, cue: scenes.Cue, chances: scenes.Chances,
          spot: Spot) -> None:
  """A monument: base, body, dome and spire, each of its own colour and size."""
  del chances
  size, x, n = spot.size, spot.x, cue.numbers
  base, body, dome = (tones.tone((grey, grey, grey), *n[i:i + 3])
                      for i, grey in ((0, 0.62), (3, 0.53), (6, 0.45)))
  base_half, base_top = size * (0.18 + 0.045 * n[9]), spot.base - size * (
      0.115 + 0.045 * n[10])
  body_half = size * (0.115 + 0.036 * n[11])
  body_top = base_top - size * (0.155 + 0.058 * n[12])
  head_half = body_half * (0.9 + 0.3 * n[13])
  dome_top = body_top - size * (0.115 + 0.045 * n[14])
  spire = dome_top - size * (0.08 + 0.05 * n[15])
  paint.polygon([(x - 0.04 * size, dome_top + 0.02), (x, spire),
                 (x + 0.04 * size, dome_top + 0.02)], _PANE)
  paint.rect(x - base_half, base_top, x + base_half, spot.base, base)
  paint.rect(x + 0.75 * base_half, base_top, x + base_half, spot.base,
             tones.shade(base))
  paint.polygon([(x - body_half, base_top), (x - head_half, body_top),
                 (x + head_half, body_top), (x + body_half, base_top)], body)
  paint.polygon([(x + 0.5 * body_half, base_top),
                 (x + 0.5 * head_half, body_top), (x + head_half, body_top),
                 (x + body_half, base_top)], tones.shade(body))
  _dome(paint, x, body_top, head_half, dome_top, dome)
  paint.rect(x - 0.02 * size, spot.base - 0.07 * size, x + 0.02 * size,
             spot.base, _PANE)


def _dome(paint: canvas.Canvas, x: float, base: float, half: float, top: float,
          colour: canvas.Colour) -> None:
  side = [(half * w, base - (base - top) * t)
          for t, w in ((0.0, 1.1), (0.15, 1.15), (0.45, 1.0), (0.75, 0.66),
                       (0.93, 0.3), (1.0, 0.0))]
  paint.polygon([(x - w, y) for w, y in side]
                + [(x + w, y) for w, y in reversed(side)], colour)
