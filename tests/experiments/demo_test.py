"""The demo on the tiny world: twice the same, with every row it promises."""

import json

from experiments import demo
from experiments.configs import demo as demo_config
from experiments.demo_stages import figures as demo_figures
import pytest

from tests.fixtures import tiny_training

pytestmark = pytest.mark.slow

CONFIG = '--config=experiments/configs/demo.py:quick'
SYSTEMS = ('raw_1nn', 'image_top1', 'location_top1', 'retrieval', 'light',
           'full')


def run(binary, workdir, *args):
  done = binary('demo', CONFIG, f'--workdir={workdir}', *args,
                env=tiny_training.environment())
  assert done.returncode == 0, done.stderr
  return json.loads((workdir / 'results.json').read_text())


@pytest.fixture(scope='module')
def runs(binary, tmp_path_factory):
  """Two runs in one folder: the second begins anew, in more processes."""
  workdir = tmp_path_factory.mktemp('demo')
  result = []
  for jobs in (0, 2):
    rows = run(binary, workdir, f'--config.jobs={jobs}')
    store = workdir / 'features' / 'query_street' / 'store'
    # .verified.json has times, and is there where the machine is slow.
    result.append((rows, {file.name: file.read_bytes()
                          for file in store.glob('[!.]*')},
                   store.stat().st_ino))
  return result, workdir


def figures(rows):
  return [{key: value for key, value in row.items() if key != 'provenance'}
          for row in rows]


def test_twice_the_same_figures_and_stores(runs):
  (one, first, inode), (two, second, another) = runs[0]
  assert figures(one) == figures(two)
  assert one[0]['provenance']['data_hash'] == two[0]['provenance']['data_hash']
  assert first == second
  assert inode != another  # Made again, not found again.


def test_every_row_that_is_promised(runs):
  rows = runs[0][0][0]
  names = ('queries', 'gallery', 'system', 'filter', 'decode')
  result = [tuple(row[name] for name in names) for row in rows]
  promised = set()
  for queries in demo.QUERIES:
    for gallery in ('combined', 'same_source'):
      promised.add((queries, gallery, 'chance', 'none', 'argmax'))
      for name in ('none', 'author'):
        promised.add((queries, gallery, 'oracle', name, 'argmax'))
        # On its own source alone the light one is not asked.
        promised |= {(queries, gallery, system, name, decode)
                     for system in SYSTEMS
                     if system != 'light' or gallery == 'combined'
                     for decode in ('argmax', 'expected_score')}
  assert set(result) == promised
  # One oracle for each list that a system of the gallery chooses from.
  lists = {(row['gallery'], row['variant']) for row in rows if row['variant']}
  assert {system for system, _ in lists} == {'combined', 'same_source'}
  assert all(row['system'] == 'oracle' for row in rows if row['variant'])
  plain = [name for name, row in zip(result, rows) if not row['variant']]
  assert len(set(plain)) == len(plain)


def test_the_published_demo_compares_every_part():
  config = demo_config.get_config()
  result = list(demo_figures.parts(config))
  variants = {part.variant for part in result}
  assert variants == {
      '', 'one source', 'no location channel', 'no raw channel', 'no prior',
      'set-aware'}
  assert {part.embedder for part in result} == {
      'both', 'photo', 'street', 'geoclip_style'}


def test_each_part_left_out_stands_beside_the_whole():
  made = lambda system, gallery='combined', variant='', **rest: {
      'queries': 'q', 'system': system, 'gallery': gallery, 'filter': 'none',
      'decode': 'argmax', 'variant': variant} | rest
  rows = [made('raw_1nn'), made('retrieval'), made('full', filter='author'),
          made('full', variant='no prior'), made('full', 'same_source'),
          made('full', decode='expected_score'), made('full'),
          made('full_no_support')]
  result = demo_figures.left_out(rows)
  assert [rows.index(row) for row in result] == [6, 4, 7, 1, 3, 5]
  assert rows[3] not in demo_figures.systems(rows)


def test_the_router_s_accuracy_is_reported(runs):
  workdir = runs[1]
  figures = json.loads((workdir / 'router' / 'figures.json').read_text())
  said = f'{figures["test"]["accuracy"]:.2%} of the queries'
  assert said in (workdir / 'report.html').read_text()


def test_an_oracle_is_never_beaten(runs):
  rows = {(row['queries'], row['gallery'], row['filter'],
           row['system'] + row['variant']): row['metrics']['acc@25km']
          for row in runs[0][0][0] if row['decode'] == 'argmax'}
  longest = max((name for *_, name in rows if '@' in name),
                key=lambda name: int(name.partition('@')[2]))
  for (*where, system), value in rows.items():
    if system == 'light':
      assert value <= rows[*where, longest]


def test_the_page_says_what_it_is_and_with_what(runs):
  (rows, _, _), workdir = runs[0][0], runs[1]
  page = (workdir / 'report.html').read_text()
  assert 'synthetic' in page and 'nothing about real' in page
  assert rows[0]['provenance']['backbone'].startswith('demo (')


def test_the_run_is_recorded(runs):
  workdir = runs[1]
  record = json.loads((workdir / 'run.json').read_text())
  assert record['seeds'] == {'seed': 0, 'embedder.seed': 0,
                             'attention.seed': 0, 'light.seed': 0}
  assert record['versions']['jax']
  assert 'world_size = ' in (workdir / 'config.txt').read_text()
