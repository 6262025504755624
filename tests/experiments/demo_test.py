"""The demo on the tiny world: twice the same, with every row it promises."""

import json

from experiments import demo
import pytest

from tests.experiments import tiny_training as tiny

CONFIG = '--config=experiments/configs/demo.py:quick'


def run(binary, workdir, *args):
  done = binary('demo', CONFIG, f'--workdir={workdir}', *args,
                env=tiny.environment())
  assert done.returncode == 0, done.stderr
  return json.loads((workdir / 'results.json').read_text())


@pytest.fixture(scope='module')
def runs(binary, tmp_path_factory):
  """Two runs in one folder: the second begins anew."""
  workdir = tmp_path_factory.mktemp('demo')
  found = []
  for _ in range(2):
    rows = run(binary, workdir)
    store = workdir / 'features' / 'query_street' / 'store'
    found.append((rows, {file.name: file.read_bytes()
                         for file in store.iterdir()},
                  store.stat().st_ino))
  return found, workdir


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
  names = ('queries', 'gallery', 'system', 'variant', 'filter', 'decode')
  found = {tuple(row[name] for name in names) for row in rows}
  promised = set()
  for queries in demo.QUERIES:
    for gallery in ('combined', 'same_source'):
      promised.add((queries, gallery, 'chance', '', 'none', 'argmax'))
      for name in ('none', 'author'):
        promised.add((queries, gallery, 'raw_1nn', '', name, 'argmax'))
        for decode in ('argmax', 'expected_score'):
          about = gallery, 'location_top1', '', name, decode
          promised.add((queries, *about))
          if gallery == 'combined':
            promised.add((queries, *about[:2], 'one source', *about[3:]))
  assert found == promised and len(rows) == len(promised) == 3 * (3 + 3 + 12)


def test_the_page_says_what_it_is_and_with_what(runs):
  (rows, _, _), workdir = runs[0][0], runs[1]
  page = (workdir / 'report.html').read_text()
  assert 'synthetic' in page and 'nothing about real' in page
  assert rows[0]['provenance']['model'].startswith('demo (')


def test_the_run_is_recorded(runs):
  workdir = runs[1]
  record = json.loads((workdir / 'run.json').read_text())
  assert record['seeds'] == {'seed': 0, 'embedder.seed': 0}
  assert record['versions']['jax']
  assert 'world_size = ' in (workdir / 'config.txt').read_text()
