"""Every pair of systems, and what an interval shows of them."""

import json

import numpy as np
from pinpoint_jax.evals import comparison, metrics

PEOPLE = np.asarray([f'a:{i // 2}' for i in range(40)])


def near(count):
  return metrics.Errors(np.where(np.arange(40) < count, 5., 3000.), PEOPLE)


def test_each_pair_once_with_both_figures():
  rows = comparison.rows({'x': near(32), 'y': near(16), 'z': near(32)}, 200)
  assert [(row['system'], row['base']) for row in rows[::6]] == [
      ('x', 'y'), ('x', 'z'), ('y', 'z')]
  row, = [row for row in rows[:6] if row['figure'] == 'acc@25km']
  # 16 of 40 photos, by 8 of 20 people.
  assert (row['system_figure'], row['base_figure']) == (80., 40.)
  assert (row['difference'], row['num_differing']) == (40., 8)
  assert row['num_queries'] == 40 and row['num_clusters'] == 20
  assert row['verdict'] == 'better' and row['interval'][0] > 0
  assert json.loads(json.dumps(rows, allow_nan=False))


def test_too_few_people_show_nothing():
  rows = comparison.rows({'x': near(26), 'y': near(16)}, 200)
  by_figure = {row['figure']: row for row in rows}
  assert by_figure['acc@25km']['difference'] == 25.
  assert by_figure['acc@25km']['verdict'] == 'not shown'
  assert by_figure['acc@1km']['verdict'] == 'not shown'


def test_the_order_turns_the_sign_and_the_verdict():
  one, = [row for row in comparison.rows({'y': near(16), 'x': near(32)}, 200)
          if row['figure'] == 'geoscore']
  assert one['difference'] < 0 and one['verdict'] == 'worse'


def test_as_many_people_for_one_as_for_the_other_show_nothing():
  apart = metrics.Errors(near(16).dist_km[::-1].copy(), PEOPLE)
  row, = [row for row in comparison.rows({'x': near(16), 'y': apart}, 200)
          if row['figure'] == 'acc@25km']
  assert row['num_differing'] == 16 and row['difference'] == 0
  assert row['interval'][0] < 0 < row['interval'][1]
  assert row['verdict'] == 'not shown'
