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
  page = tables.page('A & B', 'x < y', [one_row()], {'sheet': 'a.png'}, ['<n>'])
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
