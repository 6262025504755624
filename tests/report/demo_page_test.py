"""The page of a demo: one file, no foreign host, nothing false, no empty part.
"""

import dataclasses
from html import parser
import re

import numpy as np
from pinpoint_jax.report import (
  cards,
  demo_page,
  page_parts,
  page_records,
  page_words,
)
import pytest

from tests.fixtures import tiny_page as tiny

VOID = {'meta', 'img', 'br'}
HEADINGS = {
    'cards': 'Photos and their answers', 'sets': 'Where it is right',
    'promises': 'Is it as sure as it should be?',
    'trainings': 'How it learned', 'claims': 'What was claimed'}


class Checker(parser.HTMLParser):
  """Tags that are opened and closed, text, and what is referred to."""

  def __init__(self):
    super().__init__()
    self.open, self.tags, self.links, self.words = [], [], [], []

  def handle_starttag(self, tag, attrs):
    self.tags.append(tag)
    if tag not in VOID:
      self.open.append(tag)
    self.links += [value for name, value in attrs
                   if name in ('src', 'href', 'xlink:href', 'action')]
    assert not [name for name, _ in attrs if name.startswith('on')]

  def handle_startendtag(self, tag, attrs):
    self.handle_starttag(tag, attrs)
    self.handle_endtag(tag)

  def handle_endtag(self, tag):
    assert self.open.pop() == tag

  def handle_data(self, data):
    self.words.append(data)


def read(page):
  checker = Checker()
  checker.feed(page)
  checker.close()
  assert not checker.open
  return checker


@pytest.fixture(scope='module')
def whole():
  return demo_page.page(tiny.page())


def words(page):
  return ' '.join(' '.join(read(page).words).split())


def test_every_tag_is_closed_and_nothing_runs(whole):
  checker = read(whole)
  assert 'script' not in checker.tags
  assert tiny.HOSTILE not in whole and '<script' not in whole
  # The hostile words are read as words.
  assert words(whole).count('<script>alert(1)</script>') >= 4


def test_nothing_is_loaded_from_anywhere(whole):
  assert re.search("default-src 'none'; img-src data:", whole)
  assert {link.partition(':')[0] for link in read(whole).links} == {
      'data', '#land', 'table.html'}
  assert not re.search(r'(?:https?:)?//\w', whole)
  assert 'url(' not in whole and '@import' not in whole


def test_the_result_comes_first(whole):
  text = words(whole)
  first = text.index('Synthetic Earth is synthetic')
  result = text.index('Within 25 km of where they were taken')
  assert first < result < min(text.index(name) for name in HEADINGS.values())


def test_the_sentence_says_what_the_rows_say():
  rows = [tiny.row('query_street', 'full')]
  share = rows[0]['metrics']['acc@25km']
  low, high = rows[0]['ci95']['acc@25km']
  assert page_words.result(rows) == (
      f'Within 25 km of where they were taken, the full reranker places '
      f'{100 * share:.1f}\N{NO-BREAK SPACE}% [{100 * low:.1f}, '
      f'{100 * high:.1f}] of the street views.')


def test_six_pictures_three_each(whole):
  checker = read(whole)
  assert checker.tags.count('article') == 6
  assert checker.tags.count('img') == 6 * 4
  assert checker.tags.count('h1') == 1


@pytest.mark.parametrize('part', HEADINGS)
def test_a_part_without_data_is_left_out(part):
  text = words(demo_page.page(tiny.page(**{part: []})))
  for name, heading in HEADINGS.items():
    assert (heading in text) == (name != part)


def test_a_page_of_rows_alone():
  text = words(demo_page.page(page_records.Page(
      [tiny.row('query_photo_new', 'raw_1nn')], [])))
  assert 'The figures' in text and 'full reranker places' not in text


def test_failed_claims_are_named_with_their_intervals(whole):
  text = words(whole)
  assert 'Of 4 claims: 1 held, 1 refuted, 1 not shown, 1 part inactive' in text
  assert '−1.2 points [−2.5, −0.1] at 25 km' in text
  assert '−1 GeoScore [−2, +0]' in text
  assert text.index('refuted :') < text.index('not shown :')


def test_one_claim_by_several_figures_is_one_line():
  claims = [tiny.claim('refuted', [-2., -1.], f'acc@{km}km') for km in (1, 25)]
  assert page_words.failed(claims) == [
      ('refuted', 'it helps: −1.2 points [−2.0, −1.0] at 1 km, '
                  '−1.2 points [−2.0, −1.0] at 25 km')]


def test_a_tiny_run_says_that_it_is_one(whole):
  assert 'A tiny run, of 200 photos a set' in words(whole)
  row = tiny.row('query_street', 'full') | {'num_queries': 3000}
  assert page_words.warnings([row]) == []


def test_an_idle_network_is_named():
  row = tiny.row('query_street', 'full') | {
      'num_queries': 3000, 'network': {'changed': .01}}
  (sentence,) = page_words.warnings([row])
  assert 'street views' in sentence and 'fewer than 5 %' in sentence


def test_six_systems_in_the_order_of_the_pipeline():
  rows = tiny.page().rows
  assert page_words.shown_systems(rows) == [
      'raw_1nn', 'geoclip_style', 'location_top1', 'retrieval', 'full',
      'ideal']
  rest = [row for row in rows
          if row['system'] not in ('ideal', 'geoclip_style')]
  assert page_words.shown_systems(rest) == [
      'raw_1nn', 'location_top1', 'retrieval', 'light', 'full']


def test_only_rows_as_they_are_count():
  other = tiny.row('query_street', 'full') | {'filter': 'author'}
  assert page_words.main_row([other], 'query_street', 'full') is None


def test_a_missing_row_is_a_dash(whole):
  table = whole[whole.index('<tbody>'):]
  line = re.search('<tr><th[^>]*>GeoCLIP.*?</tr>', table)[0]
  assert line.count('–') == 2


def test_a_card_without_pictures_draws_a_frame():
  shown = page_records.Picture(b'', 'a <b>')
  html = cards.section([tiny.card(shown=shown)], 'all')
  assert '<img' not in html and html.count('class="drawn"') == 4
  assert 'no pictures' in html and 'a &lt;b&gt;' in html


def test_a_card_says_when_the_truth_is_outside_the_radius():
  inside, outside = (cards.section([dataclasses.replace(
      tiny.card(radius_km=12.), error_km=km)], '') for km in (4.9, 40.))
  assert 'truth inside' in inside and 'truth outside' in outside


def test_a_card_without_calibration_promises_nothing():
  card = tiny.card(radius_km=None)
  card = dataclasses.replace(card, answer=dataclasses.replace(
      card.answer, confidence={}))
  html = cards.section([card], '')
  assert 'Confidence' not in html and 'radius' not in html


@pytest.mark.parametrize('km, text', [
    (0., '0 m'), (.0421, '42 m'), (.9999, '1000 m'), (1., '1.0 km'),
    (9.94, '9.9 km'), (12.4, '12 km'), (15_000., '15,000 km')])
def test_kilometres(km, text):
  assert cards.kilometres(km).replace('\N{NO-BREAK SPACE}', ' ') == text


def test_no_class_of_error_hides_the_others():
  some = dataclasses.replace(tiny.query_set('query_street'), errors={
      'full': np.asarray([1., 30.] * 100)})
  looks = re.findall('e-[0-3]', page_parts.error_map(
      'x', some.latlng_deg, some.errors['full']))
  assert looks[:4] == ['e-0', 'e-1', 'e-0', 'e-1']


def test_the_same_page_has_the_same_bytes(whole):
  assert demo_page.page(tiny.page()) == whole
