"""Street-view frames: one camera on a car, a road to the horizon."""

from input_pipeline.synthetic_earth import canvas, randomness, scenery, shots
import numpy as np
from pinpoint_jax import types

SIZE = (128, 96)
_HORIZON = 0.46
_NEAR_HALF = 0.62


def render(shot: shots.Shot) -> types.Image:
  """The frame, [96, 128, 3]."""
  drive = randomness.generator(
      'drive', shot.region, shot.seed, shot.session)
  rng = randomness.generator('frame', shot.region, shot.seed, shot.serial)
  light, cover = _light(drive)
  style = scenery.style(shot.look)
  horizon = _HORIZON + 0.03 * float(rng.random() - 0.5)
  paint = canvas.Canvas(*SIZE, style.ground)
  _sky(paint, style, horizon, cover, rng)
  scenery.hills(paint, style, horizon, rng)
  scenery.ground(paint, style, horizon, rng)
  vanish = 0.5 + 0.24 * float(rng.random() - 0.5)
  _road(paint, style, horizon, vanish, float(rng.random()))
  _roadside(paint, style, horizon, vanish, rng)
  _cars(paint, horizon, vanish, rng)
  return paint.finish(light, rng)


def _light(drive: np.random.Generator) -> tuple[canvas.Light, float]:
  """The light of a drive and how far clouds cover its sky."""
  level, warm, cover, contrast, colour, dirt = map(float, drive.random(6))
  base, tint = 0.6 + 0.6 * level, 0.4 * (warm - 0.5)
  return canvas.Light(
      gain=(base * (1 + tint), base, base * (1 - tint)),
      contrast=0.7 + 0.6 * contrast, saturation=0.45 + 0.8 * colour,
      fog=0.45 * dirt * dirt, noise=2.5, vignette=0.15), cover


def _sky(paint: canvas.Canvas, s: scenery.Style, horizon: float, cover: float,
         rng: np.random.Generator) -> None:
  top = canvas.blend(s.sky, (0.78, 0.79, 0.8), cover)
  pale = canvas.blend(top, (0.97, 0.96, 0.93), 0.3 + 0.5 * s.haze)
  paint.gradient(top, pale, 0.0, horizon)
  for x, y in rng.random((int(6 * cover), 2)):
    paint.ellipse(float(x), float(y) * horizon * 0.8, 0.16, 0.035,
                  canvas.blend(pale, (1.0, 1.0, 1.0), 0.6))


def _road(paint: canvas.Canvas, s: scenery.Style, horizon: float,
          vanish: float, phase: float) -> None:
  paint.polygon([(vanish - 0.01, horizon), (vanish + 0.01, horizon),
                 (0.5 + _NEAR_HALF, 1.0), (0.5 - _NEAR_HALF, 1.0)], s.road)
  for side in (-0.85, 0.85):
    paint.polygon([(vanish, horizon),
                   (0.5 + side * _NEAR_HALF + 0.015, 1.0),
                   (0.5 + side * _NEAR_HALF - 0.015, 1.0)], s.mark)
  dashes = 1 if s.mark_dash < 0.35 else 4 if s.mark_dash < 0.65 else 8
  for dash in range(dashes):
    near = 1 / (1 + 5 * max(0.0, dash + phase - 0.5) / dashes)
    far = 0.02 if dashes == 1 else near * (0.9 - 0.25 / dashes)
    corners = []
    for depth, sign in ((near, -1), (near, 1), (far, 1), (far, -1)):
      x = vanish + (0.5 - vanish) * depth + sign * 0.016 * depth
      corners.append((x, horizon + (1 - horizon) * depth))
    paint.polygon(corners, s.mark)


def _roadside(paint: canvas.Canvas, s: scenery.Style, horizon: float,
              vanish: float, rng: np.random.Generator) -> None:
  """Houses, plants, poles and signs on both sides, far ones first."""
  town = float(rng.random())
  depths = np.sort(0.08 + 0.6 * rng.random(12))
  for depth, side, what in zip(depths, rng.random(12), rng.random(12)):
    sign = -1 if side < 0.5 else 1
    x = vanish + (0.5 - vanish) * depth + sign * depth * (
        _NEAR_HALF + 0.25 + 0.5 * abs(float(side) - 0.5))
    base = horizon + (1 - horizon) * float(depth)
    if what < 0.1 + 0.5 * town:
      scenery.building(paint, s, x, base, 0.75 * float(depth) + 0.06, rng)
    elif what < 0.5 + 0.5 * s.plant_density:
      scenery.plant(paint, s, x, base, 0.8 * float(depth) + 0.04, rng)
    elif what < 0.55 + 0.5 * s.poles:
      top = base - 1.1 * float(depth)
      paint.line([(x, base), (x, top)], (0.35, 0.3, 0.27), 0.02)
      paint.line([(x - 0.04, top), (x + 0.04, top)], (0.3, 0.3, 0.3), 0.015)
    else:
      scenery.sign(paint, s, x, base, 0.5 * float(depth) + 0.05)


def _cars(paint: canvas.Canvas, horizon: float, vanish: float,
          rng: np.random.Generator) -> None:
  for lane, depth, hue, exists in rng.random((2, 4)):
    if exists > 0.4:
      continue
    depth = 0.12 + 0.35 * float(depth)
    x = vanish + (0.5 - vanish) * depth + (float(lane) - 0.5) * depth
    y, half = horizon + (1 - horizon) * depth, 0.17 * depth
    colour = canvas.hsv(float(hue), 0.6, 0.7)
    paint.rect(x - half, y - 1.4 * half, x + half, y, colour)
    paint.rect(x - 0.8 * half, y - 2.2 * half, x + 0.8 * half, y - 1.3 * half,
               (0.15, 0.18, 0.2))
