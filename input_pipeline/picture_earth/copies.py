"""Copies of pictures as they go round: cropped, resized, mirrored, framed.

What an audit has to find. A recipe is a pure function of a picture and random
numbers; all but `exact` end as a JPEG.
"""

from collections.abc import Callable, Mapping
import io

from jaxtyping import UInt8
import numpy as np
from PIL import Image as PilImage
from pinpoint_jax import types

Recipe = Callable[[types.Image, np.random.Generator], types.Image]
# A picture of another size.
Other = UInt8[np.ndarray, 'other_h other_w 3']


def compressed(pixels: types.Image, quality: int = 90) -> types.Image:
  """The picture as a JPEG of that quality gives it back."""
  file = io.BytesIO()
  PilImage.fromarray(pixels).save(file, 'JPEG', quality=quality)
  return np.asarray(PilImage.open(file))


def cropped(pixels: types.Image, rng: np.random.Generator) -> Other:
  """Without 10 to 20 % of its height and of its width, anywhere."""
  sides = np.asarray(pixels.shape[:2])
  kept = np.round(sides * (1 - rng.uniform(.1, .2, 2))).astype(int)
  top, left = rng.integers(sides - kept + 1)
  return pixels[top:top + kept[0], left:left + kept[1]]


def resized(pixels: types.Image, rng: np.random.Generator) -> Other:
  """Between 0.4 and 2 times as large, up to 10 % wider or narrower."""
  height, width = pixels.shape[:2]
  size, stretch = rng.uniform(.4, 2), rng.uniform(.9, 1.1)
  return np.asarray(PilImage.fromarray(pixels).resize(
      (round(width * size * stretch), round(height * size)), PilImage.BICUBIC))


def framed(pixels: types.Image, rng: np.random.Generator) -> Other:
  """With borders of one colour, 3 to 10 % of a side each; most are grey."""
  height, width = pixels.shape[:2]
  top, bottom, left, right = np.round(
      rng.uniform(.03, .1, 4) * [height, height, width, width]).astype(int)
  grey = rng.choice([0, 255, int(rng.integers(256))])
  colour = rng.integers(256, size=3) if rng.random() < .3 else [grey] * 3
  frame = np.empty((height + top + bottom, width + left + right, 3), np.uint8)
  frame[:] = colour
  frame[top:top + height, left:left + width] = pixels
  return frame


def mirrored(pixels: types.Image) -> types.Image:
  """Left is right."""
  return pixels[:, ::-1]


RECIPES: Mapping[str, Recipe] = {
    'exact': lambda pixels, rng: pixels,
    'crop': lambda pixels, rng: compressed(cropped(pixels, rng)),
    'resize': lambda pixels, rng: compressed(resized(pixels, rng)),
    'jpeg q30': lambda pixels, rng: compressed(pixels, 30),
    'flip': lambda pixels, rng: compressed(mirrored(pixels)),
    'border': lambda pixels, rng: compressed(framed(pixels, rng)),
    'crop, flip, q30': lambda pixels, rng: compressed(
        mirrored(cropped(pixels, rng)), 30),
    'border, resize, q50': lambda pixels, rng: compressed(
        resized(framed(pixels, rng), rng), 50),
}
