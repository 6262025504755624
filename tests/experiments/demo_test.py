"""The demo on tiny worlds: twice the same, every row, claims that can fail."""

import json

from experiments.configs import demo as demo_config
from experiments.demo_stages import claims as demo_claims
from experiments.demo_stages import figures as demo_figures
from pinpoint_jax.evals import errors_file, results
import pytest

from tests.fixtures import tiny_training

pytestmark = pytest.mark.slow

CONFIG = '--config=experiments/configs/demo.py:quick'
SYSTEMS = ('raw_1nn', 'image_top1', 'location_top1', 'retrieval', 'light',
           'linear', 'interaction', 'full', 'full_no_support', 'region_prior',
           'ideal')
QUERIES = ('query_photo_known', 'query_photo_new', 'query_street')


def run(binary, workdir, *args, config=CONFIG):
  done = binary('demo', config, f'--workdir={workdir}', *args,
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
    result.append((rows, {file.name: file.read_bytes() for file in (
        *store.glob('[!.]*'), workdir / 'report.html')},
                   store.stat().st_ino))
  return result, workdir


def figures(rows):
  return [{key: value for key, value in row.items() if key != 'provenance'}
          for row in rows]


def test_twice_the_same_figures_stores_and_page(runs):
  (one, first, inode), (two, second, another) = runs[0]
  assert figures(one) == figures(two)
  assert one[0]['provenance']['data_hash'] == two[0]['provenance']['data_hash']
  assert first == second
  assert inode != another  # Made again, not found again.


def test_every_row_that_is_promised(runs):
  rows = runs[0][0][0]
  names = ('queries', 'system', 'filter', 'decode')
  promised = set()
  for queries in QUERIES:
    promised |= {(queries, 'chance', 'none', 'argmax'),
                 *((queries, 'constant', 'none', decode)
                   for decode in ('argmax', 'expected_score'))}
    for name in ('none', 'author') if 'known' in queries else ('none',):
      promised.add((queries, 'oracle', name, 'argmax'))
      promised |= {(queries, system, name, decode) for system in SYSTEMS
                   if system != 'ideal' or name == 'none'
                   for decode in ('argmax', 'expected_score')}
  assert {tuple(row[name] for name in names) for row in rows} == promised
  assert {row['gallery'] for row in rows} == {'combined'}
  assert all(row['system'] == 'oracle' for row in rows if row['variant'])


def test_networks_say_what_they_do(runs):
  for row in runs[0][0][0]:
    has_network = row['system'] in (
        'light', 'interaction', 'full', 'full_no_support')
    assert ('network' in row) == has_network


def test_errors_are_those_of_the_rows(runs):
  (rows, _, _), workdir = runs[0][0], runs[1]
  saved = errors_file.read(workdir / 'errors').errors
  for row in rows:
    if row['system'] != 'chance':
      share = (saved[results.key(row)].dist_km < 25).mean()
      assert share == pytest.approx(row['metrics']['acc@25km'])


def test_claims_are_judged_by_the_rows_there_are(runs):
  workdir = runs[1]
  verdicts = json.loads((workdir / 'claims.json').read_text())
  texts = {row['claim']['text'] for row in verdicts}
  assert 'the reranker beats the fused retrieval (photos)' in texts
  assert not any('pairwise' in text for text in texts)
  table = (workdir / 'table.html').read_text()
  assert 'Claims' in table and 'href="report.html"' in table
  assert f'Of {len(verdicts)} claims' in (
      workdir / 'report.html').read_text()


@pytest.mark.long
def test_a_network_that_does_nothing_fails_the_table(binary, tmp_path):
  rows = run(binary, tmp_path, '--config.jobs=0',
             '--config.interaction.optimizer.learning_rate=0.')
  network = [row['network'] for row in rows
             if row['system'] in ('interaction', 'full')]
  assert network and all(
      effect == {'changed': 0, 'variance': 0} for effect in network)
  verdicts = {row['claim']['text']: row['verdict'] for row in json.loads(
      (tmp_path / 'claims.json').read_text())}
  for kind in ('photos', 'street views'):
    assert verdicts[
        f'its network beats its own linear part ({kind})'] == 'part inactive'
    assert verdicts[
        f'support of the other source helps ({kind})'] == 'part inactive'
  assert 'network inactive' in (tmp_path / 'table.html').read_text()
  assert 'changes fewer than 5 %' in (tmp_path / 'report.html').read_text()


@pytest.mark.long
def test_the_drawn_world_takes_the_same_way(binary, tmp_path):
  rows = run(binary, tmp_path, config=f'{CONFIG},pixels')
  assert {row['queries'] for row in rows} == set(QUERIES)
  assert rows[0]['provenance']['backbone'].startswith('demo (')
  assert 'samples.png' in (tmp_path / 'table.html').read_text()
  page = (tmp_path / 'report.html').read_text()
  assert page.count('src="data:image/webp') == 6 * 4
  assert 'as sure as it should be' in page


def test_the_published_demo_compares_every_part():
  config = demo_config.get_config('full')
  parts = list(demo_figures.parts(config))
  assert {part.embedder for part in parts} == {
      'both', 'photo', 'street', 'geoclip_style'}
  ablations = demo_config.get_config('full,ablations').rerankers
  variants = {reranker.variant for reranker in ablations.values()}
  assert variants == {
      '', 'no own source', 'no region', 'no hubness', 'no density',
      'no columns', 'lists by similarity', 'Plackett–Luce loss'}


def test_claims_name_rows_of_the_full_table():
  named = {*SYSTEMS}
  for arg in ('full', 'full,ablations'):
    config = demo_config.get_config(arg)
    named |= set(config.rerankers) | {
        system for part in demo_figures.parts(config)
        for system, _ in (part.kept or {}).values()}
  for claim in demo_claims.every():
    assert {claim.better.system, claim.base.system} <= named, claim.text


def test_each_part_left_out_stands_beside_the_whole():
  made = lambda system, gallery='combined', variant='', **rest: {
      'queries': 'q', 'system': system, 'gallery': gallery, 'filter': 'none',
      'decode': 'argmax', 'variant': variant} | rest
  rows = [made('raw_1nn'), made('retrieval'), made('full', filter='author'),
          made('full', variant='no region'), made('full', 'same_source'),
          made('full', decode='expected_score'), made('full'),
          made('full_no_support')]
  result = demo_figures.left_out(rows)
  assert [rows.index(row) for row in result] == [6, 4, 7, 1, 3, 5]
  assert rows[3] not in demo_figures.systems(rows)


def test_an_oracle_is_never_beaten(runs):
  rows = {(row['queries'], row['filter'], row['system'] + row['variant']):
          row['metrics']['acc@25km']
          for row in runs[0][0][0] if row['decode'] == 'argmax'}
  for (*where, system), value in rows.items():
    if system in ('full', 'linear', 'ideal'):
      assert value <= rows[*where, 'oracle@12 by region']


def test_what_an_author_s_own_photos_are_worth():
  made = lambda system, name, share: {
      'queries': 'query_photo_known', 'gallery': 'combined', 'variant': '',
      'decode': 'argmax', 'system': system, 'filter': name,
      'metrics': {'acc@1km': share}}
  rows = [made('raw_1nn', 'none', .3), made('raw_1nn', 'author', .1),
          made('full', 'none', .2)]
  assert demo_figures.leaks(rows) == ['raw_1nn 30.0% to 10.0%, 67% less']


@pytest.mark.parametrize('name', ['report.html', 'table.html'])
def test_the_pages_say_what_they_are(runs, name):
  page = (runs[1] / name).read_text()
  assert 'synthetic' in page and 'nothing about real' in page


def test_the_page_has_every_part(runs):
  page = (runs[1] / 'report.html').read_text()
  assert page.count('src="data:image/webp') == 6 * 4
  for heading in ('Where it is right', 'How often, how near', 'Every error',
                  'What the gallery knows nearby', 'How it learned',
                  'Is it as sure as it should be?', 'The figures'):
    assert f'<h2>{heading}</h2>' in page
  assert str(runs[1]) not in page  # Nothing of the machine.


def test_the_router_s_accuracy_is_reported(runs):
  workdir = runs[1]
  figures = json.loads((workdir / 'router' / 'figures.json').read_text())
  said = f'{figures["test"]["accuracy"]:.2%} of the queries'
  for name in ('report.html', 'table.html'):
    assert said in (workdir / name).read_text()


def test_the_run_is_recorded(runs):
  workdir = runs[1]
  record = json.loads((workdir / 'run.json').read_text())
  assert set(record['seeds']) == {
      'seed', 'embedder.seed', 'attention.seed', 'interaction.seed',
      'light.seed'}
  assert record['versions']['jax']
  assert 'world.variant = ' in (workdir / 'config.txt').read_text()
