import dataclasses

from input_pipeline.feature_earth import settings
from input_pipeline.feature_earth import world as worlds
import numpy as np
import pytest


@pytest.fixture(scope='module')
def world():
  return worlds.World('default', 0, 'demo')


def residuals(world, split):
  """Features less the mean and less all that their cues put into them."""
  source, taken = worlds.source_of(split), world.taken(split, 0)
  look = world.appearance
  values = world.cues.at(taken.spot_deg, taken.sights)
  return (world.features(split, 0) - look.mean[source][None] - look.of_cues(
      look.strengths(taken, source), values, source))


@pytest.mark.parametrize('split', ['query_photo_new', 'query_street'])
def test_what_is_not_cues_varies_as_the_covariance_says(world, split):
  rest = residuals(world, split)
  expected = world.appearance.covariance(worlds.source_of(split))
  np.testing.assert_allclose(
      np.trace(np.cov(rest.T)), np.trace(expected), rtol=0.05)
  # Along the strongest and the weakest directions too.
  values, vectors = np.linalg.eigh(expected)
  np.testing.assert_allclose(
      (rest @ vectors).var(0)[[0, -1]], values[[0, -1]], rtol=0.2)


def test_blind_photos_show_nothing_and_the_others_what_the_table_says(world):
  taken = world.taken('gallery_photo', 0)
  strengths = world.appearance.strengths(taken, 'photo')
  sees = strengths.any(1)
  assert abs((1 - sees).mean() - world.habits.blind) < 0.03
  for column, cue in enumerate(settings.CUES):
    here = sees & (taken.sights >= 0) if cue.scale == 'sight' else sees
    shown = strengths[here, column]
    assert abs((shown > 0).mean() - cue.shown_photo) < 0.04, cue.name
    assert shown[shown > 0].min() >= 0.6 * cue.strength
    assert shown.max() <= 1.4 * cue.strength
  assert not strengths[taken.sights < 0, -1].any()


def test_photos_of_a_visit_share_more_than_those_of_an_author(world):
  taken, rest = world.taken('gallery_photo', 0), residuals(
      world, 'gallery_photo')
  rest /= np.linalg.norm(rest, axis=1, keepdims=True)
  visit = taken.visits[1:] == taken.visits[:-1]
  author = (taken.authors[1:] == taken.authors[:-1]) & ~visit
  stranger = taken.authors[1:] != taken.authors[:-1]
  cosine = (rest[1:] * rest[:-1]).sum(1)
  means = [cosine[pairs].mean() for pairs in (stranger, author, visit)]
  assert abs(means[0]) < 0.02
  assert means[0] + 0.05 < means[1] < means[2] - 0.2


def test_cues_are_seen_in_partly_other_directions_by_each_source(world):
  photo, street = (world.appearance.directions[source]
                   for source in ('photo', 'street'))
  shared = (photo * street).sum() / np.linalg.norm(photo) / np.linalg.norm(
      street)
  assert abs(shared - world.habits.shared) < 0.02


def test_fewer_rows_are_the_first_of_more(world):
  size = dataclasses.replace(world.size, num_queries=5)
  few = worlds.World('default', 0, size)
  for split in ('query_photo_new', 'query_photo_known'):
    # A product of another shape may round otherwise; a float16 has 11 bits.
    np.testing.assert_allclose(
        few.features(split, 0), world.features(split, 0)[:5], atol=2**-8)
