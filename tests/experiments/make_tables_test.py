"""`make_tables`: results of runs to tables in three formats."""

import json
import shlex

from experiments import make_tables
from experiments.run import config_file
import pytest

from tests.report.benchmark_tables_test import every_row, row


def results(folder, name, rows):
  path = folder / name / 'results.json'
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(json.dumps(rows))
  return path.parent


def test_three_files_say_the_same(tmp_path):
  runs = [results(tmp_path, 'y', every_row()),
          results(tmp_path, 'i', [row('full', 'im2gps3k')]) / 'results.json']
  written = make_tables.make(runs, tmp_path / 'out')
  assert [path.name for path in written] == [
      'tables.md', 'tables.tex', 'tables.html']
  markdown, latex, page = (path.read_text() for path in written)
  for text in (markdown, latex, page):
    assert text.index('IM2GPS3k') < text.index('YFCC4k')
    assert 'GeoCLIP' in text and '44.4' in text
    # A figure of ours, its interval, a missing one and its command.
    assert '50.0' in text and 'missing' in text
    assert 'experiments.reproduce --config=im2gps3k' in text
  assert page.count('<h2>') == markdown.count('\n## ') == 2
  assert latex.count(r'\begin{tabular}') == 2
  assert '<code>python -m experiments.reproduce' in page
  assert page.startswith('<!doctype html>') and 'http' not in page


def test_tables_that_are_named_are_made_without_a_result(tmp_path):
  written = make_tables.make([], tmp_path, ['osv5m', 'commons26'])
  text = written[0].read_text()
  assert '## OSV-5M' in text and '## commons26' in text
  assert text.count('| constant | ours |') == 2
  written = make_tables.make([], tmp_path, ['osv5m'],
                             command_fn=lambda name: f'redo {name}')
  assert 'filled by `redo osv5m`' in written[0].read_text()


def test_nothing_to_show_is_refused(tmp_path):
  with pytest.raises(ValueError, match='no table to make'):
    make_tables.make([], tmp_path)


def test_a_row_that_two_files_have_is_refused_with_both_names(tmp_path):
  runs = [results(tmp_path, name, [row('full')]) for name in 'ab']
  with pytest.raises(ValueError, match=r"a and .*b both have figures of "
                     r"\('yfcc4k', 'full', 'combined', 'none'"):
    make_tables.make(runs, tmp_path / 'out')
  with pytest.raises(ValueError, match='twice'):
    make_tables.make([results(tmp_path, 'c', [row('full')] * 2)],
                     tmp_path / 'out')


@pytest.mark.parametrize('name', ['im2gps3k', 'yfcc4k', 'osv5m', 'commons26',
                                  'mine'])
def test_the_command_that_fills_a_cell_is_one_that_its_binary_takes(name):
  words = shlex.split(make_tables.command(name))
  binary, spec = (('evaluate', 'evaluate') if name == 'mine'
                  else ('reproduce', name))
  assert words[:4] == ['python', '-m', f'experiments.{binary}',
                       f'--config={spec}']
  config_file.check_override_names(config_file.load(spec), words[2:])
  assert any(word.startswith('--workdir=') for word in words)


def test_the_binary_prints_the_tables_and_where_they_are(binary, tmp_path):
  run = results(tmp_path, 'y', every_row())
  done = binary('make_tables', f'--results={run}', f'--out={tmp_path / "t"}')
  assert done.returncode == 0, done.stderr
  assert '## YFCC4k' in done.stdout and 'tables.html' in done.stdout
  done = binary('make_tables', f'--results={tmp_path}/gone', '--out=t')
  assert done.returncode == 1 and done.stderr.count('\n') == 1
  assert 'gone is not there: name files that' in done.stderr
