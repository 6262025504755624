"""Soil, roads and vegetation: what things stand on, and what grows there."""

from input_pipeline.picture_earth import canvas, tones
from input_pipeline.picture_earth import scene as scenes
from input_pipeline.picture_earth.layout import Spot

_BARE = (0.55, 0.55, 0.55)
_ASPHALT = (0.42, 0.42, 0.42)
_MARK = (0.84, 0.80, 0.66)
TREES_WIDTH = 0.36
_TRUNK = (0.36, 0.29, 0.23)
# Height in the crown, half width of a round one and of a cone there.
_OUTLINE = ((0.0, 0.25, 0.85), (0.08, 0.62, 1.0), (0.25, 0.9, 0.8),
            (0.5, 1.0, 0.52), (0.75, 0.82, 0.26), (0.92, 0.45, 0.08),
            (1.0, 0.1, 0.0))


def soil(paint: canvas.Canvas, cue: scenes.Cue | None,
         chances: scenes.Chances, horizon: float) -> None:
  """Fields: a far and a near strip of another colour; bare where hidden."""
  if cue is None:
    paint.rect(0.0, horizon, 1.0, 1.0, _BARE)
    return
  light, warm, green, strip_light, strip_warm, share = cue.numbers
  paint.rect(0.0, horizon, 1.0, 1.0,
             tones.tone((0.56, 0.50, 0.40), light, warm, green))
  strip = tones.tone((0.40, 0.42, 0.36), strip_light, strip_warm)
  tilt, deep = 0.03 * (chances[0] - 0.5), 0.075 + 0.05 * share
  paint.polygon([(0.0, horizon), (1.0, horizon), (1.0, horizon + deep + tilt),
                 (0.0, horizon + deep - tilt)], strip)
  top = 0.97 - 1.6 * deep
  paint.polygon([(0.0, top - tilt), (1.0, top + tilt), (1.0, 1.0), (0.0, 1.0)],
                strip)


def road_ahead(paint: canvas.Canvas, cue: scenes.Cue | None,
               chances: scenes.Chances, horizon: float,
               vanish: float) -> None:
  """The road of a street view, to the horizon; plain where hidden."""
  def at(depth: float, side: float) -> tuple[float, float]:
    return (vanish + (0.5 - vanish) * depth + side * (0.01 + 0.35 * depth),
            horizon + (1 - horizon) * depth)
  surface, mark = _colours(cue)
  paint.polygon([at(0.0, -1.0), at(0.0, 1.0), at(1.0, 1.0),
                 at(1.0, -1.0)], surface)
  if cue is None:
    return
  edge, share = _edge(cue), _share(cue)
  for side in (-1.0, 1.0):
    near, far = side * (0.92 - edge), side * 0.92
    paint.polygon([at(0.0, near), at(0.0, far), at(1.0, far),
                   at(1.0, near)], mark)
  step = 0.36
  for i in range(4):
    start = step * (i - chances[0])
    low, high = (min(max(x, 0.0), 1.0) for x in (start, start + share * step))
    paint.polygon([at(low, -0.07), at(low, 0.07), at(high, 0.07),
                   at(high, -0.07)], mark)


def road_across(paint: canvas.Canvas, cue: scenes.Cue,
                chances: scenes.Chances, top: float) -> None:
  """The road of a photo, from side to side below `top`."""
  height, tilt = 0.15 * cue.size, 0.05 * (chances[1] - 0.5)
  def band(y0: float, y1: float, x0: float = 0.0, x1: float = 1.0) -> list:
    return [(x, top + height * y + tilt * x)
            for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
  surface, mark = _colours(cue)
  paint.polygon(band(0.0, 1.0), surface)
  edge, share, step = 0.8 * _edge(cue), _share(cue), 0.3
  paint.polygon(band(0.05, 0.05 + edge), mark)
  paint.polygon(band(0.95 - edge, 0.95), mark)
  for i in range(5):
    x = step * (i - chances[0])
    paint.polygon(band(0.42, 0.6, x, x + share * step), mark)


def _colours(cue: scenes.Cue | None) -> tuple[canvas.Colour, canvas.Colour]:
  """Of the surface and of the marks."""
  if cue is None:
    return _ASPHALT, _ASPHALT
  light, warm, mark_warm, mark_green = cue.numbers[:4]
  return (tones.tone((0.42, 0.40, 0.41), light, warm),
          tones.tone(_MARK, 0.0, mark_warm, mark_green))


def _share(cue: scenes.Cue) -> float:
  """Of the middle line that is painted."""
  return 0.52 + 0.36 * cue.numbers[4]


def _edge(cue: scenes.Cue) -> float:
  """How thick the lines along the edges are."""
  return 0.13 + 0.08 * cue.numbers[5]


def vegetation(paint: canvas.Canvas, cue: scenes.Cue,
               chances: scenes.Chances, spot: Spot) -> None:
  """Two trees, one before the other."""
  far, near = 0.75 + 0.1 * chances[1], 0.95 + 0.1 * chances[2]
  lean = 0.085 if chances[3] < 0.5 else -0.085
  for side, lift, size in ((-lean, 0.02, far), (lean, 0.0, near)):
    _tree(paint, cue, spot.x + side * spot.size, spot.base - lift,
          size * spot.size)


def _tree(paint: canvas.Canvas, cue: scenes.Cue, x: float, base: float,
          size: float) -> None:
  light, warm, green, aspect, taper, trunk = cue.numbers
  half = size * (0.10 - 0.032 * aspect)
  height = size * (0.29 + 0.10 * aspect)
  bottom = base - size * (0.065 + 0.045 * trunk)
  leaf = tones.tone((0.34, 0.47, 0.26), light, warm, green)
  cone = 0.5 + 0.5 * taper
  side = [(half * ((1 - cone) * round_ + cone * pointed), bottom - height * t)
          for t, round_, pointed in _OUTLINE]
  paint.rect(x - 0.014 * size, bottom - 0.3 * height, x + 0.014 * size, base,
             _TRUNK)
  paint.polygon([(x - w, y) for w, y in side]
                + [(x + w, y) for w, y in reversed(side)], leaf)
  paint.polygon([(x + 0.3 * w, y) for w, y in side]
                + [(x + w, y) for w, y in reversed(side)], tones.shade(leaf))
