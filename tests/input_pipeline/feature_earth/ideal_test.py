from input_pipeline.feature_earth import ideal, settings
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


def test_scores_are_log_likelihoods_of_the_picture():
  world = worlds.World('default', 0, 'tiny')
  taken, look = world.taken('query_street', 0), world.appearance
  strengths = look.strengths(taken, 'street')
  # No sight: neither shown by the query nor near a candidate.
  rows = np.flatnonzero(strengths[:, settings.SIGHT] == 0)[:5]
  candidates = world.photos('query_street').latlng_deg[:4]
  scores = ideal.Ideal(world).scores(
      'query_street', rows, np.broadcast_to(candidates, (5, 4, 2)))
  inverse = np.linalg.inv(look.covariance('street'))
  for row, query_scores in zip(rows, scores):
    values = world.cues.at(candidates, np.full(4, -1))
    expected = look.of_cues(strengths[[row] * 4], values, 'street')
    gap = (world.features('query_street', 0)[row] - look.mean['street']
           - expected)
    fit = -0.5 * np.einsum('kd,de,ke->k', gap, inverse, gap)
    # Four sights that are not there are as likely as one.
    np.testing.assert_allclose(query_scores, fit + np.log(4), rtol=1e-5)


def test_the_sight_that_a_photo_shows_is_told_from_the_next():
  world = worlds.World('default', 0, 'demo')
  taken = world.taken('query_photo_new', 0)
  shown = world.appearance.strengths(taken, 'photo')[:, settings.SIGHT]
  rows = np.flatnonzero(shown > 0)
  sights = world.geography.sight_deg
  right = sights[taken.sights[rows]]
  near = world.geography.nearest_sights(right, 8)
  # The nearest that is out of reach of the right one, if in the same town.
  other = (near.dist_km > 2).argmax(1)
  other_km = near.dist_km[np.arange(len(rows)), other]
  same_town = (other_km > 2) & (other_km < 4)
  assert same_town.sum() > 100
  places = np.stack(
      [right, sights[near.rows[np.arange(len(rows)), other]]], 1)[same_town]
  scores = ideal.Ideal(world).scores('query_photo_new', rows[same_town], places)
  assert (scores.argmax(1) == 0).mean() > 0.97


def test_queries_of_two_blocks_are_scored_as_alone():
  world = worlds.World('default', 0, settings.Size(
      60, 40, 50, 50, 10, 4200, dim=16))
  rows = np.asarray([4150, 3, 4099])
  places = world.photos('query_photo_new').latlng_deg[rows][:, None]
  places = places + [[[0, 0], [1, 1]]]
  chooser = ideal.Ideal(world)
  together = chooser.scores('query_photo_new', rows, places)
  for row, place, scores in zip(rows, places, together):
    np.testing.assert_allclose(scores, chooser.scores(
        'query_photo_new', np.asarray([row]), place[None])[0])
