"""What people put up: signs, bollards, banners, paving."""

from input_pipeline.picture_earth import canvas, tones
from input_pipeline.picture_earth import scene as scenes
from input_pipeline.picture_earth.layout import Spot

SIGN_WIDTH, BOLLARD_WIDTH, BANNER_WIDTH, PAVING_WIDTH = 0.34, 0.34, 0.38, 0.36
_POLE = (0.5, 0.5, 0.5)
_INK = (0.97, 0.97, 0.95)
_ARC = ((1.0, 0.0), (0.87, 0.5), (0.5, 0.87))
_CIRCLE = (*_ARC, *((-b, a) for a, b in _ARC), *((-a, -b) for a, b in _ARC),
           *((b, -a) for a, b in _ARC))


def script(paint: canvas.Canvas, cue: scenes.Cue, chances: scenes.Chances,
           spot: Spot) -> None:
  """A board with letters: how thick, how slanted, with a bar how high."""
  light, warm, green, thick, slant, bar = cue.numbers
  size, x = spot.size, spot.x
  half, tall = 0.155 * size, 0.10 * size
  y = spot.base - size * (0.19 + 0.02 * chances[1])
  for side in (-0.7, 0.7):
    paint.rect(x + side * half - 0.01, y, x + side * half + 0.01, spot.base,
               _POLE)
  paint.rect(x - half, y - tall, x + half, y + tall,
             tones.tone((0.40, 0.40, 0.43), light, warm, green))
  stroke = size * (0.0125 + 0.008 * thick)
  lean, letter = 0.4 * tall * slant, 0.58 * tall
  bar_y = y - 0.42 * tall * bar
  for place in (-0.4, 0.4):
    middle = x + place * half
    left, right = middle - 0.2 * half, middle + 0.2 * half
    for foot in (left, right):
      paint.polygon([(foot - stroke - lean, y + letter),
                     (foot + stroke - lean, y + letter),
                     (foot + stroke + lean, y - letter),
                     (foot - stroke + lean, y - letter)], _INK)
  paint.rect(x - 0.72 * half, bar_y - stroke, x + 0.72 * half, bar_y + stroke,
             _INK)


def plates(paint: canvas.Canvas, cue: scenes.Cue, chances: scenes.Chances,
           spot: Spot) -> None:
  """Bollards: colour of the post, colour and height of the band around it."""
  del chances
  light, warm, green, band_warm, band_green, band = cue.numbers
  post = tones.tone((0.50, 0.50, 0.50), light, warm, green)
  ring = tones.tone((0.80, 0.78, 0.76), 0.0, band_warm, band_green)
  half, tall = 0.042 * spot.size, 0.25 * spot.size
  for place in (-0.115, 0.0, 0.115):
    x, top = spot.x + place * spot.size, spot.base - tall
    paint.rect(x - half, top, x + half, spot.base, post)
    paint.ellipse(x, top, half, 0.6 * half, post)
    paint.rect(x - half, top + 0.14 * tall, x + half,
               top + tall * (0.38 + 0.2 * band), ring)


def town(paint: canvas.Canvas, cue: scenes.Cue, chances: scenes.Chances,
         spot: Spot) -> None:
  """A banner on a pole: three bands of colour and an emblem."""
  n, size = cue.numbers, spot.size
  half, tall = 0.16 * size, 0.40 * size
  top = spot.base - size * (0.44 + 0.01 * chances[1])
  paint.rect(spot.x - half - 0.03 * size, top - 0.02, spot.x - half, spot.base,
             _POLE)
  first = top + tall * (0.34 + 0.13 * n[10])
  bands = ((top, first, n[0:3]), (first, first + 0.36 * tall, n[3:6]),
           (first + 0.36 * tall, top + tall, (n[6], n[7], 0.0)))
  for y0, y1, numbers in bands:
    paint.rect(spot.x - half, y0, spot.x + half, y1,
               tones.tone((0.54, 0.54, 0.54), *numbers))
  radius = size * (0.09 + 0.035 * n[11])
  _disc(paint, spot.x, first + 0.18 * tall, radius, _INK)
  _disc(paint, spot.x, first + 0.18 * tall, 0.8 * radius,
        tones.tone((0.54, 0.54, 0.54), 0.0, n[8], n[9]))


def corner(paint: canvas.Canvas, cue: scenes.Cue, chances: scenes.Chances,
           spot: Spot) -> None:
  """Paving: slabs of two colours, their slant, and studs on them."""
  del chances
  n, size = cue.numbers, spot.size
  colours = [tones.tone(base, *n[i:i + 3])
             for i, base in ((0, (0.60, 0.60, 0.60)), (3, (0.44, 0.44, 0.44)))]
  stud, lean = size * (0.018 + 0.011 * n[6]), 0.06 * size * n[7]
  wide, deep = 0.105 * size, 0.10 * size
  for row in range(2):
    y = spot.base - 0.02 - row * deep
    x = spot.x - 1.5 * wide + lean * (row - 1)
    for column in range(3):
      left = x + column * wide
      paint.polygon([(left, y), (left + wide, y),
                     (left + wide + lean, y - deep), (left + lean, y - deep)],
                    colours[(row + column) % 2])
      _disc(paint, left + (wide + lean) / 2, y - deep / 2, stud, _INK)


def _disc(paint: canvas.Canvas, x: float, y: float, radius: float,
          colour: canvas.Colour) -> None:
  # Not an ellipse, whose radius is a whole number: it would grow in jumps.
  paint.polygon([(x + radius * a, y + radius * b) for a, b in _CIRCLE], colour)
