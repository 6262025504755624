"""From the owners' files to the tables, killed on the way: the same tables."""

import json
import subprocess
import sys

from experiments import reproduce
from experiments.run import config_file, launch
import pytest

from tests.conftest import ROOT
from tests.fixtures import killed_chains, limits


def figures(folder):
  """Rows of a table without how long they took and where they lay."""
  rows = json.loads((folder / 'results.json').read_text())
  return [{key: value for key, value in row.items() if key != 'provenance'}
          | {'data': row['provenance']['data']} for row in rows]


@pytest.mark.long
def test_killed_at_random_points_all_benchmarks_have_the_same_tables(tmp_path):
  done = subprocess.run(
      [sys.executable, '-m', 'tests.fixtures.killed_chains', str(tmp_path),
       '1'], cwd=ROOT, capture_output=True, text=True, timeout=limits.SECONDS)
  assert done.returncode == 0, done.stderr
  assert done.stdout.count('killed') == 3, done.stdout
  for name in killed_chains.BENCHMARKS:
    whole, killed = (tmp_path / way / 'runs' / name
                     for way in ('whole', 'killed'))
    rows = figures(whole)
    assert figures(killed) == rows
    assert {row['system'] for row in rows} >= {
        'raw_1nn', 'retrieval', 'full_pairwise'}
    assert {row['table'] for row in rows} == {name}
    # Photos search photos, street views both.
    assert {row['gallery'] for row in rows} == {
        'combined' if name == 'osv5m' else 'same_source'}
    assert {row['filter'] for row in rows} == {'none', 'author'}
  log = (tmp_path / 'killed' / 'log.txt').read_text()
  assert 'mp16_pro: done before' in log and 'embedder: done before' in log


def test_nothing_is_begun_while_anything_is_missing(tmp_path, capsys):
  config = config_file.load('yfcc4k')
  run = launch.Run(config, {'plan': False, 'subset': 0}, tmp_path / 'w')
  with pytest.raises(ValueError, match='yfcc4k: 9 inputs are missing, listed '
                     'above.*--subset=N takes a part') as refused:
    reproduce.main(run)
  assert '\n' not in str(refused.value)
  assert capsys.readouterr().out.count('missing: ') == 9
  assert not list(tmp_path.iterdir())


def test_a_subset_of_nothing_is_refused(tmp_path):
  run = launch.Run(config_file.load('yfcc4k'), {'plan': True, 'subset': -1},
                   tmp_path)
  with pytest.raises(ValueError, match='--subset=-1: must be at least 1'):
    reproduce.main(run)
