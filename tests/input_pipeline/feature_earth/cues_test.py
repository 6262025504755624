from fractions import Fraction

from input_pipeline.feature_earth import exact, settings
from input_pipeline.feature_earth import world as worlds
import numpy as np
import pytest

COLUMNS = dict(zip(
    (cue.name for cue in settings.CUES),
    np.split(np.arange(sum(cue.num_dims for cue in settings.CUES)),
             np.cumsum([cue.num_dims for cue in settings.CUES])[:-1])))


@pytest.fixture(scope='module')
def world():
  return worlds.World('default', 0, 'tiny')


def cues_near(world, km):
  """Cues of 200 places, and of places so far north of them."""
  rng = np.random.default_rng(0)
  places = np.stack([rng.uniform(-60, 60, 200), rng.uniform(-180, 180, 200)], 1)
  return (world.cues.at(places + [[north / 111.2, 0]], np.full(200, -1))
          for north in (0, km))


@pytest.mark.parametrize('cue', [
    cue for cue in settings.CUES if not isinstance(cue.scale, str)],
                         ids=lambda cue: cue.name)
def test_a_cue_is_alike_within_a_tenth_of_its_scale_and_not_at_it(world, cue):
  column = COLUMNS[cue.name]
  here, near = cues_near(world, cue.scale / 10)
  _, far = cues_near(world, cue.scale)
  def likeness(other):
    return np.corrcoef(here[:, column].ravel(), other[:, column].ravel())[0, 1]
  assert likeness(near) > 0.85 and likeness(far) < 0.3


def test_every_kind_of_cue_has_unit_variance(world):
  here, _ = cues_near(world, 0)
  smooth = np.concatenate([COLUMNS[cue.name] for cue in settings.CUES
                           if not isinstance(cue.scale, str)])
  assert abs(here[:, smooth].std() - 1) < 0.12
  assert abs(here[:, COLUMNS['town']].std() - 1) < 0.12


def test_places_of_one_town_share_its_cue_and_that_of_the_country(world):
  towns = world.geography.town_deg
  here = world.cues.at(towns, np.full(len(towns), -1))
  near = world.cues.at(towns + 1e-4, np.full(len(towns), -1))
  country = world.geography.countries
  for name in ('town', 'script', 'plates', 'roads'):
    values = here[:, COLUMNS[name]]
    np.testing.assert_array_equal(values, near[:, COLUMNS[name]])
    owners = np.arange(len(towns)) if name == 'town' else country
    assert len(np.unique(values, axis=0)) == len(np.unique(owners))


def test_only_a_sight_has_the_cue_of_a_sight(world):
  places = world.geography.town_deg[:3]
  cues = world.cues.at(places, np.asarray([-1, 0, 1]))[:, COLUMNS['sight']]
  assert not cues[0].any() and cues[1:].all(1).any()
  np.testing.assert_array_equal(
      cues, world.cues.of_sights(np.asarray([-1, 0, 1])))


def test_no_sum_is_rounded_on_the_way_to_a_cue(world):
  # Exact fractions, added in another order, give the same steps of 1/1024.
  waves = world.cues._waves['corner']
  place = exact.unit_xyz(np.asarray([[48.8584, 2.2945]]))
  angle = waves.phases + place[0, 0] * waves.turns[:, 0]
  for axis in (1, 2):
    angle = angle + place[0, axis] * waves.turns[:, axis]
  heights = np.rint(exact.cos_turns(angle) * 4096)
  steps = [round(sum(Fraction(h) * Fraction(m) for h, m in reversed(
      list(zip(heights, column)))) / 4096) for column in waves.mix.T]
  np.testing.assert_array_equal(waves.at(place)[0] * 1024, steps)
