"""Plots as drawings that stand alone: style, key and land are within them."""

import dataclasses
from xml.etree import ElementTree

from pinpoint_jax.report import run_plots

from tests.fixtures import tiny_page


def test_every_drawing_has_its_style_and_its_key():
  shown = tiny_page.run_page()
  drawn = run_plots.drawings(shown)
  assert [*drawn] == ['errors', 'reliability', 'coverage', 'risk',
                      f'map_1_photos {tiny_page.HOSTILE}', 'map_2_street']
  for name, picture in drawn.items():
    root = ElementTree.fromstring(picture)
    assert root.tag == '{http://www.w3.org/2000/svg}svg'
    assert root[0].tag.endswith('style')
    words = [node.text for node in root.iter() if node.tag.endswith('text')]
    key = (['below 25 km', '2,500 km and more'] if name.startswith('map') else
           ['street', f'photos {tiny_page.HOSTILE}'])
    assert set(key) <= set(words)
    assert ('id="land"' in picture) == name.startswith('map')


def test_without_promises_there_are_errors_and_maps():
  shown = tiny_page.run_page()
  bare = dataclasses.replace(shown, sets=[
      dataclasses.replace(shown.sets[1], promises=None, figures={})])
  assert [*run_plots.drawings(bare)] == ['errors', 'map_1_street']
