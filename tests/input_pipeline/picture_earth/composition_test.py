"""Every cue number moves pixels, one way, without jumps, and only if shown."""

import dataclasses

from input_pipeline.feature_earth import settings
from input_pipeline.picture_earth import (
  composition,
  independent,
  jpeg,
  sheets,
)
from input_pipeline.picture_earth import scene as scenes
import numpy as np
import pytest

NUMBERS = [(source, cue.name, number) for source in ('photo', 'street')
           for cue in settings.CUES for number in range(cue.num_dims)]
STEPS = np.linspace(-scenes.REACH, scenes.REACH, 21)


def floats(scene):
  return composition.picture(scene).astype(np.float64)


@pytest.mark.parametrize('source,cue,number', NUMBERS)
def test_a_number_moves_pixels_one_way_and_without_jumps(source, cue, number):
  pixels = [floats(sheets.swept(source, cue, number, value))
            for value in STEPS]
  change = pixels[-1] - pixels[0]
  assert np.abs(change).sum() > 9000  # Of 27,648 values, in grey levels.
  # How far along the way from one end to the other: 0 to 1.
  way = np.asarray([((one - pixels[0]) * change).sum() for one in pixels]
                   ) / (change * change).sum()
  steps = np.diff(way)
  assert steps.min() > -0.1  # An edge may move by half a pixel.
  assert steps.max() < 0.3  # A threshold would make one step of 1.


@pytest.mark.parametrize('source', ['photo', 'street'])
@pytest.mark.parametrize('cue', [cue.name for cue in settings.CUES])
def test_a_hidden_cue_is_not_drawn(source, cue):
  shown = sheets.swept(source, cue, 0, 1.0)
  hidden = dataclasses.replace(shown, cues={})
  other = dataclasses.replace(
      sheets.swept(source, cue, 0, -1.0), cues={})
  np.testing.assert_array_equal(floats(hidden), floats(other))
  assert np.abs(floats(shown) - floats(hidden)).sum() > 10_000


@pytest.mark.parametrize('source', ['photo', 'street'])
def test_carriers_stand_apart_when_all_are_shown(source):
  # One number of each cue in a picture that shows them all.
  for cue in settings.CUES:
    low, high = (floats(sheets.swept(source, cue.name, 0, value, alone=False))
                 for value in (-2.0, 2.0))
    assert np.abs(high - low).sum() > 800, cue.name


def test_size_and_blindness():
  scene = independent.scene(0, 0)
  assert composition.picture(scene).shape == (96, 96, 3)
  assert composition.picture(scene, 128).shape == (128, 128, 3)
  room = dataclasses.replace(scene, blind=True)
  without = dataclasses.replace(room, cues={})
  np.testing.assert_array_equal(floats(room), floats(without))


def test_jpeg_changes_little():
  pixels = composition.picture(independent.scene(0, 4))
  back = jpeg.there_and_back(pixels)
  assert 0 < np.abs(back.astype(int) - pixels).mean() < 4


@pytest.mark.parametrize('index,means', [
    (0, (121.0, 131.4, 128.6)),
    (1, (136.3, 151.7, 138.0)),
    (2, (120.7, 136.4, 119.3)),
    (3, (115.9, 129.1, 140.7))])
def test_pixels_are_frozen_to_a_grey_level(index, means):
  pixels = composition.picture(independent.scene(7, index))
  np.testing.assert_allclose(pixels.mean((0, 1)), means, rtol=0, atol=1)
