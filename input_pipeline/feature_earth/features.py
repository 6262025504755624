"""Picture to feature: the cues that it happens to show, and all the rest.

  feature = Σ shown cue · its directions + content + camera + noise + mean

Which cues a picture shows differs from picture to picture, so what two pictures
can be compared by differs from pair to pair, and no fixed metric is best.
"""

from input_pipeline.feature_earth import (
  cues,
  pictures,
  randomness,
  settings,
)
from jaxtyping import Float
import numpy as np
from pinpoint_jax import types

_LEAST, _MOST = 0.6, 1.4  # Strength of a shown cue, relative to the table's.
_NUM_DIMS = np.asarray([cue.num_dims for cue in settings.CUES])
_MEAN = 0.5
_SOURCES = types.SOURCES


class Appearance:
  """What pictures of one seeded world look like to its backbone."""

  def __init__(self, seed: int, world_cues: cues.Cues,
               habits: settings.Settings, dim: int):
    self._seed, self._cues, self._habits = seed, world_cues, habits
    self.dim = dim
    num_cues = int(_NUM_DIMS.sum())
    cue = [_normal((num_cues, dim), 'directions', seed, name)
           for name in ('shared', *_SOURCES)]
    content = [_normal((settings.NUM_CONTENT, dim), 'content', seed, name)
               for name in _SOURCES]
    shared, own = np.sqrt(habits.shared), np.sqrt(1 - habits.shared)
    scale = dim**-0.5
    self.directions = {name: scale * (shared * cue[0] + own * cue[1 + i])
                       for i, name in enumerate(_SOURCES)}
    # Half of a street view's content is of a kind that photos have too.
    mixed = np.sqrt(0.5) * (content[0] + content[1])
    self.content = dict(zip(_SOURCES, (scale * content[0], scale * mixed)))
    self.mean = {name: _MEAN * _normal((1, dim), 'mean', seed, name)[0]
                 for name in _SOURCES}

  def strengths(self, taken: pictures.Pictures,
                source: types.Source) -> Float[np.ndarray, 'n c']:
    """How strongly each picture shows each of CUES, 0 where it does not."""
    rng = randomness.generator('shown', self._seed, taken.stream)
    shape = (len(taken), 2 * len(settings.CUES) + 1)
    chance = rng.random(shape)  # Row by row: fewer rows are the first of more.
    shown, relative, sees = np.split(
        chance, [len(settings.CUES), 2 * len(settings.CUES)], 1)
    often = np.asarray([getattr(cue, f'shown_{source}')
                        for cue in settings.CUES])
    strength = np.asarray([cue.strength for cue in settings.CUES])
    blind = self._habits.blind if source == 'photo' else 0.0
    visible = (shown < often[None]) & (sees >= blind)
    visible[:, settings.SIGHT] &= taken.sights >= 0
    return np.where(visible, strength[None] * (
        _LEAST + (_MOST - _LEAST) * relative), 0)

  def of_cues(self, strengths: Float[np.ndarray, '*n c'],
              values: Float[np.ndarray, '*n k'],
              source: types.Source) -> Float[np.ndarray, '*n d']:
    """The part of a feature that cues of these values make."""
    each = np.repeat(strengths, _NUM_DIMS, axis=-1)
    return (each * values).astype(np.float32) @ self.directions[source]

  def features(self, taken: pictures.Pictures,
               source: types.Source) -> Float[np.ndarray, 'n d']:
    """Features of the pictures, float16, not normalised."""
    habits, num = self._habits, len(taken)
    values = self._cues.at(taken.spot_deg, taken.sights)
    signal = self.of_cues(self.strengths(taken, source), values, source)
    cameras = self._owned('camera', taken.authors, self.dim, taken)
    moods = self._owned('visit', taken.visits, settings.NUM_CONTENT, taken)
    burst = habits.burst if source == 'photo' else 0.0
    own = _normal((num, settings.NUM_CONTENT + self.dim), 'picture',
                  self._seed, taken.stream)
    content, noise = np.split(own, [settings.NUM_CONTENT], 1)
    content = np.sqrt(burst) * moods + np.sqrt(1 - burst) * content
    spread = getattr(habits, f'content_{source}')
    return (signal + spread * content.astype(np.float32)
            @ self.content[source] + habits.camera * cameras
            + habits.noise * noise + self.mean[source][None]).astype(np.float16)

  def covariance(self, source: types.Source) -> Float[np.ndarray, 'd d']:
    """Of all in a feature that says nothing of the place."""
    habits, content = self._habits, self.content[source].astype(np.float64)
    content = content * getattr(habits, f'content_{source}')
    return (content.T @ content
            + (habits.camera**2 + habits.noise**2) * np.eye(self.dim))

  def _owned(self, kind: str, numbers: np.ndarray, dim: int,
             taken: pictures.Pictures) -> Float[np.ndarray, 'n d']:
    """What pictures of one author or visit have in common, by its number."""
    table = _normal((int(numbers.max(initial=0)) + 1, dim), kind, self._seed,
                    taken.owner_stream)
    return table[numbers]


def _normal(shape: tuple[int, int],
            *counters: randomness.Counter) -> Float[np.ndarray, 'n d']:
  """Normal numbers row by row: fewer rows are the first of more."""
  return randomness.generator(*counters).standard_normal(shape, np.float32)
