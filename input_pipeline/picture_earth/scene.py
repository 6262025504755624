"""What one picture shows, as its painters take it.

  cue numbers  ─ of the cues that it shows, -1 to 1 (0.4 of the world's numbers)
  chances      ─ four numbers from 0 to 1 for each part: all that is no cue
  camera       ─ six of them, of the author or the drive
"""

from collections.abc import Mapping
import dataclasses
import types as pytypes

from input_pipeline.feature_earth import settings
from jaxtyping import Float
import numpy as np
from pinpoint_jax import types

SIDE = 96
NUM_CHANCES = 4
NUM_CAMERA = 6
# Cue numbers beyond these many standard deviations are drawn as these.
REACH = 2.5
NUM_CUES = sum(cue.num_dims for cue in settings.CUES)
PARTS = (*(cue.name for cue in settings.CUES), 'layout', 'people', 'traffic',
         'indoors')
NUM_CONTENT = NUM_CHANCES * len(PARTS)

Chances = tuple[float, ...]


def _columns() -> Mapping[str, slice]:
  ends = np.cumsum([cue.num_dims for cue in settings.CUES]).tolist()
  return pytypes.MappingProxyType({
      cue.name: slice(end - cue.num_dims, end)
      for cue, end in zip(settings.CUES, ends)})


# Where the numbers of each cue are among all NUM_CUES.
COLUMNS = _columns()


@dataclasses.dataclass(frozen=True)
class Cue:
  """A cue that is shown: its numbers, -1 to 1, and its size around 1."""

  numbers: tuple[float, ...]
  size: float


@dataclasses.dataclass(frozen=True)
class Scene:
  """One picture.

  Attributes:
    source: how it is framed.
    cues: those that it shows, by name.
    chances: of each of PARTS.
    camera: gain, tint, contrast, saturation, noise, vignette; 0 to 1.
    blind: whether it is taken indoors.
    serial: chooses the sensor's noise.
  """

  source: types.Source
  cues: Mapping[str, Cue]
  chances: Mapping[str, Chances]
  camera: Chances
  blind: bool
  serial: int


def scene(source: types.Source, values: Float[np.ndarray, 'k'],
          strengths: Float[np.ndarray, 'c'], content: Float[np.ndarray, 'm'],
          camera: Float[np.ndarray, 'a'], blind: bool, serial: int) -> Scene:
  """The scene of one row.

  Args:
    source: photo or street.
    values: all cue numbers of the place, NUM_CUES.
    strengths: of each cue relative to the usual, 0 where it is not shown.
    content, camera: NUM_CONTENT and NUM_CAMERA numbers, 0 to 1.
    blind: whether it is taken indoors.
    serial: of the picture.
  """
  drawn = np.clip(values / REACH, -1, 1).tolist()
  chances = content.tolist()
  cues = {cue.name: Cue(tuple(drawn[COLUMNS[cue.name]]), 0.7 + 0.3 * strength)
          for cue, strength in zip(settings.CUES, strengths.tolist())
          if strength > 0}
  return Scene(
      source, cues,
      {part: tuple(chances[NUM_CHANCES * i:NUM_CHANCES * (i + 1)])
       for i, part in enumerate(PARTS)},
      tuple(camera.tolist()), blind, serial)
