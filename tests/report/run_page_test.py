"""The page of a run: every group counted, every plot a file, all in one."""

import dataclasses
import re

import numpy as np
from pinpoint_jax.report import maps, run_page
import pytest

from tests.fixtures import tiny_page


@pytest.fixture(scope='module')
def shown():
  return tiny_page.run_page()


@pytest.fixture(scope='module')
def text(shown):
  return run_page.page(shown)


def test_it_loads_nothing_and_believes_no_name(text):
  assert tiny_page.HOSTILE not in text and '<script' not in text
  assert not re.findall(r'(?:src|href)="(?!data:|#)', text)


def test_groups_count_every_photo_of_all_sets(shown):
  # Four countries, two of them of known continents each a quarter of 400.
  rows = run_page._groups(shown, lambda some: some.countries)
  assert {row[0]: row[1] for row in rows} == dict.fromkeys(
      ('FR', 'JP', 'BR', 'XX'), '100')
  dist_km = np.concatenate([
      some.promises.dist_km[some.countries == 'FR'] for some in shown.sets])
  (france,) = (row for row in rows if row[0] == 'FR')
  assert france[2] == f'{100 * (dist_km < 25).mean():.1f}\N{NO-BREAK SPACE}%'


def test_a_group_of_few_photos_has_a_count_alone(shown):
  alone = lambda some: np.where(np.arange(len(some.countries)) < 3, 'few', 'x')
  rows = dict((row[0], row[1:]) for row in run_page._groups(shown, alone))
  assert rows['few'] == ('6', '–', '–', '–', '–')


def test_what_the_gallery_has_nearby_is_in_classes(text):
  part = text[text.index('By what the gallery'):text.index('The best')]
  assert re.findall(r'scope="row">([^<]*)', part) == [
      'none', '1 to 9', '100 to 999', '1,000 and more']


def test_a_page_without_costs_and_cards_says_so(shown):
  text = run_page.page(tiny_page.run_page(costs={}))
  assert 'What it took' not in text and 'There are none' in text


def test_answers_without_promises_have_the_rest_of_the_page(shown):
  bare = [dataclasses.replace(some, promises=None, figures={})
          for some in shown.sets]
  text = run_page.page(dataclasses.replace(
      shown, sets=bare, missing={'Confidence': 'see `pinpoint report`'}))
  assert 'Is it as sure' not in text and 'By continent' in text
  assert '<li>Confidence: see <code>pinpoint report</code></li>' in text
  assert 'What is not here' not in run_page.page(shown)
  assert 'inside the 90' not in text and 'inside the 90' in run_page.page(shown)
  groups = run_page._groups(
      dataclasses.replace(shown, sets=bare), lambda some: some.countries)
  assert {row[-1] for row in groups} == {'–'}


def test_the_table_of_abstaining_is_that_of_confidence(shown, text):
  some = shown.sets[1].promises
  kept = some.sure(25) >= .5
  row = (f'<td>0.5@25km</td><td>{100 * kept.mean():.1f}\N{NO-BREAK SPACE}%'
         f'</td><td>{100 * (some.dist_km[kept] >= 25).mean():.1f}'
         f'\N{NO-BREAK SPACE}%</td>')
  assert row in text


def test_every_system_has_its_line(shown):
  rows = [tiny_page.row('query_street', name) for name in ('raw_1nn', 'full')]
  text = run_page.page(dataclasses.replace(shown, rows=rows))
  assert '2 rows of results.json' in text
  within = f'{100 * rows[1]["metrics"]["acc@1km"]:.1f}\N{NO-BREAK SPACE}%'
  assert f'<td>{within}</td>' in text[text.index('>full<'):]


def test_heat_has_as_much_mass_as_it_says():
  density = tiny_page.density()
  mass = maps.square_masses(density)
  # 2.5° squares from 82.5° N to 62.5° S: nearly all of it.
  assert mass.sum() == pytest.approx(1, abs=.02)
  top = np.unravel_index(mass.argmax(), mass.shape)
  # Paris: 48.9° N is 33.6° from the top, 2.3° E 182.3° from the left.
  assert top == (int(33.6 // 2.5), int(182.3 // 2.5))
  drawn = maps.heat('x', density, (48.9, 2.3), (-22.9, -43.2))
  assert drawn.count('class="heat') == len(maps.HEAT_SHARES)


def test_a_settled_answer_has_no_map_of_heat(text):
  assert text.count('where the photo may have been') == 1
