"""The latent look of a place: what its pictures have in common.

  look = smooth fields at seven scales + traits of the country + climate

A field is a sum of random waves on the unit sphere, so that two places close
to each other, measured in its wavelength, look alike.
"""

from collections.abc import Mapping
import types as pytypes

from input_pipeline.synthetic_earth import randomness
from jaxtyping import Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.geo import coords

# What each dimension of a look drives in a picture.
DIMS = (
    'sky_hue', 'haze', 'ground_hue', 'ground_saturation', 'ground_value',
    'plant_hue', 'plant_value', 'plant_density', 'plant_shape', 'wall_hue',
    'wall_saturation', 'wall_value', 'trim_hue', 'roof_hue', 'roof_pitch',
    'storeys', 'window_density', 'window_shape', 'road_value', 'mark_hue',
    'mark_dash', 'sign_hue', 'sign_shape', 'poles', 'grain', 'hill_height',
    'hill_hue', 'warmth')
NUM_DIMS = len(DIMS)

# Wavelength in km and strength of the field at each scale.
_SCALES = ((12000.0, 0.8), (4000.0, 0.7), (1200.0, 0.55), (400.0, 0.5),
           (120.0, 0.4), (40.0, 0.35), (20.0, 0.3))
_NUM_WAVES = 24
_COUNTRY_STRENGTH = 0.5
_CHUNK = 1 << 16
# What heat adds to a dimension, from -1 at the poles to 1 at the equator.
_CLIMATE: Mapping[str, float] = pytypes.MappingProxyType({
    'ground_saturation': 0.6, 'plant_hue': -0.5, 'plant_density': 0.5,
    'plant_shape': 1.0, 'wall_value': 0.4, 'roof_pitch': -1.0, 'warmth': 0.7,
    'haze': 0.3, 'hill_hue': 0.4})
_EARTH_RADIUS_KM = 6371.0


class Fields:
  """The looks of one seeded world."""

  def __init__(self, seed: int):
    self._seed = seed
    rng = randomness.generator('fields', seed)
    shape = (len(_SCALES), _NUM_WAVES)
    turns = np.asarray([_EARTH_RADIUS_KM / km for km, _ in _SCALES])
    waves = rng.standard_normal((*shape, 3)) * 2 * np.pi * turns[:, None, None]
    self._waves = waves.reshape(-1, 3)
    self._phases = rng.random(len(self._waves)) * 2 * np.pi
    strength = np.asarray([s for _, s in _SCALES])[:, None, None]
    emphasis = 0.4 + 1.2 * rng.random((len(_SCALES), 1, NUM_DIMS))
    mix = rng.standard_normal((*shape, NUM_DIMS))
    mix = mix * strength * emphasis * np.sqrt(2 / _NUM_WAVES)
    self._mix = mix.reshape(-1, NUM_DIMS)
    self._climate = np.asarray([_CLIMATE.get(name, 0.0) for name in DIMS])

  def look(self, latlng_deg: types.LatLng,
           country: types.Strings) -> Float[np.ndarray, 'n l']:
    """Looks of places [n, 2] in countries [n]; a dimension has std 1.4."""
    looks = [
        self._look(latlng_deg[start:start + _CHUNK],
                   country[start:start + _CHUNK])
        for start in range(0, len(latlng_deg), _CHUNK)]
    return np.concatenate(looks or [np.zeros((0, NUM_DIMS))])

  def _look(self, latlng_deg: np.ndarray, country: np.ndarray) -> np.ndarray:
    xyz = coords.to_xyz(latlng_deg)
    waves = np.cos(xyz @ self._waves.T + self._phases) @ self._mix
    heat = 1 - 2 * np.abs(xyz[:, 2:])
    return waves + self._traits(country) + heat * self._climate

  def _traits(self, country: np.ndarray) -> np.ndarray:
    names, rows = np.unique(country, return_inverse=True)
    dims = np.arange(NUM_DIMS)
    traits = np.stack([
        randomness.bell('country', self._seed, str(name), dims)
        for name in names])
    return _COUNTRY_STRENGTH * traits[rows]
