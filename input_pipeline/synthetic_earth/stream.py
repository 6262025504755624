"""Features of millions of photos without rendering one.

  feature = unit(look·P + content·Q + noise)

What a photo shows (content) is twice as strong as what betrays its place
(look). Rows are made in fixed blocks, so they do not depend on the chunking.
"""

from collections.abc import Iterator
import dataclasses

from input_pipeline.synthetic_earth import fields, randomness, sizes
from input_pipeline.synthetic_earth import world as worlds
from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types

_BLOCK = 4096
_NUM_CONTENT = 32
_CONTENT_STRENGTH = 2.0
_NOISE_STRENGTH = 0.3
_LOOK_STD = 1.4  # Of one dimension of a look, over the Earth.
_PHOTOS_PER_AUTHOR = 8
_SPREAD_KM = {'photo': 0.15, 'street': 5.0}
# One city of its own is the least that a backbone region can have.
_WORLD = sizes.Size(20_000, 4000, 1, 0, 0, 0, 0)


@dataclasses.dataclass(frozen=True)
class FeatureTable:
  """Photos with their features, row by row: float32 [n, d]."""

  photos: types.Photos
  features: Float[np.ndarray, 'n d']


def stream_features(
    num_rows: int, dim: int, seed: int, chunk_rows: int,
    source: types.Source = 'photo') -> Iterator[FeatureTable]:
  """`num_rows` rows of unit features [chunk_rows, dim], chunk by chunk."""
  if source not in types.SOURCES:
    raise ValueError(f'source {source!r}: choices are {types.SOURCES}')
  if min(dim, chunk_rows) < 1:
    raise ValueError(f'dim {dim} and chunk_rows {chunk_rows} must be positive')
  world = worlds.World(seed, _WORLD)
  waiting, start, block = [], 0, 0
  while start < num_rows:
    end = min(start + chunk_rows, num_rows)
    while block * _BLOCK < end:
      waiting.append(_block(world, source, dim, block))
      block += 1
    first = block * _BLOCK - sum(len(t.photos) for t in waiting)
    joined = _joined(waiting)
    yield _rows(joined, np.arange(start - first, end - first))
    waiting = [_rows(joined, np.arange(end - first, len(joined.photos)))]
    start = end


def _block(world: worlds.World, source: types.Source, dim: int,
           block: int) -> FeatureTable:
  rows = np.arange(block * _BLOCK, (block + 1) * _BLOCK)
  city, latlng_deg = _where(world, source, rows)
  look = world.look(latlng_deg, world.cities.countries[city])
  features = _features(look, world.seed, source, dim, block)
  number = [f'{row:010d}' for row in rows]
  owner = np.asarray([f'{source}-{row // _PHOTOS_PER_AUTHOR:09d}'
                      for row in rows], np.str_)
  unknown = np.full(len(rows), '', np.str_)
  authors, sequences = (owner, unknown) if source == 'photo' else (
      unknown, owner)
  ids = np.asarray([f'{source[0]}{n}' for n in number], np.str_)
  return FeatureTable(
      types.Photos(ids, latlng_deg, authors, sequences, source), features)


def _where(world: worlds.World, source: types.Source,
           rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Row of the city table and place of each row; an author stays put."""
  key, region = ('stream', source, world.seed), world.main
  owner = rows // _PHOTOS_PER_AUTHOR
  if source == 'photo':
    sight = region.draw_landmark('sight', *key, owner)
    city = region.landmark_city[sight]
    centre = region.landmark_latlng_deg[sight]
  else:
    city = randomness.below(len(region.cities), 'city', *key, owner)
    centre = region.latlng_deg[city]
  east, north = (_SPREAD_KM[source] * randomness.bell('spot', axis, *key, rows)
                 for axis in ('east', 'north'))
  return region.cities[city], worlds.moved(centre, east, north)


def _features(look: Float[np.ndarray, 'n l'], seed: int, source: types.Source,
              dim: int, block: int) -> Float[np.ndarray, 'n d']:
  shared = randomness.generator('projection', seed, dim)
  own = randomness.generator('projection', seed, source, dim)
  rng = randomness.generator('content', seed, source, block)
  p = shared.standard_normal((fields.NUM_DIMS, dim), np.float32)
  q = own.standard_normal((_NUM_CONTENT, dim), np.float32)
  content = rng.standard_normal((len(look), _NUM_CONTENT), np.float32)
  noise = rng.standard_normal((len(look), dim), np.float32)
  scale = np.float32(_CONTENT_STRENGTH * _LOOK_STD * np.sqrt(
      fields.NUM_DIMS / _NUM_CONTENT))
  features = (look.astype(np.float32) @ p + scale * content @ q
              + np.float32(_NOISE_STRENGTH * np.sqrt(fields.NUM_DIMS)) * noise)
  return features / np.linalg.norm(features, axis=1, keepdims=True)


def _joined(parts: list[FeatureTable]) -> FeatureTable:
  photos = [part.photos for part in parts]
  columns = ('ids', 'latlng_deg', 'authors', 'sequences')
  joined = types.Photos(
      *(np.concatenate([getattr(p, name) for p in photos]) for name in columns),
      photos[0].source)
  return FeatureTable(
      joined, np.concatenate([part.features for part in parts]))


def _rows(table: FeatureTable,
          rows: Int[np.ndarray, 'm']) -> FeatureTable:
  return FeatureTable(table.photos.take(rows), table.features[rows])
