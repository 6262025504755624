"""Kilometres between places, by every definition the field's papers use.

Distances here are symmetric up to rounding and 0 between two names of one
place (+180 and -180; any longitudes at a pole).
"""

from collections.abc import Callable, Mapping
import functools
import types as python_types

from geographiclib.geodesic import Geodesic
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
import numpy as np
from pinpoint_jax.geo import coords

# IUGG mean radius.
EARTH_RADIUS_KM = 6371.0088

# WGS84: equatorial radius and flattening.
_A_KM = 6378.137
_F = 1 / 298.257223563
_B_KM = _A_KM * (1 - _F)
# Vincenty's iteration stalls near the antipode; Karney's method takes over
# beyond this angle, 3 in 10 000 of random pairs.
_ANTIPODAL_RAD = np.deg2rad(178.)
_MAX_ITERATIONS = 20

# arcsin(x) = x + x³·P(x²) up to x = 1/2, highest power first (Cephes' asinf).
_ARCSIN = (4.2163199048e-2, 2.4181311049e-2, 4.5470025998e-2, 7.4953002686e-2,
           1.6666752422e-1)

# Pairs computed at a time: temporaries stay in the cache.
_CHUNK = 1 << 15

_Distances = Float[np.ndarray, '...']
_Pairs = Float[np.ndarray, '*#n 2']


def haversine_km(
    a: _Pairs, b: _Pairs, radius_km: float | int = EARTH_RADIUS_KM,
) -> _Distances:
  """Great-circle km between places [*n, 2] and [*n, 2], broadcast, float64.

  Relative error below 1e-9 from nanometres to antipodes: differences are
  taken in degrees, where they are exact, and the arc comes from both its own
  haversine and that of the way to the antipode.
  """
  return _in_chunks(lambda p, q: radius_km * _angle_rad(p, q), a, b)


def _angle_rad(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  lat_a, lat_b = a[..., 0], b[..., 0]
  half_lng = np.deg2rad(_lng_difference(a[..., 1], b[..., 1])) / 2
  cosines = coords.cos_lat(lat_a) * coords.cos_lat(lat_b)
  near = (np.sin(np.deg2rad(lat_a - lat_b) / 2) ** 2
          + cosines * np.sin(half_lng) ** 2)
  far = (np.sin(np.deg2rad(lat_a + lat_b) / 2) ** 2
         + cosines * np.cos(half_lng) ** 2)
  return 2 * np.arctan2(np.sqrt(near), np.sqrt(far))


def _lng_difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  """a - b the shorter way round, without rounding where it is small."""
  plain = a - b
  # Each minus its own ±180 is exact near the antimeridian; plain ∓ 360 is not.
  across = (a - np.copysign(180., a)) - (b - np.copysign(180., b))
  return np.where(np.abs(plain) > 180., across, plain)


def km_to_chord(dist_km: float | int) -> float:
  """Straight line between unit vectors so far apart on the sphere."""
  return 2 * np.sin(np.minimum(dist_km / EARTH_RADIUS_KM, np.pi) / 2)


def chord_to_km(
    chord: Float[np.ndarray, '*n'] | Float[Array, '*n'],
) -> Float[np.ndarray, '*n'] | Float[Array, '*n']:
  """Great-circle km between unit vectors, from the straight line.

  On the device float32, to a metre: chords must come from differences of
  coordinates, since 1 − cosine is blind below 2 km.
  """
  if isinstance(chord, jax.Array):
    return 2 * EARTH_RADIUS_KM * _arcsin(jnp.minimum(chord / 2, 1.))
  return 2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(chord / 2, 1.))


def _arcsin(x: Float[Array, '*n']) -> Float[Array, '*n']:
  """arcsin of 0 to 1, as exact as XLA's own and up to 30 times as fast."""
  near = x <= .5
  square = jnp.where(near, x * x, (1 - x) / 2)
  small = jnp.where(near, x, jnp.sqrt(square))
  sides = functools.reduce(lambda total, c: total * square + c, _ARCSIN)
  angle = small + small * square * sides
  return jnp.where(near, angle, jnp.pi / 2 - 2 * angle)


def geodesic_km(a: _Pairs, b: _Pairs) -> _Distances:
  """WGS84 km between places [*n, 2] and [*n, 2], broadcast, float64.

  Vincenty's inverse; Karney's (geographiclib) near the antipode and wherever
  Vincenty does not converge. Agrees with geographiclib to 1e-6 relative or
  1e-8 m absolute, whichever is larger: the absolute bound is what rounding of
  reduced latitudes leaves, and rules below a centimetre.
  """
  return _in_chunks(_geodesic_chunk, a, b)


def _geodesic_chunk(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  shape = a.shape[:-1]
  a, b = a.reshape(-1, 2), b.reshape(-1, 2)
  dist_km, converged = _vincenty(a, b)
  for row in np.flatnonzero(~converged):
    dist_km[row] = Geodesic.WGS84.Inverse(
        *a[row], *b[row], outmask=Geodesic.DISTANCE)['s12'] / 1000
  return dist_km.reshape(shape)


def _vincenty(
    a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Distances [n] and which of them to trust, bool [n]."""
  lng = np.deg2rad(_lng_difference(b[:, 1], a[:, 1]))
  ends = np.stack([*_reduced(a[:, 0]), *_reduced(b[:, 0]), lng])
  dist_km, converged = np.full(len(a), np.nan), np.zeros(len(a), bool)
  rows = np.flatnonzero(_angle_rad(a, b) < _ANTIPODAL_RAD)
  ends, lam = ends[:, rows], lng[rows]
  for _ in range(_MAX_ITERATIONS):
    new_lam, dist = _vincenty_step(ends, lam)
    done = np.abs(new_lam - lam) <= 1e-12 * np.abs(lam)
    dist_km[rows[done]], converged[rows[done]] = dist[done], True
    rows, ends, lam = rows[~done], ends[:, ~done], new_lam[~done]
    if not len(rows):
      break
  return dist_km, converged


def _reduced(lat_deg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Sine and cosine of the reduced latitude, [n] each."""
  sin, cos = (1 - _F) * np.sin(np.deg2rad(lat_deg)), coords.cos_lat(lat_deg)
  norm = np.hypot(sin, cos)
  return sin / norm, cos / norm


def _vincenty_step(
    ends: np.ndarray, lam: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Next longitude on the auxiliary sphere and the km of this one, [n] each.

  Vincenty (1975), Survey Review 23 (176), equations 13 to 18 and 3 to 6.
  """
  sin_a, cos_a, sin_b, cos_b, lng = ends
  cos_lam = np.cos(lam)
  across = cos_b * np.sin(lam)
  sin_sigma = np.hypot(across, cos_a * sin_b - sin_a * cos_b * cos_lam)
  cos_sigma = sin_a * sin_b + cos_a * cos_b * cos_lam
  sigma = np.arctan2(sin_sigma, cos_sigma)
  sin_alpha = _divide(cos_a * across, sin_sigma)
  cos2_alpha = np.maximum(0., 1 - sin_alpha ** 2)
  # cos(2 sigma_m); on the equator cos2_alpha is 0 and so is its whole term.
  mid = cos_sigma - _divide(2 * sin_a * sin_b, cos2_alpha)
  c = _F / 16 * cos2_alpha * (4 + _F * (4 - 3 * cos2_alpha))
  series = sigma + c * sin_sigma * (mid + c * cos_sigma * (2 * mid ** 2 - 1))
  new_lam = lng + (1 - c) * _F * sin_alpha * series
  return new_lam, _arc_km(sigma, sin_sigma, cos_sigma, mid, cos2_alpha)


def _arc_km(
    sigma: np.ndarray, sin_sigma: np.ndarray, cos_sigma: np.ndarray,
    mid: np.ndarray, cos2_alpha: np.ndarray) -> np.ndarray:
  u2 = cos2_alpha * (_A_KM ** 2 / _B_KM ** 2 - 1)
  scale = 1 + u2 / 16384 * (4096 + u2 * (-768 + u2 * (320 - 175 * u2)))
  b = u2 / 1024 * (256 + u2 * (-128 + u2 * (74 - 47 * u2)))
  correction = b * sin_sigma * (mid + b / 4 * (
      cos_sigma * (2 * mid ** 2 - 1)
      - b / 6 * mid * (4 * sin_sigma ** 2 - 3) * (4 * mid ** 2 - 3)))
  return _B_KM * scale * (sigma - correction)


def _divide(x: np.ndarray, y: np.ndarray) -> np.ndarray:
  return np.divide(x, y, out=np.zeros_like(x), where=y != 0)


def _in_chunks(
    distance: Callable[[np.ndarray, np.ndarray], np.ndarray],
    a: np.ndarray, b: np.ndarray) -> np.ndarray:
  a, b = np.broadcast_arrays(
      np.asarray(a, np.float64), np.asarray(b, np.float64))
  out = np.empty(a.shape[:-1])
  # A leading axis, so that numpy makes no scalar of a single pair.
  _fill(distance, a[None], b[None], out[None])
  return out


def _fill(distance, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
  """Halves the longest axis until a piece fits; broadcast views stay views."""
  if out.size <= _CHUNK:
    out[...] = distance(a, b)
    return
  axis = int(np.argmax(out.shape))
  half = out.shape[axis] // 2
  for part in (slice(None, half), slice(half, None)):
    at = (slice(None),) * axis + (part,)
    _fill(distance, a[at], b[at], out[at])


# The kilometres of the literature, by name.
DISTANCES: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = (
    python_types.MappingProxyType({
        'haversine': haversine_km,
        # OSV-5M, PLONK.
        'haversine_6371': functools.partial(haversine_km, radius_km=6371.),
        # PIGEON.
        'haversine_6378': functools.partial(haversine_km, radius_km=6378.137),
        'geodesic': geodesic_km,
    }))


def distance_fn(
    name: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
  """The distance called `name`: (places [*n, 2], places [*n, 2]) -> km [*n]."""
  if name not in DISTANCES:
    raise ValueError(
        f'distance {name!r} is unknown; choose from {sorted(DISTANCES)}')
  return DISTANCES[name]
