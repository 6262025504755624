"""Rows of several runs as one, by hand."""

from pinpoint_jax.evals import seeds
import pytest


def row(value, **changes):
  return {'table': 'demo', 'query_source': 'photo', 'queries': 'q',
          'system': 'full', 'gallery': 'combined', 'filter': 'none',
          'decode': 'argmax', 'variant': '', 'distance': 'haversine',
          'num_queries': 10, 'metrics': {'acc@25km': value},
          'provenance': {}} | changes


def test_mean_lowest_and_highest():
  one, = seeds.joined([[row(.1)], [row(.4)], [row(.1)]])
  assert one['metrics']['acc@25km'] == pytest.approx(.2)
  assert one['range'] == {'acc@25km': [.1, .4]}
  assert one['by_run'] == {'acc@25km': [.1, .4, .1]}
  assert one['system'] == 'full' and one['num_queries'] == 10


def test_rows_are_matched_by_what_they_are_about_not_by_place():
  light = dict(system='light')
  result = seeds.joined([[row(.1), row(.2, **light)],
                         [row(.4, **light), row(.3)]])
  assert [one['by_run']['acc@25km'] for one in result] == [[.1, .3], [.2, .4]]


@pytest.mark.parametrize('runs, words', [
    ([[row(.1)], [row(.1), row(.1, system='light')]], 'differ in 1 rows'),
    ([[row(.1), row(.2)]], 'the same'),
    ([], 'no run to join'),
])
def test_runs_that_cannot_be_joined_are_refused(runs, words):
  with pytest.raises(ValueError, match=words):
    seeds.joined(runs)
