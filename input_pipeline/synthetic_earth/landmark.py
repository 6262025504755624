"""Sights: each has a silhouette and colours of its own."""

import dataclasses

from input_pipeline.synthetic_earth import canvas, randomness, scenery

KINDS = ('tower', 'dome', 'arch', 'pyramid', 'statue', 'twins', 'stupa')


@dataclasses.dataclass(frozen=True)
class Design:
  """What a sight looks like; numbers run from 0 to 1."""

  kind: str
  body: canvas.Colour
  trim: canvas.Colour
  width: float
  tiers: int
  taper: float


def design(region: str, seed: int, landmark: int) -> Design:
  """The design of one sight of a region."""
  rng = randomness.generator('design', region, seed, landmark)
  hue, saturation, value, trim, width, taper = map(float, rng.random(6))
  return Design(
      KINDS[int(rng.integers(len(KINDS)))],
      canvas.hsv(hue, 0.15 + 0.6 * saturation, 0.35 + 0.6 * value),
      canvas.hsv(trim, 0.7, 0.8), 0.5 + 0.8 * width,
      int(rng.integers(2, 7)), taper)


def draw(paint: canvas.Canvas, d: Design, s: scenery.Style, x: float,
         base: float, size: float) -> None:
  """The sight around x on `base`, `size` high, a little in local material."""
  body = canvas.blend(d.body, s.wall, 0.2)
  half = 0.17 * size * d.width
  if d.kind == 'twins':
    for side in (-1.3, 1.3):
      _tiers(paint, d, body, x + side * half, base, size, 0.6 * half)
    paint.rect(x - 1.6 * half, base - 0.4 * size, x + 1.6 * half, base, body)
  elif d.kind == 'arch':
    paint.rect(x - 1.8 * half, base - 0.75 * size, x + 1.8 * half, base, body)
    paint.ellipse(x, base - 0.32 * size, 0.8 * half, 0.8 * half, s.sky)
    paint.rect(x - 0.7 * half, base - 0.32 * size, x + 0.7 * half, base, s.sky)
    paint.rect(x - 2 * half, base - 0.82 * size, x + 2 * half,
               base - 0.7 * size, d.trim)
  elif d.kind == 'pyramid':
    paint.polygon([(x - 3 * half, base), (x, base - 0.8 * size),
                   (x + 3 * half, base)], body)
    paint.polygon([(x, base), (x, base - 0.8 * size), (x + 3 * half, base)],
                  canvas.blend(body, d.trim, 0.4))
  elif d.kind == 'statue':
    paint.rect(x - half, base - 0.35 * size, x + half, base, d.trim)
    paint.polygon([(x - 0.9 * half, base - 0.35 * size),
                   (x, base - 0.95 * size), (x + 0.9 * half,
                                             base - 0.35 * size)], body)
    paint.ellipse(x, base - 0.92 * size, 0.08 * size, 0.08 * size, body)
  else:
    _tiers(paint, d, body, x, base, size, half)
    if d.kind != 'tower':
      radius = half * (1.6 if d.kind == 'dome' else 1.0)
      paint.ellipse(x, base - size * (0.5 if d.kind == 'dome' else 0.9),
                    radius, 1.2 * radius, d.trim)


def _tiers(paint: canvas.Canvas, d: Design, body: canvas.Colour, x: float,
           base: float, size: float, half: float) -> None:
  for tier in range(d.tiers):
    low, high = (base - size * 0.9 * t / d.tiers for t in (tier, tier + 1))
    wide = half * (1.3 - d.taper * tier / d.tiers)
    paint.rect(x - wide, high, x + wide, low, body)
    paint.rect(x - 1.1 * wide, high, x + 1.1 * wide, high + 0.02, d.trim)
