"""Verdicts on claims, of tables made to deserve them."""

import json

import numpy as np
from pinpoint_jax.evals import claims, metrics, results
from pinpoint_jax.evals.claims import Claim, System
import pytest

FULL, BASE = System('full'), System('retrieval')
NEAR, FAR = 5., 5000.


def run(counts, queries='q', network=None, clusters=None):
  """Both right, only full, only retrieval, neither: so many queries."""
  num = sum(counts)
  names = np.asarray(clusters or [f'i:{queries}:{i}' for i in range(num)])
  table = {
      FULL.on(queries): np.repeat([NEAR, NEAR, FAR, FAR], counts),
      BASE.on(queries): np.repeat([NEAR, FAR, NEAR, FAR], counts)}
  errors = {key: metrics.Errors(dist_km, names)
            for key, dist_km in table.items()}
  rows = [results.row(results.Setting(
      'demo', 'photo', key.system, 'combined', queries=queries), some, {},
                      num_resamples=0,
                      network=network if key.system == 'full' else None)
          for key, some in errors.items()]
  return claims.Run(rows, errors)


def claim(**changes):
  return Claim('full is better', FULL, BASE,
               **{'queries': ('q',), **changes})


def verdict(counts, *, network=None, clusters=None, **changes):
  row, = claims.judged([claim(**changes)],
                       [run(counts, network=network, clusters=clusters)])
  return row['verdict']


@pytest.mark.parametrize('counts, minimum, expected', [
    ((300, 60, 10, 630), 0, 'held'),
    ((300, 10, 60, 630), 0, 'refuted'),
    ((300, 32, 28, 640), 0, 'not shown'),
    # +5 points, give or take 1.6.
    ((300, 60, 10, 630), 3, 'held'),
    ((300, 60, 10, 630), 5, 'not shown'),
    ((300, 60, 10, 630), 7, 'refuted'),
    # Nothing differs; five agree; one photographer.
    ((300, 0, 0, 700), 0, 'not shown'),
    ((300, 5, 0, 700), 0, 'not shown'),
])
def test_verdicts(counts, minimum, expected):
  assert verdict(counts, minimum=minimum) == expected


def test_one_photographer_shows_nothing():
  row, = claims.judged([claim()], [run((0, 9, 0, 0), clusters=['a:x'] * 9)])
  assert row['verdict'] == 'not shown' and row['difference'] == 100
  assert 'differ, at least 6' in row['reason']
  assert row['interval'] is None and row['smallest_visible'] is None


def test_a_share_of_base_can_be_the_minimum():
  # 35 % against 30 %: +17 % ± 5.
  counts = (290, 60, 10, 640)
  assert verdict(counts, minimum=.10, relative=True) == 'held'
  assert verdict(counts, minimum=.15, relative=True) == 'not shown'
  assert verdict(counts, minimum=.30, relative=True) == 'refuted'


def test_a_share_of_nothing_is_not_shown():
  row, = claims.judged([claim(relative=True)], [run((0, 30, 0, 9))])
  assert row['verdict'] == 'not shown' and 'base' in row['reason']


@pytest.mark.parametrize('changed, expected', [
    (.0499, 'part inactive'), (.05, 'held'), (0., 'part inactive')])
def test_a_network_that_does_nothing_proves_nothing(changed, expected):
  network = {'changed': changed, 'variance': .2}
  assert verdict((300, 60, 10, 630), network=network) == expected
  row, = claims.judged([claim()], [run((300, 60, 10, 630), network=network)])
  assert ('fewer than 5% of the answers to q' in row['reason']) == (
      expected == 'part inactive')


def test_one_seed_with_an_idle_network_is_enough():
  idle = {'changed': .01, 'variance': 0.}
  row, = claims.judged([claim()], [run((300, 60, 10, 630)),
                                   run((300, 60, 10, 630), network=idle)])
  assert row['verdict'] == 'part inactive'


def test_seeds_together_show_what_none_shows_alone():
  runs = [run((300, 18, 10, 672)) for _ in range(3)]
  alone, = claims.judged([claim()], runs[:1])
  together, = claims.judged([claim()], runs)
  assert (alone['verdict'], together['verdict']) == ('not shown', 'held')
  assert together['num_queries'] == 3 * alone['num_queries'] == 3000
  assert together['num_clusters'] == 3000
  assert len(together['by_run']) == 3
  assert together['smallest_visible'] < alone['smallest_visible']


def test_query_sets_together_share_their_photographers():
  names = [f'a:{i % 50}' for i in range(200)]
  known, new = (run((50, 40, 10, 100), name, clusters=names)
                for name in ('known', 'new'))
  both = claims.Run([*known.rows, *new.rows], {**known.errors, **new.errors})
  row, = claims.judged([claim(queries=('known', 'new'))], [both])
  assert row['num_queries'] == 400 and row['num_clusters'] == 50


def test_rows_are_json_and_say_what_was_claimed():
  given = [claim(), claim(statistic='geoscore', minimum=20.),
           Claim('decoding helps', FULL._replace(decode='argmax'),
                 System('retrieval'), ('q',), relative=True)]
  rows = claims.judged(given, [run((300, 60, 10, 630))])
  again = json.loads(json.dumps(rows, allow_nan=False))
  assert [Claim.from_row(row) for row in again] == given
  assert claims.judged(given, [run((300, 60, 10, 630))]) == rows


def test_statistics_of_one_comparison_are_its_own():
  rows = claims.judged([claim(), claim(statistic='acc@1km')],
                       [run((300, 60, 10, 630))])
  assert [row['difference'] for row in rows] == pytest.approx([5, 0])


def test_what_cannot_be_judged_is_refused():
  with pytest.raises(ValueError, match='no errors of .*other'):
    claims.judged([claim(queries=('other',))], [run((3, 6, 0, 6))])
  with pytest.raises(ValueError, match='statistic .median_km. is unknown'):
    claim(statistic='median_km')
  with pytest.raises(ValueError, match='about no query set'):
    claim(queries=())


def test_a_system_is_called_by_what_is_unusual_about_it():
  assert str(System('full')) == 'full'
  assert str(System('full', variant='no prior', decode='expected_score')) == (
      'full (expected_score, no prior)')
