"""What people photograph, wherever they are."""

from input_pipeline.synthetic_earth import canvas, scenery
import numpy as np


def in_front(paint: canvas.Canvas, s: scenery.Style, horizon: float,
             rng: np.random.Generator) -> None:
  """People, a vehicle, an animal, or nothing before the scene."""
  kind = float(rng.random())
  base = min(1.1, horizon + 0.15 + 0.45 * float(rng.random()))
  if kind < 0.35:
    for _ in range(int(rng.integers(1, 4))):
      _person(paint, 0.15 + 0.7 * float(rng.random()), base,
              0.3 + 0.55 * float(rng.random()), rng)
  elif kind < 0.55:
    _vehicle(paint, 0.2 + 0.6 * float(rng.random()), base,
             0.15 + 0.25 * float(rng.random()), rng)
  elif kind < 0.65:
    _animal(paint, 0.2 + 0.6 * float(rng.random()), base,
            0.2 + 0.3 * float(rng.random()), rng)
  elif kind < 0.8:
    scenery.plant(paint, s, float(rng.random()), 1.05,
                  0.6 + 0.4 * float(rng.random()), rng)


def blind(paint: canvas.Canvas, s: scenery.Style,
          rng: np.random.Generator) -> None:
  """A room, a plate or a close-up; a faint hint of local colours remains."""
  a, b, share = _any_colour(rng), _any_colour(rng), 0.3 + 0.5 * rng.random()
  paint.gradient(canvas.blend(a, s.wall, 0.15), a, 0.0, float(share))
  paint.gradient(b, canvas.blend(b, s.ground, 0.15), float(share), 1.0)
  kind = float(rng.random())
  if kind < 0.4:
    _plate(paint, s, rng)
  elif kind < 0.7:
    _room(paint, s, float(share), rng)
  else:
    _person(paint, 0.3 + 0.4 * float(rng.random()), 1.35,
            1.1 + 0.3 * float(rng.random()), rng)


def _plate(paint: canvas.Canvas, s: scenery.Style,
           rng: np.random.Generator) -> None:
  x, y = 0.35 + 0.3 * rng.random(), 0.4 + 0.3 * rng.random()
  radius = 0.25 + 0.2 * float(rng.random())
  paint.ellipse(float(x), float(y), radius, 0.8 * radius, (0.93, 0.93, 0.9))
  paint.ellipse(float(x), float(y), 0.8 * radius, 0.62 * radius,
                canvas.blend(_any_colour(rng), s.trim, 0.15))
  for dx, dy in rng.random((int(rng.integers(3, 9)), 2)) - 0.5:
    paint.ellipse(float(x + radius * dx), float(y + radius * dy), 0.05, 0.04,
                  _any_colour(rng))


def _room(paint: canvas.Canvas, s: scenery.Style, floor: float,
          rng: np.random.Generator) -> None:
  for x, size, kind in rng.random((int(rng.integers(2, 6)), 3)):
    size = 0.12 + 0.3 * float(size)
    y = floor * float(rng.random()) if kind < 0.5 else floor + size
    paint.rect(float(x) - 0.5 * size, y - size, float(x) + 0.5 * size, y,
               canvas.blend(_any_colour(rng), s.trim, 0.1))


def _person(paint: canvas.Canvas, x: float, base: float, size: float,
            rng: np.random.Generator) -> None:
  skin = canvas.hsv(0.07, 0.3 + 0.4 * rng.random(), 0.35 + 0.6 * rng.random())
  paint.rect(x - 0.09 * size, base - 0.45 * size, x + 0.09 * size, base,
             _any_colour(rng))
  paint.polygon([(x - 0.17 * size, base - 0.4 * size),
                 (x - 0.13 * size, base - 0.8 * size),
                 (x + 0.13 * size, base - 0.8 * size),
                 (x + 0.17 * size, base - 0.4 * size)], _any_colour(rng))
  paint.ellipse(x, base - 0.9 * size, 0.09 * size, 0.11 * size, skin)


def _vehicle(paint: canvas.Canvas, x: float, base: float, size: float,
             rng: np.random.Generator) -> None:
  paint.rect(x - size, base - 0.6 * size, x + size, base, _any_colour(rng))
  paint.rect(x - 0.6 * size, base - size, x + 0.6 * size, base - 0.55 * size,
             (0.2, 0.24, 0.28))
  for side in (-0.6, 0.6):
    paint.ellipse(x + side * size, base, 0.2 * size, 0.2 * size,
                  (0.08, 0.08, 0.08))


def _animal(paint: canvas.Canvas, x: float, base: float, size: float,
            rng: np.random.Generator) -> None:
  fur = canvas.hsv(0.08, 0.5 * rng.random(), 0.2 + 0.7 * rng.random())
  paint.ellipse(x, base - 0.5 * size, 0.5 * size, 0.28 * size, fur)
  paint.ellipse(x + 0.45 * size, base - 0.75 * size, 0.2 * size, 0.2 * size,
                fur)
  for leg in (-0.3, 0.25):
    paint.line([(x + leg * size, base - 0.4 * size), (x + leg * size, base)],
               fur, 0.1 * size)


def _any_colour(rng: np.random.Generator) -> canvas.Colour:
  hue, saturation, value = map(float, rng.random(3))
  return canvas.hsv(hue, 0.9 * saturation, 0.15 + 0.8 * value)
