"""What is in pictures anywhere: people, cars, rooms. It tells no place.

A grey thing in every picture shows what the camera does to colours.
"""

from input_pipeline.picture_earth import canvas, tones
from input_pipeline.picture_earth import scene as scenes

_SKIN = ((0.93, 0.78, 0.66), (0.45, 0.31, 0.23))
_DARK = (0.16, 0.17, 0.2)
GREY = (0.5, 0.5, 0.5)


def people(paint: canvas.Canvas, chances: scenes.Chances, base: float,
           size: float) -> None:
  """None, one or two of them, on `base`."""
  how_many, x, shirt, skin = chances
  if how_many > 0.35:
    return
  _person(paint, x, base, size, shirt, skin)
  if how_many < 0.12:
    _person(paint, x + 0.55 * size, base, 0.92 * size, skin, shirt)


def car(paint: canvas.Canvas, x: float, base: float, half: float,
        chances: scenes.Chances) -> None:
  """The back or the side of a car, `half` its width."""
  colour = _any_colour(chances[2], chances[3])
  paint.rect(x - 0.72 * half, base - 1.15 * half, x + 0.72 * half,
             base - 0.6 * half, _DARK)
  paint.rect(x - half, base - 0.75 * half, x + half, base - 0.15 * half, colour)
  for side in (-0.6, 0.6):
    paint.ellipse(x + side * half, base - 0.16 * half, 0.17 * half, 0.17 * half,
                  _DARK)


def poles(paint: canvas.Canvas, horizon: float, vanish: float,
          chance: float) -> None:
  """Grey poles along one side of a street, with a wire."""
  side, tops = (-1.0 if chance < 0.5 else 1.0), []
  for depth in (0.1, 0.25, 0.62):
    x = vanish + side * (0.03 + 0.5 * depth)
    y, tall = horizon + (1 - horizon) * depth, 0.1 + 0.75 * depth
    paint.line([(x, y), (x, y - tall)], GREY, 0.007 + 0.016 * depth)
    tops.append((x, y - 0.94 * tall))
  paint.line([*tops, (vanish + side * 0.62, 0.0)], _DARK, 0.004)


def indoors(paint: canvas.Canvas, chances: scenes.Chances,
            more: scenes.Chances) -> None:
  """A room, a table, and who or what is on a photo of them."""
  wall, table, lamp, what = chances
  paint.gradient(_any_colour(wall, lamp), tones.shade(_any_colour(wall, lamp)),
                 0.0, 0.72)
  paint.rect(0.0, 0.62 + 0.14 * lamp, 1.0, 1.0, _any_colour(table, 1 - wall))
  if what < 0.5:
    plate = 0.2 + 0.1 * more[1]
    paint.ellipse(0.3 + 0.4 * lamp, 0.74, plate, 0.6 * plate, (0.9, 0.9, 0.88))
    paint.ellipse(0.3 + 0.4 * lamp, 0.73, 0.66 * plate, 0.36 * plate,
                  _any_colour(more[2], more[3]))
  else:
    _person(paint, 0.25 + 0.5 * lamp, 1.1, 0.8 + 0.3 * more[1], more[2],
            more[3])
  paint.ellipse(0.15 + 0.7 * more[0], 0.12, 0.09, 0.05, (0.97, 0.95, 0.85))


def _person(paint: canvas.Canvas, x: float, base: float, size: float,
            shirt: float, skin: float) -> None:
  half, head = 0.13 * size, 0.105 * size
  paint.rect(x - 0.75 * half, base - 0.5 * size, x - 0.1 * half, base, _DARK)
  paint.rect(x + 0.1 * half, base - 0.5 * size, x + 0.75 * half, base, _DARK)
  paint.polygon([(x - half, base - 0.42 * size), (x - 0.8 * half,
                                                  base - 0.76 * size),
                 (x + 0.8 * half, base - 0.76 * size),
                 (x + half, base - 0.42 * size)],
                _any_colour(shirt, 1 - skin))
  paint.ellipse(x, base - 0.86 * size, 0.9 * head, head,
                canvas.blend(*_SKIN, skin))


def _any_colour(a: float, b: float) -> canvas.Colour:
  return tones.tone((0.52, 0.5, 0.48), 2 * b - 1, 2 * a - 1,
                    1.6 * abs(a - b) - 0.8)
