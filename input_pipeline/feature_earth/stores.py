"""A split of a world as a feature store, one block in memory at a time."""

import pathlib

from input_pipeline import sources
from input_pipeline.feature_earth import world as worlds
from pinpoint_jax.features import store, store_writer

BACKBONE = 'synthetic_earth_features'


def origin(world: worlds.World) -> store_writer.FeatureOrigin:
  """What the stores of one world have in common, and those of no other."""
  return store_writer.FeatureOrigin(
      BACKBONE, f'variant={world.variant} size={world.size_name} '
      f'seed={world.seed}', 'none: features without pixels',
      ('synthetic: no photograph is behind this feature',),
      licence=sources.SYNTHETIC_LICENCE)


def write(folder: pathlib.Path, world: worlds.World,
          split: str) -> store.FeatureStore:
  """Writes the split to `folder`, a feature store that was not there."""
  return store_writer.write(folder, world.photos(split), world.chunks(split),
                            world.size.dim, origin(world))
