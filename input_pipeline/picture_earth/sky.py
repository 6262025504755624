"""Climate and skyline: what is above the horizon and far away."""

from input_pipeline.picture_earth import canvas, tones
from input_pipeline.picture_earth import scene as scenes

_OVERCAST = (0.80, 0.80, 0.80)
_CLOUD = (0.96, 0.96, 0.96)
_PERIOD = 0.14  # From one tower to the next.


def climate(paint: canvas.Canvas, cue: scenes.Cue | None,
            chances: scenes.Chances, horizon: float) -> None:
  """Colours of the sky high and low, and clouds; overcast where hidden."""
  if cue is None:
    paint.rect(0.0, 0.0, 1.0, horizon, _OVERCAST)
    return
  light, warm, green, low_light, low_warm, cloud = cue.numbers
  top = tones.tone((0.42, 0.56, 0.70), light, warm, green)
  low = tones.tone((0.80, 0.78, 0.74), low_light, low_warm)
  # A band of each colour as it is, so that neither hides in the blend.
  paint.rect(0.0, 0.0, 1.0, 0.3 * horizon, top)
  paint.gradient(top, low, 0.3 * horizon, 0.75 * horizon)
  paint.rect(0.0, 0.75 * horizon, 1.0, horizon, low)
  size = 0.055 + 0.035 * cloud
  for i, chance in enumerate(chances[:3]):
    x, y = (i + chance) / 3, horizon * (0.12 + 0.3 * chances[i - 2])
    paint.ellipse(x, y, 1.5 * size, 0.6 * size, _CLOUD)
    paint.ellipse(x + 0.5 * size, y - 0.4 * size, 0.8 * size, 0.6 * size,
                  _CLOUD)


def skyline(paint: canvas.Canvas, cue: scenes.Cue, chances: scenes.Chances,
            horizon: float) -> None:
  """A row of far towers, every second one lower, along the horizon."""
  light, warm, green, height, width, depth = cue.numbers
  tall = cue.size * (0.20 + 0.08 * height)
  low, wide = tall * (0.55 - 0.4 * depth), _PERIOD * (0.5 + 0.3 * width)
  colour = tones.tone((0.50, 0.50, 0.54), light, warm, green)
  start, points = -_PERIOD * chances[0], []
  for i in range(int(1 / _PERIOD) + 2):
    x = start + i * _PERIOD
    points += [(x, horizon - tall), (x + wide, horizon - tall),
               (x + wide, horizon - low), (x + _PERIOD, horizon - low)]
  paint.polygon([(points[0][0], horizon), *points, (points[-1][0], horizon)],
                colour)
