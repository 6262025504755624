"""Synthetic Earth as a data set: tables, labels, pictures, folders."""

from collections.abc import Mapping
import functools
import pathlib

from input_pipeline.synthetic_earth import (
  folders,
  rendering,
  shots,
  sizes,
  splits,
)
from input_pipeline.synthetic_earth import world as worlds
from pinpoint_jax import types
from pinpoint_jax.geo import places


class SyntheticEarth:
  """A seeded world; everything in it is a pure function of size and seed.

  Any photo can be rendered alone and in any order.

    dataset = SyntheticEarth('tiny', seed=0)
    photos = dataset.photos('query_street')
    file = dataset.jpeg('query_street', 3)
  """

  def __init__(self, size: str = 'tiny', seed: int = 0):
    self.size, self.seed = size, seed
    self.world = worlds.World(seed, sizes.size(size))

  def photos(self, split: str) -> types.Photos:
    """Who took what, where, [n]."""
    return self.table(split).photos

  def cities(self, split: str) -> places.Cities:
    """The city that each photo belongs to, [n].

    Near a border another city may be closer: these are the world's own labels.
    """
    return self.world.cities.take(self.table(split).cities)

  def image(self, split: str, row: int) -> types.Image:
    """The photo in that row before compression, [h, w, 3]."""
    return rendering.image(self.shot(split, row))

  def jpeg(self, split: str, row: int) -> bytes:
    """The JPEG file of the photo in that row, with EXIF GPS."""
    return rendering.jpeg(self.shot(split, row))

  def shot(self, split: str, row: int) -> shots.Shot:
    """All that the renderer knows about the photo in that row."""
    table = self.table(split)
    place = table.photos.latlng_deg[row]
    # One row at a time: a matrix product may round by its number of rows.
    look = self.world.look(
        place[None], self.world.cities.countries[table.cities[[row]]])[0]
    return shots.Shot(
        table.photos.source, self.seed, table.region, int(table.serials[row]),
        int(table.sessions[row]), int(table.authors[row]),
        int(table.landmarks[row]), look, float(place[0]), float(place[1]))

  def table(self, split: str) -> splits.Split:
    """The photos of a split with what only the renderer may know."""
    if split not in self._splits:
      raise ValueError(f'split {split!r}: choices are {splits.SPLITS}')
    return self._splits[split]

  def write_folder(self, out_dir: str | pathlib.Path, split: str,
                   processes: int = 2) -> pathlib.Path:
    """Writes ID.jpg for each photo and photos.csv; all of it or nothing."""
    rows = [self.shot(split, row) for row in range(len(self.table(split)))]
    return folders.write(
        pathlib.Path(out_dir), self.photos(split), rows, processes,
        {'size': self.size, 'seed': self.seed, 'split': split}, rendering.jpeg)

  @functools.cached_property
  def _splits(self) -> Mapping[str, splits.Split]:
    return splits.build(self.world, sizes.size(self.size))
