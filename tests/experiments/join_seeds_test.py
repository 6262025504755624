"""Several demos become one table, and each expected order is counted."""

import json

from experiments import join_seeds
from pinpoint_jax.evals import seeds

FIGURES = {'acc@1km': .1, 'acc@25km': .2, 'acc@200km': .3, 'acc@750km': .4,
           'acc@2500km': .5, 'geoscore': 2000., 'median_km': 900.}


def row(system, decode='argmax', gallery='combined', **figures):
  return {'table': 'demo', 'query_source': 'photo', 'queries': 'q',
          'system': system, 'gallery': gallery, 'filter': 'none',
          'decode': decode, 'variant': '', 'distance': 'haversine',
          'num_queries': 10, 'metrics': FIGURES | {
              name.replace('_', '@'): value for name, value in figures.items()},
          'ci95': {}, 'provenance': {}}


def runs(tmp_path):
  for seed, accuracy in enumerate((.3, .18)):
    (tmp_path / str(seed)).mkdir()
    (tmp_path / str(seed) / 'results.json').write_text(json.dumps([
        row('retrieval'), row('full', acc_25km=accuracy),
        row('full', 'expected_score', geoscore=2100.),
        row('full_single_source', gallery='same_source', acc_25km=.1)]))
  return f'{tmp_path / "0"},{tmp_path / "1"}'


def test_tables_orders_and_figures(binary, tmp_path):
  done = binary('join_seeds', f'--runs={runs(tmp_path)}',
                f'--out={tmp_path / "out"}')
  assert done.returncode == 0, done.stderr
  text = (tmp_path / 'out' / 'seeds.md').read_text()
  assert 'synthetic' in text and '2 seeds' in text
  assert '24.0 [18.0, 30.0]' in text
  # Above in one run of two, by a fifth in the mean.
  assert ('| q | acc@25km | retrieval argmax | full argmax | 20.0 → 24.0 | '
          '+20% | 1 of 2 |') in text
  assert '10.0 → 24.0' in text and '2000 → 2100 | +5% | 2 of 2' in text
  assert text in done.stdout
  assert len(json.loads((tmp_path / 'out' / 'seeds.json').read_text())) == 4


def test_what_is_not_there_is_named(binary, tmp_path):
  done = binary('join_seeds', f'--runs={tmp_path}', f'--out={tmp_path}')
  assert done.returncode == 1 and 'results.json is not there' in done.stderr


def test_figures_that_cannot_but_be_zero_are_no_order():
  rows = seeds.joined([[row('retrieval', acc_1km=0.), row('full', acc_1km=0.)]])
  figures = [one['figure'] for one in join_seeds.orders(rows)]
  assert figures == ['acc@25km']


def test_an_order_of_systems_that_are_missing_is_left_out():
  assert join_seeds.orders([]) == []
  assert ('acc@25km', ('raw_1nn', 'argmax'), ('location_top1', 'argmax')) in (
      list(join_seeds.expected()))
