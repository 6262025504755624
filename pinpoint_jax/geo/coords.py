"""Places as degrees and as unit vectors; the check every table passes first.

Order is always (latitude, longitude); xyz has x through (0, 0), z north.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float
import numpy as np
from pinpoint_jax import types

_NAMED_ROWS = 5
# Below this share of the total weight a mean's direction is rounding noise.
_VANISHING = 1e-12

# numpy's own scalars are floats and no arrays.
_Degrees = Float[np.ndarray, '*n'] | float


class BadCoordinates(ValueError):
  """Rows of a coordinate table that are invalid coordinates."""


def cos_lat(lat_deg: _Degrees) -> _Degrees:
  """Cosine of latitude [*n], exactly 0 at the poles, never negative."""
  return np.sin(np.deg2rad(90. - np.abs(lat_deg)))


def wrap_lng_deg(lng: _Degrees) -> _Degrees:
  """Longitudes [*n] in [-180, 180); those inside come back bit for bit."""
  lng = np.asarray(lng, np.float64)
  wrapped = np.mod(lng + 180., 360.) - 180.
  # mod may round up to 360 itself, just west of -180.
  wrapped = np.where(wrapped >= 180., -180., wrapped)
  return np.where((lng >= -180.) & (lng < 180.), lng, wrapped)


def to_xyz(latlng_deg: types.LatLng) -> Float[np.ndarray, '*n 3']:
  """Degrees [*n, 2] to unit vectors [*n, 3], float64.

  Every name of one place (+180 and -180; any longitude at a pole) gives the
  same vector.
  """
  lat_deg, lng_deg = np.moveaxis(np.asarray(latlng_deg, np.float64), -1, 0)
  lng_rad, cos = np.deg2rad(wrap_lng_deg(lng_deg)), cos_lat(lat_deg)
  # + 0. turns -0. into 0.: equal vectors are then equal bytes.
  return np.stack([cos * np.cos(lng_rad), cos * np.sin(lng_rad),
                   np.sin(np.deg2rad(lat_deg))], axis=-1) + 0.


def to_latlng_deg(
    xyz: Float[np.ndarray, '*n 3']) -> Float[np.ndarray, '*n 2']:
  """Vectors [*n, 3] of any length but 0 to degrees [*n, 2], lng < 180."""
  x, y, z = np.moveaxis(np.asarray(xyz, np.float64), -1, 0)
  across = np.hypot(x, y)
  if not np.all((across > 0) | (np.abs(z) > 0)):
    raise ValueError('xyz holds a zero or NaN vector, which has no direction')
  lng_deg = np.rad2deg(np.arctan2(y, x))
  lat_deg = np.rad2deg(np.arctan2(z, across))
  return np.stack([lat_deg, wrap_lng_deg(lng_deg)], axis=-1)


def to_latlng_deg_jnp(xyz: Float[Array, '*n 3']) -> Float[Array, '*n 2']:
  """Twin of `to_latlng_deg` on the device: [*n, 3] to float32 [*n, 2]."""
  x, y, z = jnp.moveaxis(jnp.asarray(xyz, jnp.float32), -1, 0)
  lng_deg = jnp.rad2deg(jnp.arctan2(y, x))
  lng_deg = jnp.where(lng_deg >= 180., -180., lng_deg)
  return jnp.stack(
      [jnp.rad2deg(jnp.arctan2(z, jnp.hypot(x, y))), lng_deg], axis=-1)


def spherical_mean(
    latlng_deg: Float[np.ndarray, 'n 2'],
    weights: Float[np.ndarray, 'n'] | None = None,
) -> Float[np.ndarray, '2']:
  """Direction of the weighted mean vector of places [n, 2], as degrees [2].

  Raises ValueError where the mean has no direction: no rows, weights that are
  negative or sum to 0, or places that balance out, as antipodes do.
  """
  if weights is None:
    weights = np.ones(len(latlng_deg))
  if np.any(weights < 0) or not np.all(np.isfinite(weights)):
    raise ValueError(f'weights must be finite and at least 0: {weights}')
  total = np.asarray(weights, np.float64) @ to_xyz(latlng_deg)
  if not np.linalg.norm(total) > _VANISHING * np.sum(weights):
    raise ValueError(
        f'the mean of {len(latlng_deg)} places vanishes (none, weightless, or '
        'balanced around the globe): choose one of them instead')
  return to_latlng_deg(total)


def check_latlng_deg(
    latlng_deg: np.ndarray, where: str, allow_null_island: bool = False,
) -> None:
  """Raises BadCoordinates unless every row of [n, 2] is a place on Earth.

  `where` says which table it is. +180 and -180 are both accepted. (0, 0) is
  what failed geotagging writes, hence refused unless allowed.
  """
  latlng_deg = np.asarray(latlng_deg)
  if latlng_deg.ndim != 2 or latlng_deg.shape[1] != 2:
    raise BadCoordinates(
        f'{where}: coordinates have shape {latlng_deg.shape}, not [n, 2]')
  faults = _faults(latlng_deg, allow_null_island)
  if not faults:
    return
  lines = [_describe(latlng_deg, name, bad) for name, bad in faults.items()]
  if not _faults(latlng_deg[:, ::-1], allow_null_island):
    lines.append('read as (longitude, latitude) every row is valid: are the '
                 'columns swapped?')
  raise BadCoordinates(f'{where}: ' + '; '.join(lines))


def _faults(
    latlng_deg: np.ndarray, allow_null_island: bool) -> dict[str, np.ndarray]:
  lat, lng = latlng_deg[:, 0], latlng_deg[:, 1]
  faults = {
      'not finite': ~np.isfinite(latlng_deg).all(axis=1),
      'latitude outside [-90, 90]': np.isfinite(lat) & (np.abs(lat) > 90),
      'longitude outside [-180, 180]': np.isfinite(lng) & (np.abs(lng) > 180),
  }
  if not allow_null_island:
    faults['at (0, 0), null island (drop them, or allow_null_island=True)'] = (
        (lat == 0) & (lng == 0))
  return {name: bad for name, bad in faults.items() if bad.any()}


def _describe(latlng_deg: np.ndarray, name: str, bad: np.ndarray) -> str:
  rows = np.flatnonzero(bad)
  shown = ', '.join(str(row) for row in rows[:_NAMED_ROWS])
  more = ', …' if len(rows) > _NAMED_ROWS else ''
  first = ', '.join(str(value) for value in latlng_deg[rows[0]])
  return (f'{len(rows)} of {len(bad)} rows {name}: rows {shown}{more} '
          f'(the first is [{first}])')
