"""What turns pictures into features, whatever stands behind it."""

from collections.abc import Callable
import dataclasses
from typing import Any

import numpy as np
from pinpoint_jax.features import thumbnail


@dataclasses.dataclass(frozen=True)
class Backbone:
  """A frozen model of pictures.

  Attributes:
    name: of the model.
    weight_hash: of its weights, 'none' where it has none.
    preprocess: ops from the decoded photo to `apply`'s input (uint8 pixels
      all of one size) and, after a float op, what `apply` itself does.
    dim: numbers in a feature.
    apply: uint8 [b, h, w, 3] → [b, d], un-normalised; may return before the
      device is done.
    num_devices: among which `apply` divides a batch.
  """

  name: str
  weight_hash: str
  preprocess: str
  dim: int
  apply: Callable[[np.ndarray], Any]
  num_devices: int = 1


def thumbnails(size: int = 64) -> Backbone:
  """The feature that is not learned: the floor to beat."""
  def apply(pixels: np.ndarray) -> np.ndarray:
    return np.stack([thumbnail.thumbnail(image) for image in pixels])
  return Backbone('thumbnail', 'none', f'resize({size})', thumbnail.DIM, apply)
