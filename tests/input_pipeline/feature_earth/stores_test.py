from input_pipeline.feature_earth import stores
from input_pipeline.feature_earth import world as worlds
import numpy as np
from pinpoint_jax import types


def test_stores_of_one_world_agree_and_hold_its_rows(tmp_path):
  world = worlds.World('photo_only', 3, 'tiny')
  manifests = []
  for split in world.splits:
    store = stores.write(tmp_path / split, world, split)
    manifests.append(store.manifest)
    np.testing.assert_array_equal(
        store.features[:], world.features(split, 0))
  keys = {tuple(manifest[key] for key in types.BACKBONE_KEYS)
          for manifest in manifests}
  assert len(keys) == 1
  assert 'variant=photo_only size=tiny seed=3' in str(keys)
