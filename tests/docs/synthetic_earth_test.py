"""docs/synthetic_earth.md says of the feature-level world what is in it."""

import pathlib

from input_pipeline.feature_earth import settings
from input_pipeline.feature_earth import world as worlds
import pytest

PAGE = (pathlib.Path(__file__).resolve().parents[2] / 'docs'
        / 'synthetic_earth.md').read_text(encoding='utf-8')


@pytest.mark.parametrize('cue', settings.CUES, ids=lambda cue: cue.name)
def test_the_table_has_every_cue(cue):
  scale = cue.scale if isinstance(cue.scale, str) else f'{cue.scale:,} km'
  assert (f'| {cue.name} | {cue.num_dims} | {scale} | {cue.strength} | '
          f'{cue.shown_photo:.0%} | {cue.shown_street:.0%} |'
          ).replace('%', ' %') in PAGE


def test_the_habits_are_those_of_the_default_world():
  habits = settings.VARIANTS['default']
  text = ' '.join(PAGE.split())
  for share, rest in ((habits.blind, 'of photos are blind'),
                      (habits.wrong_tags, "of the gallery's are tagged"),
                      (habits.same_visit, 'of the known queries'),
                      (habits.in_city, 'to a city (Zipf)'),
                      (habits.shared, 'of the variance of a cue'),
                      (habits.burst, "of the content's variance")):
    assert f'{share:.0%} {rest}'.replace('%', ' %') in text, rest


def test_every_split_and_variant_is_named():
  for name in (*worlds.SPLITS, *settings.VARIANTS):
    assert f'`{name}`' in PAGE
