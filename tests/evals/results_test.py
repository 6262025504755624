"""Rows of results.json against figures a reader can check."""

import json

import numpy as np
from pinpoint_jax.evals import metrics, results
import pytest


def errors():
  return metrics.Errors(np.asarray([0.5, 1.0, 30.0, 3000.0]),
                        np.asarray(['a:x', 'a:y', 'a:z', 'a:x']))


def setting(**changes):
  return results.Setting('demo', 'street', 'raw_1nn', **changes)


def test_a_row_is_strict_json_with_the_settings_named():
  row = results.row(setting(gallery='combined', filter='author'), errors(),
                    {'git': 'abc'}, num_resamples=20)
  again = json.loads(json.dumps(row, allow_nan=False))
  assert again == row
  assert (row['query_source'], row['system'], row['gallery'],
          row['filter'], row['decode']) == (
              'street', 'raw_1nn', 'combined', 'author', 'argmax')
  assert row['num_queries'] == 4
  assert row['metrics']['acc@25km'] == 0.5


def test_inclusive_reaches_figures_and_intervals_alike():
  strict = results.row(setting(), errors(), {}, num_resamples=200)
  counted = results.row(setting(), errors(), {}, num_resamples=200,
                        inclusive=True)
  assert strict['metrics']['acc@1km'] == 0.25
  assert counted['metrics']['acc@1km'] == 0.5
  assert counted['ci95']['acc@1km'][1] > strict['ci95']['acc@1km'][1]


def test_number_of_queries_can_differ_from_draws():
  assert results.row(setting(), errors(), {}, 2, 0)['num_queries'] == 2


def test_shares_stand_beside_the_others_with_what_they_count():
  num = len(errors().dist_km)
  first, every = np.arange(num) < 1, np.ones(num, bool)
  extra = results.shares({'acc@country': metrics.Share(first, every),
                          'acc@city': metrics.Share(~every, ~every)},
                         errors().clusters, 20)
  row = results.row(setting(), errors(), {}, num_resamples=20, extra=extra)
  assert row['metrics']['acc@country'] == 1 / num
  assert row['metrics']['num@country'] == num
  assert row['metrics']['num@city'] == 0 and 'acc@city' not in row['metrics']
  assert {'acc@country', 'acc@25km'} <= set(row['ci95'])
  assert 'acc@city' not in row['ci95']


def test_a_key_tells_rows_apart_and_is_found_again_in_json():
  one = setting(gallery='combined', queries='q', variant='no prior')
  row = json.loads(json.dumps(results.row(one, errors(), {}, num_resamples=0)))
  assert results.key(row) == one.key == results.Key(
      'q', 'raw_1nn', 'combined', 'none', 'argmax', 'no prior')


@pytest.mark.parametrize('changed, active', [
    (0., False), (.049, False), (.05, True), (1., True)])
def test_a_network_is_active_from_five_percent_on(changed, active):
  network = {'changed': changed, 'variance': 1.2}
  row = results.row(setting(), errors(), {}, num_resamples=0, network=network)
  assert row['network'] == network and results.active(row) == active


def test_a_row_without_a_network_says_nothing_of_one():
  row = results.row(setting(), errors(), {}, num_resamples=0)
  assert 'network' not in row and results.active(row)


@pytest.mark.parametrize('network, words', [
    ({'changed': .1}, 'expected changed and variance'),
    ({'changed': float('nan'), 'variance': 0.}, 'is a share'),
    ({'changed': 1.1, 'variance': 0.}, 'is a share'),
    ({'changed': .1, 'variance': float('inf')}, 'is a share'),
])
def test_a_network_s_shares_are_shares(network, words):
  with pytest.raises(ValueError, match=words):
    results.row(setting(), errors(), {}, num_resamples=0, network=network)
