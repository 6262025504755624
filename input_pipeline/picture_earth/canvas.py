"""A small painter: shapes in fractions of the picture, and light over them."""

import dataclasses
import functools

from input_pipeline.feature_earth import randomness
from jaxtyping import Float
import numpy as np
from PIL import Image as PilImage
from PIL import ImageDraw
from pinpoint_jax import types

# Drawn twice as large and then averaged: smooth edges at little cost.
_OVERSAMPLING = 2
_NOISE_SIDE = 512

Colour = tuple[float, float, float]
Points = list[tuple[float, float]]


@dataclasses.dataclass(frozen=True)
class Light:
  """What weather, camera and photographer do to a finished picture.

  Attributes:
    gain: factor of red, green, blue.
    contrast, saturation: 1 leaves the picture as it is.
    noise: standard deviation of the sensor's noise, in grey levels.
    vignette: how dark the corners are, 0 to 1.
  """

  gain: Colour = (1.0, 1.0, 1.0)
  contrast: float = 1.0
  saturation: float = 1.0
  noise: float = 2.0
  vignette: float = 0.0


class Canvas:
  """A picture being painted; x to the right and y down, both 0 to 1."""

  def __init__(self, width: int, height: int, background: Colour):
    self.width, self.height = width, height
    self._size = (width * _OVERSAMPLING, height * _OVERSAMPLING)
    self._picture = PilImage.new('RGB', self._size, _to_bytes(background))
    self._draw = ImageDraw.Draw(self._picture)

  def gradient(self, top: Colour, bottom: Colour, y0: float, y1: float) -> None:
    """Fills the band from y0 to y1 with a vertical blend."""
    first, last = self._row(y0), self._row(y1)
    steps = max(1, (last - first) // 3)
    for step in range(steps):
      low = first + (last - first) * step // steps
      high = first + (last - first) * (step + 1) // steps
      self._draw.rectangle(
          (0, low, self._size[0], high),
          fill=_to_bytes(blend(top, bottom, (step + 0.5) / steps)))

  def polygon(self, points: Points, colour: Colour) -> None:
    """A filled polygon."""
    self._draw.polygon([self._at(*p) for p in points], fill=_to_bytes(colour))

  def rect(self, x0: float, y0: float, x1: float, y1: float,
           colour: Colour) -> None:
    """A filled rectangle."""
    self._draw.rectangle((*self._at(min(x0, x1), min(y0, y1)),
                          *self._at(max(x0, x1), max(y0, y1))),
                         fill=_to_bytes(colour))

  def ellipse(self, x: float, y: float, rx: float, ry: float,
              colour: Colour) -> None:
    """A filled ellipse around (x, y); radii in fractions of the height."""
    (px, py), unit = self._at(x, y), self._size[1]
    dx, dy = int(rx * unit) + 1, int(ry * unit) + 1
    self._draw.ellipse((px - dx, py - dy, px + dx, py + dy),
                       fill=_to_bytes(colour))

  def line(self, points: Points, colour: Colour, thickness: float) -> None:
    """A line as thick as that fraction of the height."""
    self._draw.line([self._at(*p) for p in points], fill=_to_bytes(colour),
                    width=max(1, int(thickness * self._size[1])))

  def finish(self, light: Light, rng: np.random.Generator) -> types.Image:
    """The picture under that light, [h, w, 3]."""
    pixels = np.asarray(self._picture.reduce(_OVERSAMPLING), np.float32)
    grey = pixels.mean(-1, keepdims=True)
    pixels = grey + (pixels - grey) * light.saturation
    pixels = pixels * np.asarray(light.gain, np.float32)
    pixels = (pixels - 118) * light.contrast + 118
    pixels = pixels * _vignette(self.height, self.width, light.vignette)
    y, x = rng.integers(_NOISE_SIDE // 2, size=2)
    noise = _noise()[y:y + self.height, x:x + self.width]
    pixels = pixels + noise * light.noise
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)

  def _row(self, y: float) -> int:
    return int(round(y * self._size[1]))

  def _at(self, x: float, y: float) -> tuple[int, int]:
    return int(round(x * self._size[0])), self._row(y)


def blend(a: Colour, b: Colour, share: float) -> Colour:
  """`share` of b in a."""
  return tuple(x + (y - x) * share for x, y in zip(a, b))


def _to_bytes(colour: Colour) -> tuple[int, int, int]:
  return tuple(int(min(max(c, 0.0), 1.0) * 255) for c in colour)


@functools.cache
def _noise() -> Float[np.ndarray, 'h w 1']:
  index = np.arange(_NOISE_SIDE**2).reshape(_NOISE_SIDE, _NOISE_SIDE, 1)
  return randomness.bell('sensor', index).astype(np.float32)


@functools.lru_cache(64)
def _vignette(height: int, width: int,
              strength: float) -> Float[np.ndarray, 'h w 1']:
  y = np.linspace(-1, 1, height, dtype=np.float32)[:, None, None]
  x = np.linspace(-1, 1, width, dtype=np.float32)[:, None]
  return 1 - np.float32(strength) * (x * x + y * y) / 2
