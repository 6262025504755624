"""How well a place fits a photo, in numbers: what a claim is judged by.

  beyond       chance that the answer is at least as far off as the place is
  mass_R       probability within R km of the place
  CHANNEL_R    odds of the gallery rows within R km against those of all rows
  location     the place itself, by its embedding, against the places of all
  region       its cell of the region prior, against the cells of all

All are logarithms; 0 says nothing for or against.
"""

import dataclasses

from jaxtyping import Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import calibration as calibrations

RADII_KM = (25, 200, 750, 2500)
# Beside the searches: what the region prior says of a row's place.
CHANNELS = (*types.CHANNELS, 'region')
NAMES = ('beyond', *(f'mass_{km}km' for km in RADII_KM),
         *(f'{name}_{km}km' for name in CHANNELS for km in RADII_KM),
         'location', 'region')
# A probability of 0 has no logarithm.
_LEAST = 1e-3


@dataclasses.dataclass(frozen=True)
class Parts:
  """What speaks for each place of each photo, before calibration.

  Attributes:
    dist_km: from the photo's answer to the place, [b, m].
    mass: share of the probability within RADII_KM of the place, [b, m, 4].
    alike: of CHANNELS within RADII_KM: mean odds of these rows against those
      of all, a logarithm, [b, m, 4, 4].
    there: the same of the place itself, by location and region, [b, m, 2].
  """

  dist_km: Float[np.ndarray, 'b m']
  mass: Float[np.ndarray, 'b m 4']
  alike: Float[np.ndarray, 'b m 4 4']
  there: Float[np.ndarray, 'b m 2']

  def columns(self, chances: Float[np.ndarray, 'b 5']) -> Float[
      np.ndarray, 'b m c']:
    """NAMES; chances: P(error < km) of each photo's answer."""
    beyond = np.stack([
        np.interp(np.log(np.maximum(dist_km, 1e-9)), *calibrations.curve(some))
        for some, dist_km in zip(chances, self.dist_km)]) if len(
            chances) else self.dist_km
    sure = chances[:, -1, None, None]
    mass = np.log(sure * self.mass + 1 - sure + _LEAST)
    return np.concatenate([
        np.log(1 - beyond + _LEAST)[..., None], mass,
        self.alike.reshape(*self.alike.shape[:2], -1), self.there], axis=-1)
