"""Place to cues: what a picture taken there could show of it.

  cue of a distance  ─ 32 random waves on the sphere, as long as that distance
  cue of a country, town or sight ─ a row of a table

All are multiples of 1/1024. Waves are rounded to whole numbers before they are
summed, so that no order of a sum and no fused operation can change a bit.
"""

import dataclasses
import math

from input_pipeline.feature_earth import (
  exact,
  geography,
  randomness,
  settings,
)
from jaxtyping import Float, Int
import numpy as np

_NUM_WAVES = 32
_EARTH_RADIUS_KM = 6371.0088
_STEPS = 1024.0
_WAVE_STEPS = 4096.0


@dataclasses.dataclass(frozen=True)
class _Waves:
  """Turns per radius [w, 3], phases in turns [w] and whole weights [w, d]."""

  turns: Float[np.ndarray, 'w 3']
  phases: Float[np.ndarray, 'w']
  mix: Float[np.ndarray, 'w d']

  def at(self, xyz: Float[np.ndarray, 'n 3']) -> Float[np.ndarray, 'n d']:
    """The cue at places on the unit sphere."""
    angle = self.phases[None] + xyz[:, :1] * self.turns[:, 0][None]
    for axis in (1, 2):
      angle = angle + xyz[:, axis, None] * self.turns[:, axis][None]
    waves = np.rint(exact.cos_turns(angle) * _WAVE_STEPS)
    return np.rint(waves @ self.mix / _WAVE_STEPS) / _STEPS


class Cues:
  """The cues of one seeded world."""

  def __init__(self, seed: int, earth: geography.Geography):
    self._earth = earth
    self._waves, self._tables = {}, {}
    names, self._country = np.unique(earth.countries, return_inverse=True)
    num_rows = {'country': len(names), 'town': len(earth.countries),
                'sight': len(earth.sight_deg)}
    for cue in settings.CUES:
      if isinstance(cue.scale, str):
        self._tables[cue.name] = _normal(
            (num_rows[cue.scale], cue.num_dims), cue.name, seed)
      else:
        self._waves[cue.name] = _waves(seed, cue)

  def at(self, latlng_deg: Float[np.ndarray, 'n 2'],
         sights: Int[np.ndarray, 'n']) -> Float[np.ndarray, 'n c']:
    """The cues of places side by side; a sight's are 0 where it is -1."""
    town = self._earth.nearest_town(latlng_deg)
    xyz = exact.unit_xyz(latlng_deg)
    rows = {'country': self._country[town], 'town': town}
    parts = []
    for cue in settings.CUES:
      if cue.scale == 'sight':
        parts.append(self.of_sights(sights))
      elif isinstance(cue.scale, str):
        parts.append(self._tables[cue.name][rows[cue.scale]])
      else:
        parts.append(self._waves[cue.name].at(xyz))
    return np.concatenate(parts, 1)

  def of_sights(self, sights: Int[np.ndarray, '*n']) -> Float[
      np.ndarray, '*n s']:
    """The cue of each sight, 0 for -1."""
    return np.where((sights >= 0)[..., None],
                    self._tables['sight'][np.maximum(sights, 0)], 0)


def _normal(shape: tuple[int, int],
            *counters: randomness.Counter) -> Float[np.ndarray, 'n d']:
  """Mean 0, variance 1, in steps of 1/1024."""
  rows, dims = (np.arange(length) for length in shape)
  values = randomness.bell(*counters, rows[:, None], dims[None])
  return np.rint(values * _STEPS) / _STEPS


def _waves(seed: int, cue: settings.Cue) -> _Waves:
  turns = _normal((_NUM_WAVES, 3), 'turns', cue.name, seed)
  mix = _normal((_NUM_WAVES, cue.num_dims), 'mix', cue.name, seed)
  phases = randomness.uniform('phase', cue.name, seed, np.arange(_NUM_WAVES))
  return _Waves(turns * (_EARTH_RADIUS_KM / (1.5 * cue.scale)), phases,
                np.rint(mix * _STEPS * math.sqrt(2 / _NUM_WAVES)))
