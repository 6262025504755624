"""Photos that people take: a subject first, the place behind it.

The author sets the camera's colours, the session weather and hour, and each
photo its subject and framing; all of that varies more than the place does.
"""

from input_pipeline.synthetic_earth import (
  canvas,
  landmark,
  randomness,
  scenery,
  shots,
  subjects,
)
import numpy as np
from pinpoint_jax import types

SIZES = ((128, 96), (96, 128), (112, 112), (128, 80), (128, 96))
# Photos indoors or too close to show the place.
BLIND_SHARE = 0.25
_LANDMARK_SHARE = 0.7


def render(shot: shots.Shot) -> types.Image:
  """The photo, [h, w, 3] with the longer side about 128."""
  rng = randomness.generator('photo', shot.region, shot.seed, shot.serial)
  session = randomness.generator(
      'session', shot.region, shot.seed, shot.session)
  author = randomness.generator('author', shot.region, shot.seed, shot.author)
  style = scenery.style(shot.look)
  shape = SIZES[int(author.integers(len(SIZES)))]
  if rng.random() < 0.25:
    shape = shape[::-1]
  paint = canvas.Canvas(*shape, style.ground)
  hour, cover = map(float, session.random(2))
  if is_blind(shot):
    subjects.blind(paint, style, rng)
  else:
    _outdoors(paint, style, shot, hour, cover, rng)
  return paint.finish(_light(author, session, rng, hour), rng)


def is_blind(shot: shots.Shot) -> bool:
  """Whether the photo is taken indoors or from very close."""
  return bool(randomness.uniform(
      'blind', shot.region, shot.seed, shot.serial) < BLIND_SHARE)


def _outdoors(paint: canvas.Canvas, style: scenery.Style, shot: shots.Shot,
              hour: float, cover: float, rng: np.random.Generator) -> None:
  horizon = 0.35 + 0.5 * float(rng.random())
  zoom = 0.6 + 0.9 * float(rng.random())
  _sky(paint, style, horizon, hour, cover, rng)
  scenery.hills(paint, style, horizon, rng)
  scenery.ground(paint, style, horizon, rng)
  _background(paint, style, horizon, zoom, rng)
  if shot.landmark >= 0 and rng.random() < _LANDMARK_SHARE:
    design = landmark.design(shot.region.split('/')[0], shot.seed,
                             shot.landmark)
    landmark.draw(paint, design, style, 0.25 + 0.5 * float(rng.random()),
                  horizon + 0.12, (0.5 + 0.3 * float(rng.random())) * zoom)
  subjects.in_front(paint, style, horizon, rng)


def _sky(paint: canvas.Canvas, s: scenery.Style, horizon: float, hour: float,
         cover: float, rng: np.random.Generator) -> None:
  dusk = max(0.0, 4 * hour - 3)
  top = canvas.blend(s.sky, (0.72, 0.74, 0.77), cover)
  top = canvas.blend(top, (0.15, 0.12, 0.3), 0.8 * dusk)
  low = canvas.blend(top, (0.98, 0.97, 0.94), 0.25 + 0.4 * s.haze)
  low = canvas.blend(low, (0.95, 0.5, 0.25), dusk)
  paint.gradient(top, low, 0.0, horizon)
  for x, y, size in rng.random((int(7 * cover * rng.random()), 3)):
    paint.ellipse(float(x), float(y) * horizon, 0.08 + 0.15 * float(size),
                  0.03 + 0.03 * float(size),
                  canvas.blend(low, (1.0, 1.0, 1.0), 0.5))


def _background(paint: canvas.Canvas, s: scenery.Style, horizon: float,
                zoom: float, rng: np.random.Generator) -> None:
  town = float(rng.random())
  for x, size, what in rng.random((int(rng.integers(2, 8)), 3)):
    size = zoom * (0.15 + 0.35 * float(size))
    base = horizon + 0.15 * size
    if what < town:
      scenery.building(paint, s, float(x), base, size, rng)
    elif what < town + (1 - town) * (0.3 + 0.7 * s.plant_density):
      scenery.plant(paint, s, float(x), base, size, rng)
    else:
      scenery.sign(paint, s, float(x), base + 0.1, 0.6 * size)


def _light(author: np.random.Generator, session: np.random.Generator,
           rng: np.random.Generator, hour: float) -> canvas.Light:
  level, warm, tint, contrast, colour, corner = map(float, author.random(6))
  fog, glow = map(float, session.random(2))
  base = (0.7 + 0.4 * level + 0.3 * float(rng.random() - 0.5)) * (
      1 - 0.55 * max(0.0, 4 * hour - 3))
  red = 0.35 * (warm - 0.5) + 0.2 * (glow - 0.5)
  green = 0.12 * (tint - 0.5)
  return canvas.Light(
      gain=(base * (1 + red), base * (1 + green), base * (1 - red)),
      contrast=0.7 + 0.7 * contrast,
      # A few authors photograph in black and white.
      saturation=0.0 if colour < 0.03 else 0.5 + 0.9 * colour,
      fog=0.5 * max(0.0, fog - 0.4), noise=2 + 4 * level,
      vignette=round(0.5 * corner * corner, 2))
