"""The pictures of a world: those that its feature stores have rows of.

A picture shows the cues that its feature is made of; how strongly, its size
says. Photos of an author share a camera, photos of a visit most of what is no
cue, as in the features.
"""

import dataclasses
import functools
import pathlib

from input_pipeline.feature_earth import randomness, settings
from input_pipeline.feature_earth import world as worlds
from input_pipeline.picture_earth import composition, folders, jpeg
from input_pipeline.picture_earth import scene as scenes
from jaxtyping import Bool, Float
import numpy as np
from pinpoint_jax import types

_USUAL = np.asarray([cue.strength for cue in settings.CUES])
_NUM_DIMS = np.asarray([cue.num_dims for cue in settings.CUES])


@dataclasses.dataclass(frozen=True)
class Shot:
  """A scene and where its tag says that it is."""

  scene: scenes.Scene
  lat_deg: float
  lng_deg: float


@dataclasses.dataclass(frozen=True)
class Labels:
  """Cue numbers of pictures, of hidden cues too, and whether they are shown."""

  values: Float[np.ndarray, 'n k']
  shown: Bool[np.ndarray, 'n k']


@dataclasses.dataclass(frozen=True)
class _Block:
  """All that the pictures of one block show."""

  values: Float[np.ndarray, 'n k']
  strengths: Float[np.ndarray, 'n c']
  content: Float[np.ndarray, 'n m']
  camera: Float[np.ndarray, 'n a']


class PictureEarth:
  """Pictures of a world at feature level, any of them alone.

    earth = picture_earth('tiny', seed=0)
    earth.image('query_street', 3)
  """

  def __init__(self, world: worlds.World):
    self.world = world
    self._block = functools.lru_cache(maxsize=4)(self._made)

  def photos(self, split: str) -> types.Photos:
    """Ids, tagged places, authors and drives, as in the feature stores."""
    return self.world.photos(split)

  def image(self, split: str, row: int,
            side: int = scenes.SIDE) -> types.Image:
    """The picture in that row before compression, [side, side, 3]."""
    return composition.picture(self.scene(split, row), side)

  def jpeg(self, split: str, row: int) -> bytes:
    """The JPEG file of the picture in that row, with EXIF GPS."""
    return _encoded(self.shot(split, row))

  def shown(self, split: str, row: int) -> list[str]:
    """Names of the cues that the picture in that row shows."""
    return list(self.scene(split, row).cues)

  def labels(self, split: str) -> Labels:
    """What the pictures of a split show, as a backbone learns to name it."""
    parts = [self._block(split, number)
             for number in range(self.world.num_blocks(split))]
    return Labels(
        np.concatenate([part.values for part in parts]),
        np.concatenate([np.repeat(part.strengths > 0, _NUM_DIMS, axis=1)
                        for part in parts]))

  def shot(self, split: str, row: int) -> Shot:
    """The picture in that row and its tag."""
    block, within = divmod(row, worlds.BLOCK_ROWS)
    lat_deg, lng_deg = self._tags(split, block)[within].tolist()
    return Shot(self.scene(split, row), lat_deg, lng_deg)

  def scene(self, split: str, row: int) -> scenes.Scene:
    """What the picture in that row shows."""
    number, within = divmod(row, worlds.BLOCK_ROWS)
    block, source = self._block(split, number), worlds.source_of(split)
    strengths = block.strengths[within]
    return scenes.scene(
        source, block.values[within], strengths, block.content[within],
        block.camera[within], source == 'photo' and not strengths.any(), row)

  def write_folder(self, out_dir: str | pathlib.Path, split: str,
                   processes: int = 2) -> pathlib.Path:
    """Writes ID.jpg for each picture and photos.csv; all of it or nothing."""
    rows = [self.shot(split, row) for row in range(self.world.num_rows(split))]
    return folders.write(
        pathlib.Path(out_dir), self.photos(split), rows, processes,
        {'variant': self.world.variant, 'size': self.world.size_name,
         'seed': self.world.seed, 'split': split}, _encoded)

  def _tags(self, split: str, block: int) -> Float[np.ndarray, 'n 2']:
    return self.world.taken(split, block).latlng_deg

  def _made(self, split: str, number: int) -> _Block:
    world, source = self.world, worlds.source_of(split)
    taken = world.taken(split, number)
    key, rows = ('pictures', world.seed), np.arange(len(taken))[:, None]
    burst = world.habits.burst if source == 'photo' else 0.0
    columns = np.arange(scenes.NUM_CONTENT)
    visit = randomness.bell(*key, taken.owner_stream, taken.visits[:, None],
                            columns)
    own = randomness.bell(*key, taken.stream, 'own', rows, columns)
    return _Block(
        world.cues.at(taken.spot_deg, taken.sights),
        world.appearance.strengths(taken, source) / _USUAL,
        _chance(np.sqrt(burst) * visit + np.sqrt(1 - burst) * own),
        randomness.uniform('camera', *key, taken.owner_stream,
                           taken.authors[:, None],
                           np.arange(scenes.NUM_CAMERA)))


@functools.lru_cache(maxsize=2)
def picture_earth(size: str = 'tiny', seed: int = 0,
                  variant: str = 'default') -> PictureEarth:
  """A world by name; one for all its splits: building it takes a while."""
  return PictureEarth(worlds.World(variant, seed, size))


def _encoded(shot: Shot) -> bytes:
  return jpeg.encoded(composition.picture(shot.scene), shot.lat_deg,
                      shot.lng_deg)


def _chance(bell: Float[np.ndarray, 'n m']) -> Float[np.ndarray, 'n m']:
  """About uniform from 0 to 1; no erf, which machines round as they like."""
  return 0.5 + 0.5 * bell / np.sqrt(1.6 + bell * bell)
