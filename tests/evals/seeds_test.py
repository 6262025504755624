"""Rows of several runs as one, by hand."""

import numpy as np
from pinpoint_jax.evals import metrics, results, seeds
import pytest


def row(value, **changes):
  return {'table': 'demo', 'query_source': 'photo', 'queries': 'q',
          'system': 'full', 'gallery': 'combined', 'filter': 'none',
          'decode': 'argmax', 'variant': '', 'distance': 'haversine',
          'num_queries': 10, 'metrics': {'acc@25km': value},
          'provenance': {}} | changes


def test_mean_and_deviation():
  joined, = seeds.joined([[row(.1)], [row(.4)], [row(.1)]])
  assert joined['metrics']['acc@25km'] == pytest.approx(.2)
  # √((0.1² + 0.2² + 0.1²)/2)
  assert joined['sd'] == {'acc@25km': pytest.approx(.03 ** .5)}
  assert joined['by_run'] == {'acc@25km': [.1, .4, .1]}
  assert joined['system'] == 'full' and joined['num_queries'] == 10


def test_one_run_has_no_deviation():
  joined, = seeds.joined([[row(.1)]])
  assert joined['sd'] == {} and joined['metrics'] == {'acc@25km': .1}


def test_rows_are_matched_by_what_they_are_about_not_by_place():
  light = dict(system='light')
  joined = seeds.joined([[row(.1), row(.2, **light)],
                         [row(.4, **light), row(.3)]])
  assert [some['by_run']['acc@25km'] for some in joined] == [
      [.1, .3], [.2, .4]]


def test_a_network_is_as_active_as_in_its_least_active_run():
  runs = [[row(.1, network={'changed': changed, 'variance': .3})]
          for changed in (.2, .04)]
  joined, = seeds.joined(runs)
  assert joined['network'] == pytest.approx(
      {'changed': .12, 'variance': .3, 'lowest_changed': .04})
  assert not results.active(joined)
  assert results.active(seeds.joined(runs[:1])[0])
  assert 'network' not in seeds.joined([[row(.1)]])[0]


def test_provenance_is_what_all_runs_share():
  joined, = seeds.joined([
      [row(.1, provenance={'git': 'abc', 'data': seed})] for seed in 'xy'])
  assert joined['provenance'] == {'git': 'abc', 'num_runs': 2}


@pytest.mark.parametrize('runs, words', [
    ([[row(.1)], [row(.1), row(.1, system='light')]], 'differ in 1 rows'),
    ([[row(.1), row(.2)]], 'the same'),
    ([], 'no run to join'),
    ([[row(.1)], [row(.1, network={'changed': 1., 'variance': 1.})]],
     '1 of 2 runs say what its network does'),
])
def test_runs_that_cannot_be_joined_are_refused(runs, words):
  with pytest.raises(ValueError, match=words):
    seeds.joined(runs)


def test_errors_must_be_those_behind_the_figures():
  errors = metrics.Errors(np.asarray([5., 5000.]), np.asarray(['a', 'b']))
  key = results.key(row(.5))
  seeds.check_errors([row(.5)], {key: errors})
  with pytest.raises(ValueError, match='acc@25km is 0.6 in its row, but 0.5'):
    seeds.check_errors([row(.6)], {key: errors})
  with pytest.raises(ValueError, match='there is no row'):
    seeds.check_errors([row(.5)], {key._replace(variant='x'): errors})
