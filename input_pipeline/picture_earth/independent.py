"""Pictures of no world: every number of every cue is drawn for itself.

A backbone that learns from these has no place to remember. Any picture can be
made alone, by its seed and index; even ones are photos, odd ones street views.
"""

import dataclasses

from input_pipeline.feature_earth import randomness, settings
from input_pipeline.picture_earth import composition, jpeg
from input_pipeline.picture_earth import scene as scenes
from jaxtyping import Bool, Float, Int, UInt8
import numpy as np

# Half of the way from the world's rates to one half: rare cues need pictures.
_RATES = {source: np.asarray([
    (getattr(cue, f'shown_{source}') + 0.5) / 2 for cue in settings.CUES])
          for source in ('photo', 'street')}
_BLIND = 0.05
_LEAST, _MOST = 0.6, 1.4  # Of a cue's size, as in feature_earth.
_NUM_DIMS = np.asarray([cue.num_dims for cue in settings.CUES])


@dataclasses.dataclass(frozen=True)
class Pictures:
  """Pictures with the cues behind them.

  Attributes:
    pixels: as a JPEG file gives them back.
    values: cue numbers, of hidden cues too.
    shown: whether a number is shown.
    is_street: else a photo.
  """

  pixels: UInt8[np.ndarray, 'n s s 3']
  values: Float[np.ndarray, 'n k']
  shown: Bool[np.ndarray, 'n k']
  is_street: Bool[np.ndarray, 'n']

  def __len__(self) -> int:
    return len(self.pixels)


def pictures(seed: int, indices: Int[np.ndarray, 'n']) -> Pictures:
  """The pictures of a seed at those indices, alike in any batch."""
  values, strengths, drawn = _scenes(seed, indices)
  pixels = np.stack([jpeg.there_and_back(composition.picture(scene))
                     for scene in drawn])
  return Pictures(pixels, values.astype(np.float32),
                  np.repeat(strengths > 0, _NUM_DIMS, axis=1),
                  indices % 2 == 1)


def scene(seed: int, index: int) -> scenes.Scene:
  """What the picture at one index shows."""
  return _scenes(seed, np.asarray([index]))[2][0]


def _scenes(seed: int, indices: Int[np.ndarray, 'n']) -> tuple[
    Float[np.ndarray, 'n k'], Float[np.ndarray, 'n c'], list[scenes.Scene]]:
  key = ('independent', seed)
  row, is_street = indices[:, None], indices % 2 == 1
  values = randomness.bell('cue', *key, row, np.arange(scenes.NUM_CUES))
  each = np.arange(len(settings.CUES))
  rates = np.where(is_street[:, None], _RATES['street'], _RATES['photo'])
  blind = ~is_street & (randomness.uniform('blind', *key, indices) < _BLIND)
  shown = (randomness.uniform('shown', *key, row, each) < rates
           ) & ~blind[:, None]
  strengths = np.where(shown, _LEAST + (_MOST - _LEAST) * randomness.uniform(
      'strength', *key, row, each), 0)
  content, camera = (randomness.uniform(name, *key, row, np.arange(num))
                     for name, num in (('content', scenes.NUM_CONTENT),
                                       ('camera', scenes.NUM_CAMERA)))
  return values, strengths, [
      scenes.scene('street' if is_street[i] else 'photo', values[i],
                   strengths[i], content[i], camera[i], bool(blind[i]),
                   int(index))
      for i, index in enumerate(indices.tolist())]
