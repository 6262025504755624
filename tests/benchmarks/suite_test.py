"""The driver of all benchmarks: what runs, what is kept, what the page says."""

import importlib.util
import json

import pytest

from benchmarks import parts, stages, suite, suite_page, targets

ONE = parts.Part('one', 'about one', 'one_bench', ('--rows=1',), 1.)
TWO = parts.Part('two', 'about two', 'two_bench', (), 2., 'search')
PYTHONS = {'search': 'a_python', 'torch': ''}


@pytest.fixture
def ran(monkeypatch):
  """Commands that would have been run; all of them end well."""
  commands = []
  def run(command, limit_s, log):
    commands.append((command[2:], limit_s))
    return dict(ended='done', wall_s=3., cpu_s=4., peak_gib=.5,
                peak_with_files_gib=1.)
  monkeypatch.setattr(stages, 'run', run)
  return commands


def test_limits_add_up_to_no_more_than_the_whole():
  assert sum(part.minutes for part in parts.PARTS) <= parts.LIMIT_MINUTES == 90
  names = [part.name for part in parts.PARTS]
  assert len(set(names)) == len(names)
  assert {target.part for target in targets.TARGETS} <= set(names)


@pytest.mark.parametrize('part', parts.PARTS, ids=lambda part: part.name)
def test_every_part_has_its_module(part):
  assert importlib.util.find_spec(f'benchmarks.{part.module}')


@pytest.mark.slow
def test_a_part_runs_with_its_words_its_peer_and_its_limit(ran, tmp_path):
  record = suite.run([ONE, TWO], PYTHONS, tmp_path, (), False)
  assert ran == [
      (['benchmarks.one_bench', '--rows=1', f'--out={tmp_path}/one.json'], 60),
      (['benchmarks.two_bench', '--peer_python=a_python',
        f'--out={tmp_path}/two.json'], 120)]
  assert json.loads((tmp_path / 'record.json').read_text()) == record
  assert record['one']['ended'] == 'done'


@pytest.mark.slow
def test_what_is_done_is_not_run_again_unless_its_words_changed(ran, tmp_path):
  suite.run([ONE], PYTHONS, tmp_path, (), False)
  suite.run([ONE], PYTHONS, tmp_path, (), False)
  assert len(ran) == 1
  suite.run([ONE], PYTHONS, tmp_path, (), True)
  assert len(ran) == 2
  other = parts.Part('one', '', 'one_bench', ('--rows=2',), 1.)
  suite.run([other], PYTHONS, tmp_path, (), False)
  assert len(ran) == 3
  suite.run([other, TWO], PYTHONS, tmp_path, ('two',), True)
  assert ran[3][0][0] == 'benchmarks.two_bench' and len(ran) == 4


def test_no_peer_and_no_time_are_said(ran, tmp_path):
  record = suite.run([ONE, TWO], {'search': ''}, tmp_path, (), False, .5)
  assert not ran
  assert record['one']['ended'] == 'left out: 0 minutes were left'
  assert record['two']['ended'] == 'left out: no --search_python'


def test_a_target_is_met_missed_or_not_measured():
  some = [targets.Target(5, about, part, lambda x: x['ms'], 4., at_least,
                         'ms', 'the reason')
          for about, part, at_least in (
              ('fast', 'a', True), ('slow', 'a', False),
              ('absent', 'b', True), ('broken', 'c', True))]
  results = {'a': {'ms': 5.}, 'b': None, 'c': {}}
  rows = list(suite_page.target_rows(some, results, {}))
  assert rows[0][3:] == ('5 ms', '1.25', 'met', '')
  assert rows[1][3:] == ('5 ms', '0.80', '**missed**', 'the reason')
  assert rows[2][3:] == ('–', '–', 'not measured', '')
  busy = list(suite_page.target_rows(some, results, {'a': {'busy_before': 9.}}))
  assert [row[5] for row in busy[:2]] == ['met', 'not shown: busy machine']
  assert rows[3][5] == 'not measured' and "c has no 'ms'" in rows[3][6]


def test_peers_are_compared_by_the_best_of_them():
  searched = {name: {'ours_over_this_wall': times} for name, times in (
      ('ours', 1.), ('bare', .9), ('our_faiss', .8), ('faiss', 1.2),
      ('usearch', 5.))}
  assert targets.of_peers(searched) == 1.2
  # Ours by faiss takes .8 of the time that ours by ScaNN takes.
  assert targets.of_chosen(searched) == pytest.approx(1.5)
  searched['our_faiss']['ours_over_this_wall'] = 2.
  assert targets.of_chosen(searched) == 1.2


def test_the_page_has_targets_growth_and_parts(tmp_path):
  sizes = [dict(rows=rows, raw='int8', processor='Abacus', **dict.fromkeys((
      'built_s', 'built_cpu_s', 'verified_s', 'peak_gib', 'bytes_per_row',
      'index_bytes_per_row', 'one_query_ms', 'batch_cpu_ms', 'recall'), 1.),
                one_query_cpu_ms=cost)
           for rows, cost in ((10_000, 1.), (1_000_000, 10.))]
  (tmp_path / 'large_gallery.json').write_text(json.dumps(
      {'sizes': sizes, 'growth': .5}))
  # What an earlier run has left is no result of a part that failed.
  (tmp_path / 'audit.json').write_text(json.dumps(
      {'parts': {'features': {'wall_s': 1.}}}))
  suite_page.write(tmp_path / 'page.md', tmp_path, parts.PARTS, {
      'metrics': dict(ended='done', wall_s=60.),
      'large_gallery': dict(ended='done'), 'audit': dict(ended='failed')})
  page = (tmp_path / 'page.md').read_text()
  # One target of the growth is met; nothing else was measured.
  assert ': 1 met, 0 missed' in page
  assert '| metrics | errors and bootstrap | done |' in page
  assert ('10,000 to 1,000,000 rows on one kind of processor (Abacus): the\n'
          '0.50th power of the rows') in page
  picture = (tmp_path / 'page_growth.svg').read_text()
  assert picture.startswith('<svg xmlns') and 'measured' in picture
