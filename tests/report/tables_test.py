"""Tables say what results.json says."""

import numpy as np
from pinpoint_jax.evals import metrics, results
from pinpoint_jax.report import tables


def one_row(system='raw_1nn', resamples=0):
  errors = metrics.Errors(np.asarray([0.5, 10, 100, 5000]),
                          np.asarray(['a:x', 'a:y', 'a:z', 'a:w']))
  setting = results.Setting('demo', 'photo', system, queries='<new>')
  return results.row(setting, errors, {'git': 'abc'}, num_resamples=resamples)


def test_markdown_prints_percent_and_kilometres():
  lines = tables.markdown([one_row()]).splitlines()
  assert len(lines) == 3
  cells = [cell.strip() for cell in lines[2].strip('|').split('|')]
  assert cells[5:11] == ['4', '25.0', '50.0', '75.0', '75.0', '75.0']
  assert cells[12] == '55'


def test_intervals_stand_beside_the_figure():
  row = one_row(resamples=50)
  low, high = row['ci95']['acc@25km']
  assert f'50.0 [{low * 100:.1f}, {high * 100:.1f}]' in tables.markdown([row])


def test_page_escapes_what_it_is_given():
  page = tables.page('A & B', 'x < y', {'all': [one_row()]},
                     {'sheet': 'a.png'}, ['<n>'])
  assert '&lt;new&gt;' in page and '<new>' not in page
  assert 'A &amp; B' in page and '<li>&lt;n&gt;</li>' in page
  assert page.startswith('<!doctype html>')


def test_row_has_the_contract_s_keys():
  assert set(one_row()) >= {
      'table', 'query_source', 'system', 'gallery', 'filter', 'decode',
      'distance', 'num_queries', 'metrics', 'ci95', 'provenance'}
  assert set(one_row()['metrics']) >= {
      'acc@1km', 'acc@25km', 'acc@200km', 'acc@750km', 'acc@2500km',
      'geoscore', 'mean_km', 'median_km'}


def named(**changes):
  return one_row() | changes


def test_rows_stand_in_the_order_given():
  rows = [named(system=name) for name in ('zeta', 'alpha', 'mid')]
  lines = tables.markdown(rows).splitlines()[2:]
  assert [line.split('|')[2].strip() for line in lines] == [
      'zeta', 'alpha', 'mid']
  page = tables.page('t', '', {'all': rows})
  assert page.index('zeta') < page.index('alpha') < page.index('mid')


def test_a_bar_or_a_line_break_in_a_name_does_not_break_the_table():
  lines = tables.markdown([named(system='a|b\nc')]).splitlines()
  assert len(lines) == 3
  assert r'| a\|b c |' in lines[2]
  assert lines[2].replace(r'\|', '').count('|') == lines[0].count('|')


def test_markdown_lets_no_tag_through():
  assert '<new>' not in tables.markdown([one_row()])
  assert '&lt;new&gt;' in tables.markdown([one_row()])


def test_names_cannot_leave_their_attribute():
  page = tables.page('t', '', {}, {'a" onload="x': 'b"c.png'})
  assert 'alt="a&quot; onload=&quot;x"' in page
  assert 'src="b&quot;c.png"' in page


def test_a_new_query_set_starts_with_a_line():
  rows = [named(queries=name) for name in ('a', 'a', 'b')]
  body = tables.page('t', '', {'all': rows}).split('<tr')[2:]
  assert [row.startswith(' class="new"') for row in body] == [
      True, False, True]


def test_every_row_has_a_cell_for_every_heading():
  page = tables.page(
      't', '', {'all': [one_row(), one_row(resamples=20)]})
  for row in page.split('<tr')[2:]:
    assert row.count('<td') == page.count('<th') == 13


def test_thousands_are_set_apart_and_nothing_is_an_empty_table():
  assert '| 12,000 |' in tables.markdown([named(num_queries=12_000)])
  assert len(tables.markdown([]).splitlines()) == 2


def test_a_grid_aligns_numbers_right_and_escapes_its_head_too():
  assert tables.grid(('a|b', 'n'), [('x', 0.1 * 6), ('y\nz', '')], 1) == (
      '| a\\|b | n |\n|---|---:|\n| x | 0.6 |\n| y z |  |\n')


def test_figures_are_one_per_line():
  assert tables.figures({'acc@1km': 0.123456, 'n': 2}) == (
      '| figure | value |\n|---|---:|\n| acc@1km | 0.1235 |\n| n | 2 |\n')
