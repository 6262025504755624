"""How likely every place on Earth is for one photo, in plain values."""

from collections.abc import Sequence
import dataclasses

from jaxtyping import Float
import numpy as np
from pinpoint_jax.geo import distance, kernels
import scipy

# Places less far apart are one area, of which the mass is given.
AREA_KM = 200.
NUM_AREAS = 5
# Areas of less mass are not worth a line.
_LEAST_MASS = .01


@dataclasses.dataclass(frozen=True)
class Area:
  """A circle and the probability that the photo was taken in it."""

  latlng_deg: tuple[float, float]
  radius_km: float
  mass: float


@dataclasses.dataclass(frozen=True)
class Density:
  """Kernels around places, and everywhere alike.

  Attributes:
    latlng_deg: middles of the kernels.
    width_km: of each; geo/kernels.py says what a width is.
    mass: of each.
    everywhere: what all of the Earth has in equal parts; all masses sum to 1.
  """

  latlng_deg: Float[np.ndarray, 'm 2']
  width_km: Float[np.ndarray, 'm']
  mass: Float[np.ndarray, 'm']
  everywhere: float

  def __call__(self, latlng_deg: Sequence[float | int]) -> float:
    """The density at one place, per km²."""
    return float(np.exp(self.log_per_km2(
        np.asarray([latlng_deg], np.float64))[0]))

  def log_per_km2(self, latlng_deg: Float[np.ndarray, 'n 2']) -> Float[
      np.ndarray, 'n']:
    """log of the density at places, per km²."""
    dist_km = distance.haversine_km(latlng_deg[:, None], self.latlng_deg[None])
    with np.errstate(divide='ignore'):
      logs = np.log(self.mass) + kernels.log_per_km2(
          dist_km, self.width_km[None])
    floor = np.log(self.everywhere / kernels.EARTH_KM2)
    return np.logaddexp(scipy.special.logsumexp(logs, axis=1), floor)

  def mass_within(self, latlng_deg: tuple[float, float],
                  radius_km: float | int) -> float:
    """Probability within a circle, its kernels taken as if on a plane."""
    return float(self._held(latlng_deg, radius_km).sum()
                 + self.everywhere * _share_of_earth(radius_km))

  def areas(self, num: int = NUM_AREAS) -> tuple[Area, ...]:
    """The likeliest circles of AREA_KM around kernels, apart from others."""
    order = np.argsort(-self.mass, kind='stable')
    middles: list[np.ndarray] = []
    for i in order[:20 * num].tolist():
      place = self.latlng_deg[i]
      if not middles or (distance.haversine_km(
          place, np.asarray(middles)) >= AREA_KM).all():
        middles.append(place)
    found = [Area((float(lat), float(lng)), AREA_KM, self.mass_within(
        (float(lat), float(lng)), AREA_KM)) for lat, lng in middles]
    found.sort(key=lambda area: -area.mass)
    return tuple(area for area in found[:num] if area.mass >= _LEAST_MASS)

  def _held(self, latlng_deg: tuple[float, float],
            radius_km: float | int) -> Float[np.ndarray, 'm']:
    """Of the mass of each kernel, what lies within a circle."""
    dist_km = distance.haversine_km(np.asarray(latlng_deg), self.latlng_deg)
    # That of scipy.stats is the same; to import it would take a third of a
    # second of every start.
    return self.mass * scipy.special.chndtr((radius_km / self.width_km)**2, 2,
                                      (dist_km / self.width_km)**2)


def _share_of_earth(radius_km: float | int) -> float:
  return float(np.sin(radius_km / distance.EARTH_RADIUS_KM / 2)**2)
