"""Tables say what results.json says."""

import numpy as np
from pinpoint_jax.evals import claims, metrics, results
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


def test_query_sets_stand_above_their_rows():
  rows = [named(queries=name) for name in ('a', 'a', 'b')]
  body = tables.page('t', '', {'all': rows}).split('<tr')[2:]
  assert ['group' in row for row in body] == [True, False, False, True, False]
  assert '<span>a</span>' in body[0] and '<span>b</span>' in body[3]


def test_a_page_leads_to_others():
  page = tables.page('t', '', {}, links={'Photos & maps': 'a"b.html'})
  assert '<a href="a&quot;b.html">Photos &amp; maps</a>' in page
  assert '<a ' not in tables.page('t', '', {})


def cells_of_page(rows):
  """Number of headings, and of cells of each line with figures."""
  head, *body = tables.page('t', '', {'all': rows}).split('<tr')[1:]
  return head.count('<th'), {row.count('<td') for row in body
                             if 'group' not in row}


def test_every_row_has_a_cell_for_every_heading():
  rows = [one_row(), named(gallery='combined', filter='author',
                           decode='expected_score')]
  assert cells_of_page(rows) == (12, {12})


def test_settings_that_all_rows_share_are_said_once():
  rows = [one_row(), one_row(resamples=20)]
  assert cells_of_page(rows) == (9, {9})
  page = tables.page('t', '', {'all': rows})
  assert 'All rows: filter none, decode argmax.' in page
  page = tables.page('t', '', {'all': [*rows, named(filter='author')]})
  assert 'All rows: decode argmax.' in page


def test_thousands_are_set_apart_and_nothing_is_an_empty_table():
  assert '| 12,000 |' in tables.markdown([named(num_queries=12_000)])
  assert len(tables.markdown([]).splitlines()) == 2


def test_a_grid_aligns_numbers_right_and_escapes_its_head_too():
  assert tables.grid(('a|b', 'n'), [('x', 0.1 * 6), ('y\nz', '')], 1) == (
      '| a\\|b | n |\n|---|---:|\n| x | 0.6 |\n| y z |  |\n')


def test_figures_are_one_per_line():
  assert tables.figures({'acc@1km': 0.123456, 'n': 2}) == (
      '| figure | value |\n|---|---:|\n| acc@1km | 0.1235 |\n| n | 2 |\n')


def test_networks_are_shown_if_any_row_has_one():
  idle, active = (one_row('full') | {'network': {
      'changed': changed, 'variance': .25}} for changed in (.012, .31))
  plain = tables.markdown([one_row()])
  assert 'network' not in plain
  head, _, *lines = tables.markdown([one_row(), idle, active]).splitlines()
  assert head.endswith('| network changes | network variance |')
  assert lines[0].endswith('|  |  |') and 'inactive' not in lines[0]
  assert lines[1].endswith('| 1.2 % | 25.0 % |')
  assert '| full (network inactive) |' in lines[1]
  assert lines[2].endswith('| 31.0 % | 25.0 % |') and 'inactive' not in lines[2]
  assert cells_of_page([one_row(), idle]) == (11, {11})


def test_spread_over_runs_stands_beside_a_mean():
  row = named(sd={'acc@25km': .0123, 'geoscore': 41.})
  line = tables.markdown([row]).splitlines()[2]
  assert '| 50.0 ± 1.2 |' in line and ' ± 41 |' in line


FULL, BASE = claims.System('full', variant='no|prior'), claims.System('light')


def claim_rows(counts, statistics=('acc@25km',), runs=1, **changes):
  dist_km = [np.repeat(some, counts) for some in (
      [5., 5., 5000., 5000.], [5., 5000., 5., 5000.])]
  names = np.asarray([f'i:{i}' for i in range(sum(counts))])
  errors = {system.on('q'): metrics.Errors(some, names)
            for system, some in zip((FULL, BASE), dist_km)}
  return claims.judged(
      [claims.Claim('The prior <helps>', FULL, BASE, ('q',), name, **changes)
       for name in statistics], [claims.Run([], errors)] * runs)


def test_a_claim_is_one_line_with_all_it_rests_on():
  rows = claim_rows((300, 60, 10, 630))
  line, power = tables.claims_markdown(rows).splitlines()[2::2]
  low, high = rows[0]['interval']
  assert (f'| The prior &lt;helps&gt; full (no\\|prior) over light | q | '
          f'acc@25km &gt; 0 | held | 31.0 | 36.0 | +5.0 [{low:+.1f}, '
          f'{high:+.1f}] | +16 % [') in line
  visible = f'{rows[0]["smallest_visible"]:.1f}'
  assert line.endswith(f'] | {visible} | 1,000 | 1,000 |')
  assert f'power of 80 %, is {visible} points (acc@25km).' in power


def test_power_is_said_of_each_figure_and_as_a_range():
  rows = [*claim_rows((30, 60, 10, 90), ('acc@25km', 'geoscore')),
          *claim_rows((30, 9, 3, 90))]
  edges = sorted(rows[i]['smallest_visible'] for i in (0, 2))
  text = tables.claims_markdown(rows).splitlines()[-1]
  assert f'{edges[0]:.1f} to {edges[1]:.1f} points (acc@25km), ' in text
  assert f' {rows[1]["smallest_visible"]:.0f} (geoscore).' in text


def test_claims_of_tiny_tables_have_cells_without_figures():
  for counts in ((1, 0, 0, 0), (0, 3, 0, 0), (0, 0, 0, 4)):
    text = tables.claims_markdown(claim_rows(counts))
    head, _, line, _, power = text.splitlines()
    assert '| not shown the answers to' in line
    assert line.replace('\\|', '').count('|') == head.count('|')
    assert power == ('Power: too few answers differ for any row to show a '
                     'difference, however large it is.')
    assert 'None' not in text and 'nan' not in text


def test_runs_that_agree_are_counted_where_there_are_several():
  head, _, line = tables.claims_markdown(
      claim_rows((30, 60, 10, 90), runs=3)).splitlines()[:3]
  assert head.endswith('| runs above 0 |') and line.endswith('| 3 of 3 |')


def test_nothing_is_never_minus_nothing():
  row, = claim_rows((300, 60, 10, 630))
  text = tables.claims_markdown([row | {
      'difference': -.01, 'relative': -.001, 'interval': (-.04, .04),
      'relative_interval': (-.004, .004)}])
  assert '| +0.0 [+0.0, +0.0] | +0 % [+0 %, +0 %] |' in text


def test_a_minimum_is_written_with_its_unit():
  for changes, words in (({'minimum': 1.5}, '&gt; 1.5 |'), (
      {'minimum': .15, 'relative': True}, '&gt; 15 % |')):
    assert words in tables.claims_markdown(
        claim_rows((30, 60, 10, 90), **changes))


def test_a_page_has_claims_and_power_after_the_first_table():
  rows = claim_rows((300, 60, 10, 630))
  page = tables.page('t', '', {'Systems': [one_row()], 'Parts': [one_row()]},
                     claims=rows)
  at = [page.index(words) for words in (
      '<h2>Systems', '<h2>Claims', 'Power:', '<h2>Parts')]
  assert at == sorted(at)
  assert '<td class="t held">held' in page and '<helps>' not in page
  assert page.count('<h2>') == 3 and tables.page(
      't', '', {}, claims=rows).count('<h2>') == 1
