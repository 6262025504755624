"""Linear maps into a space where pictures of one place agree: no training.

  S = mean of f_i f_jᵀ over pairs i, j of near pictures by different people,
      of one source and of two          (what a place shows)
  Σ = covariance of each source's f     (all that pictures show)
  z = S_kᵀ Σ⁻¹ (f − mean)               (a picture of the place, foretold)

S_k has the k strongest directions of S between whitened features, so z is the
best linear forecast of another picture of that place from this one, and
directions of both sources share their numbers. Pairs by one person would also
agree on the camera.
"""

from collections.abc import Mapping
import dataclasses
import itertools

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax.geo import distance
from scipy import linalg, spatial


@dataclasses.dataclass(frozen=True)
class Settings:
  """Which pictures are pairs.

  Attributes:
    pair_km: pictures nearer than this show one place.
    neighbours: of each picture that pairs are made with, the nearest.
    most_rows: of each source that look for neighbours.
    shrinkage: added to every variance, as a share of their mean: more for
      fewer rows than some ten times the features' size.
  """

  pair_km: float = 10.0
  neighbours: int = 32
  most_rows: int = 24_000
  shrinkage: float = 0.1


@dataclasses.dataclass(frozen=True)
class Pictures:
  """Pictures of one source.

  Attributes:
    features: any float.
    xyz: unit vectors of their places.
    origin: a number for each author or sequence.
  """

  features: Float[np.ndarray, 'n f']
  xyz: Float[np.ndarray, 'n 3']
  origin: Int[np.ndarray, 'n']


@dataclasses.dataclass(frozen=True)
class Map:
  """z = f · kernel + bias, float32."""

  kernel: Float[np.ndarray, 'f d']
  bias: Float[np.ndarray, 'd']


def fit(pictures: Mapping[str, Pictures], dim: int,
        settings: Settings = Settings()) -> dict[str, Map]:
  """A map of each source's features to `dim` numbers."""
  centred, means, whiten = {}, {}, {}
  for source, rows in pictures.items():
    features = np.asarray(rows.features, np.float32)
    means[source] = features.mean(axis=0, dtype=np.float64)
    centred[source] = features - means[source].astype(np.float32)
    whiten[source] = _whitening(centred[source], settings.shrinkage)
  agree = {}
  for one, other in itertools.combinations_with_replacement(pictures, 2):
    products = _products(pictures, centred, one, other, settings)
    agree[one, other] = whiten[one].T @ products @ whiten[other]
    agree[other, one] = agree[one, other].T
  if not any(products.any() for products in agree.values()):
    raise ValueError(
        f'no two pictures by different people within {settings.pair_km} km of '
        f'each other: raise pair_km, or train without a linear map')
  joint = np.block([[agree[one, other] for other in pictures]
                    for one in pictures])
  strength, axes = linalg.eigh((joint + joint.T) / 2)
  # The strongest first; what two pictures do not share says nothing.
  strength, axes = strength[::-1][:dim], axes[:, ::-1][:, :dim]
  axes = axes * np.sqrt(np.maximum(strength, 0.))
  axes = np.pad(axes, ((0, 0), (0, dim - axes.shape[1])))
  return {source: _map(whiten[source] @ part, means[source])
          for source, part in zip(pictures, np.split(axes, np.cumsum(
              [len(means[source]) for source in pictures])[:-1]))}


def _map(kernel: Float[np.ndarray, 'f d'],
         mean: Float[np.ndarray, 'f']) -> Map:
  return Map(kernel.astype(np.float32), (-mean @ kernel).astype(np.float32))


def _whitening(centred: Float[np.ndarray, 'n f'],
               shrinkage: float) -> Float[np.ndarray, 'f f']:
  """Σ^(−1/2), symmetric."""
  covariance = centred.T @ centred / len(centred)
  variance, axes = linalg.eigh(covariance.astype(np.float64))
  added = max(shrinkage * variance.mean(), np.finfo(np.float32).tiny)
  return axes / np.sqrt(np.maximum(variance, 0.) + added) @ axes.T


def _products(pictures: Mapping[str, Pictures],
              centred: Mapping[str, Float[np.ndarray, '_ _']], one: str,
              other: str, settings: Settings) -> Float[np.ndarray, 'f g']:
  """Mean of f_i f_jᵀ over near pairs of two sources, or of one."""
  left, right = pictures[one], pictures[other]
  asking = np.unique(np.linspace(
      0, len(left.xyz) - 1, min(settings.most_rows, len(left.xyz))).astype(int))
  radius = settings.pair_km / distance.EARTH_RADIUS_KM
  near = spatial.cKDTree(right.xyz).query(
      left.xyz[asking], settings.neighbours, distance_upper_bound=radius)[1]
  total, count = np.zeros((centred[one].shape[1], centred[other].shape[1])), 0
  for column in near.reshape(len(asking), -1).T:
    there = column < len(right.xyz)
    i, j = asking[there], column[there]
    if one == other:  # Names of two sources say nothing of each other.
      apart = left.origin[i] != right.origin[j]
      i, j = i[apart], j[apart]
    total += centred[one][i].T @ centred[other][j]
    count += len(i)
  return total / max(count, 1)
