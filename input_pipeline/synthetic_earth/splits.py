"""The tables of who took what, where: every split of a world.

  gallery_photo ─ authors ─ query_photo_known     (as YFCC4k)
                            query_photo_new       (as IM2GPS3k)
  gallery_street ─ ≥ 1 km ─ query_street          (as OSV-5M)
  rerank_photo, rerank_street: as the last two, for rerankers to learn from
  backbone_photo, backbone_street: other cities, authors and sequences
"""

from collections.abc import Mapping
import dataclasses

from input_pipeline.synthetic_earth import drives, sizes, travellers
from input_pipeline.synthetic_earth import world as worlds
from jaxtyping import Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.geo import neighbors

SPLITS = ('gallery_photo', 'gallery_street', 'query_photo_known',
          'query_photo_new', 'query_street', 'rerank_photo', 'rerank_street',
          'backbone_photo', 'backbone_street')
# A little more than the promised 1 km, so that no rounding can break it.
_APART_KM = 1.05
_KNOWN_CITY_SHARE = 0.8
_QUERY_FRAMES = 4  # Of each drive, so that the queries see more places.


@dataclasses.dataclass(frozen=True)
class Split:
  """Photos and what only their renderer may know, row by row.

  Attributes:
    photos: the public table.
    cities: row of the city table each photo belongs to, [n].
    landmarks: the sight shown, -1 for none, [n].
    sessions: photos of one burst or drive share it, [n].
    serials: number of the photo within its source, [n].
    authors: number of the author or drive, [n].
    region: name of the region, which keeps random streams apart.
  """

  photos: types.Photos
  cities: Int[np.ndarray, 'n']
  landmarks: Int[np.ndarray, 'n']
  sessions: Int[np.ndarray, 'n']
  serials: Int[np.ndarray, 'n']
  authors: Int[np.ndarray, 'n']
  region: str

  def __len__(self) -> int:
    return len(self.photos)


def build(world: worlds.World, size: sizes.Size) -> Mapping[str, Split]:
  """Every split of the world, by name."""
  taken = travellers.travel(
      world.seed, world.main, 'known', size.num_gallery + 4 * size.num_queries)
  held_out = travellers.held_out(world.seed, taken, size.num_queries)
  gallery = np.setdiff1d(np.arange(len(taken)), held_out)[:size.num_gallery]
  # An author whose photos all fell to queries would not be in the gallery.
  known = held_out[np.isin(taken.authors[held_out], taken.authors[gallery])]
  splits = {
      'gallery_photo': _split(
          world, 'main', 'pg', taken.take(gallery), 'photo'),
      'query_photo_known': _split(
          world, 'main', 'pk', taken.take(known[:size.num_queries]), 'photo'),
      'query_photo_new': _strangers(world, 'new', 'pn', size.num_queries),
      'rerank_photo': _strangers(world, 'rerank', 'pr', size.num_rerank),
      'backbone_photo': _split(world, 'backbone', 'pb', travellers.travel(
          world.seed, world.backbone, 'backbone', size.num_backbone), 'photo'),
      'backbone_street': _split(world, 'backbone', 'sb', drives.drive(
          world.seed, world.backbone, 'backbone', size.num_backbone), 'street'),
  }
  return splits | _main_street(world, size, splits['gallery_photo'])


def _strangers(world: worlds.World, stream: str, prefix: str,
               num: int) -> Split:
  """Photos of authors of their own, a few of each."""
  taken = travellers.travel(world.seed, world.main, stream, 6 * num)
  few = travellers.few_per_author(taken)[:num]
  return _split(world, 'main', prefix, taken.take(few), 'photo')


def _main_street(world: worlds.World, size: sizes.Size,
                 photos: Split) -> dict[str, Split]:
  gallery = drives.drive(world.seed, world.main, 'gallery', size.num_gallery,
                         _KNOWN_CITY_SHARE)
  near = np.concatenate([gallery.latlng_deg, photos.photos.latlng_deg])
  near = neighbors.SphereIndex(near)
  return {'gallery_street': _split(world, 'main', 'sg', gallery, 'street'),
          'query_street': _apart(world, near, 'query', 'sq', size.num_queries),
          'rerank_street': _apart(world, near, 'rerank', 'sr',
                                  size.num_rerank)}


def _apart(world: worlds.World, near: neighbors.SphereIndex, stream: str,
           prefix: str, num: int) -> Split:
  """Frames of drives of their own, away from both galleries."""
  taken = drives.drive(world.seed, world.main, stream, 3 * num)
  neighbours = near.within_km(taken.latlng_deg, _APART_KM)
  apart = np.flatnonzero((np.diff(neighbours.offsets) == 0)
                         & (taken.serials % drives.FRAMES < _QUERY_FRAMES))
  return _split(world, 'main', prefix, taken.take(apart[:num]), 'street')


def _split(world: worlds.World, region: str, prefix: str,
           taken: travellers.Taken, source: types.Source) -> Split:
  """The split of what an author, or a drive, has taken."""
  ids = np.asarray([f'{prefix}{s:07d}' for s in taken.serials], np.str_)
  names = np.asarray([f'{taken.stream}-{a:06d}' for a in taken.authors],
                     np.str_)
  unknown = np.full(len(taken), '', np.str_)
  authors, sequences = ((names, unknown) if source == 'photo'
                        else (unknown, names))
  photos = types.Photos(ids, taken.latlng_deg, authors, sequences, source)
  cities = getattr(world, region).cities[taken.cities]
  return Split(photos, cities, taken.landmarks, taken.sessions, taken.serials,
               taken.authors, f'{region}/{taken.stream}')
