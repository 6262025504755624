"""Colours that are linear in the numbers they show, so that they can be read.

Three axes of colour, about at right angles: no hue wraps, none has a threshold.
"""

from input_pipeline.picture_earth import canvas

_LIGHT = (0.16, 0.16, 0.16)
_WARM = (0.17, 0.0, -0.20)
_GREEN = (-0.11, 0.18, -0.08)


def tone(base: canvas.Colour, light: float = 0.0, warm: float = 0.0,
         green: float = 0.0) -> canvas.Colour:
  """The base colour, lighter, warmer and greener by numbers of -1 to 1."""
  return tuple(
      start + light * a + warm * b + green * c
      for start, a, b, c in zip(base, _LIGHT, _WARM, _GREEN))


def shade(colour: canvas.Colour, share: float = 0.82) -> canvas.Colour:
  """The side of a thing that the light does not reach."""
  return tuple(share * part for part in colour)
