from input_pipeline.feature_earth import ideal
from input_pipeline.feature_earth import world as worlds
import numpy as np
from pinpoint_jax.geo import distance
import pytest


@pytest.mark.parametrize('split', ['query_photo_new', 'query_street'])
def test_the_ideal_beats_the_nearest_feature(split):
  world = worlds.World('default', 0, 'tiny')
  photos, places = world.photos(split), world.photos(
      f'gallery_{worlds.source_of(split)}').latlng_deg
  gallery = np.asarray(world.features(
      f'gallery_{worlds.source_of(split)}', 0), np.float32)
  gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
  similarity = np.asarray(world.features(split, 0), np.float32) @ gallery.T
  rows = np.argsort(-similarity, 1)[:, :12]
  scores = ideal.Ideal(world).scores(
      split, np.arange(len(photos)), places[rows])
  chosen = np.take_along_axis(rows, scores.argmax(1)[:, None], 1)[:, 0]
  nearest, best = (distance.haversine_km(photos.latlng_deg, places[row]) < 25
                   for row in (rows[:, 0], chosen))
  assert best.mean() > nearest.mean() + 0.05
