"""A sweep of real processes: stopped, resumed, collected, never mixed."""

import csv
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from tests.fixtures import children, limits

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIX = """sweeps.product({'optimizer.learning_rate': (1.0, 0.5),
                         'seed': (0, 1, 2)})"""


def write_config(path: pathlib.Path, sweep: str,
                 name: str = 'tests.fixtures.tiny_binary') -> str:
  path.write_text(f"""
from experiments import sweeps
from ml_collections import config_dict
BINARY = {name!r}
def get_config(arg=None):
  return config_dict.create(
      optimizer=dict(learning_rate=0.1), seed=0, num_steps=2, seconds=0.0,
      fails=False, betas=(0.9, 0.99), text='a', nothing=None)
def sweep(arg=None):
  return {sweep}
""")
  return f'--config={path}'


@pytest.fixture
def sweep(binary, tmp_path):
  """Runs the sweep given as an expression with further flags."""
  def run(expression: str, *words: str) -> subprocess.CompletedProcess:
    config = write_config(tmp_path / 'c.py', expression)
    return binary('sweep', config, f'--workdir={tmp_path / "w"}', *words)
  return run


def start(tmp_path: pathlib.Path, *words: str) -> subprocess.Popen:
  return subprocess.Popen(
      [sys.executable, '-m', 'experiments.sweep',
       f'--config={tmp_path / "c.py"}', f'--workdir={tmp_path / "w"}', *words],
      cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(sweep: subprocess.Popen, number: int) -> None:
  """Sends a signal to the binary that a sweep runs, not to the sweep."""
  os.kill(children.of(sweep.pid), number)


def wait_for(path: pathlib.Path, key: str = '') -> dict:
  """The JSON of a file, once it is there and has `key`."""
  def content() -> dict | None:
    value = json.loads(path.read_text()) if path.exists() else None
    return value if value is None or not key or key in value else None
  return limits.wait_until(content, f'{path} with {key!r}')


def states(text: str) -> list[str]:
  return [line.split()[1] for line in text.splitlines()
          if line.split()[0].isdigit() and ' items of ' not in line]


def test_six_items_one_killed_and_resumed_make_a_whole_table(sweep, tmp_path):
  listed = sweep(SIX)
  assert states(listed.stdout) == ['todo'] * 6
  assert '004_learning_rate-0.5_seed-1' in listed.stdout
  # Item 3 alone is slow, long enough to be killed between two steps.
  slow = f"[i | dict(seconds=0.4 * (n == 3)) for n, i in enumerate({SIX})]"
  write_config(tmp_path / 'c.py', slow)
  running = start(tmp_path, '--run_all')
  folder = tmp_path / 'w' / '003_learning_rate-0.5_seconds-0.4_seed-0'
  wait_for(folder / 'progress.json')
  end(running, signal.SIGKILL)
  output, errors = running.communicate(timeout=limits.SECONDS)
  assert running.returncode == 1 and 'failed items: 3;' in errors, output
  assert json.loads((folder / 'attempt.json').read_text())['exit_code'] == 137

  part = sweep(slow, '--collect')
  assert '1 of 6 items are missing: 3 (failed)' in part.stdout
  again = sweep(slow, '--run_all')
  assert again.returncode == 0, again.stderr
  assert again.stdout.count('is done; --again runs it again') == 5
  assert sweep(slow, '--collect').returncode == 0
  rows = list(csv.DictReader((tmp_path / 'w' / 'table.csv').open()))
  assert [(r['config.optimizer.learning_rate'], r['config.seed'], r['loss'])
          for r in rows] == [
      ('1.0', '0', '1.0'), ('1.0', '1', '2.0'), ('1.0', '2', '3.0'),
      ('0.5', '0', '0.5'), ('0.5', '1', '1.0'), ('0.5', '2', '1.5')]
  assert [r['first_step'] for r in rows] == ['0', '0', '0', '1', '0', '0']


def test_every_item_stands_in_every_table(sweep, tmp_path):
  three = "[{'seed': 5}, {'fails': True}, {'text': 'a|b', 'betas': (1.0,)}]"
  for index, code in ((0, 0), (1, 7)):
    assert sweep(three, f'--index={index}').returncode == code
  done = sweep(three, '--collect')
  assert '2 of 3 items are missing: 1 (failed), 2 (todo)' in done.stdout
  rows = json.loads((tmp_path / 'w' / 'table.json').read_text())
  assert [row['state'] for row in rows] == ['done', 'failed', 'todo']
  assert rows[0]['figures'] == {'loss': 0.1 * 6, 'first_step': 0}
  assert rows[2]['overrides'] == {'text': 'a|b', 'betas': [1.0]}
  assert (tmp_path / 'w' / 'table.md').read_text().splitlines()[2:] == [
      '| 0 | done | 5 | False | a | (0.9, 0.99) | 0.6 | 0 |',
      '| 1 | failed | 0 | True | a | (0.9, 0.99) |  |  |',
      '| 2 | todo | 0 | False | a\\|b | (1.0,) |  |  |']


@pytest.mark.parametrize('value', [
    "{'text': \"it's; $HOME\\n\"}", "{'text': ''}", "{'betas': ()}",
    "{'betas': (1e-05, -2.0)}", "{'optimizer.learning_rate': 2}",
    "{'text': 'None'}", "{'fails': False, 'seed': 3}"])
def test_values_reach_the_binary_as_they_are(sweep, value):
  # An item whose recorded config differed by a hair would not be done.
  assert sweep(f'[{value}]', '--index=0').returncode == 0
  assert states(sweep(f'[{value}]').stdout)[:1] == ['done']


def test_words_for_all_items_are_part_of_their_configs(sweep, tmp_path):
  done = sweep("[{'seed': 1}]", '--index=0', '--config.num_steps=3',
               "--config.text=it's")
  assert done.returncode == 0, done.stderr
  folder = tmp_path / 'w' / '000_seed-1'
  assert json.loads((folder / 'progress.json').read_text()) == 3
  mixed = sweep("[{'seed': 1}]", '--index=0')
  assert mixed.returncode == 1 and mixed.stderr.count('\n') == 1
  assert 'contains a run of another config' in mixed.stderr
  assert 'num_steps = 2; num_steps = 3' in mixed.stderr
  assert states(sweep("[{'seed': 1}]").stdout) == ['changed']
  assert sweep("[{'seed': 1}]", '--run_all', '--again').returncode == 1
  assert '0 (changed)' in sweep("[{'seed': 1}]", '--collect').stdout


def test_again_runs_a_done_item_and_hides_its_old_figures(sweep, tmp_path):
  assert sweep('[{}]', '--index=0').returncode == 0
  figures = tmp_path / 'w' / '000_base' / 'figures.json'
  assert json.loads(figures.read_text())['first_step'] == 0
  assert '--again' in sweep('[{}]', '--index=0').stdout
  assert json.loads(figures.read_text())['first_step'] == 0
  assert sweep('[{}]', '--index=0', '--again').returncode == 0
  assert json.loads(figures.read_text())['first_step'] == 2


def test_a_signal_reaches_the_binary_and_ends_the_sweep(tmp_path):
  write_config(tmp_path / 'c.py', "[{'seconds': 30.0}, {}]")
  for what in ('--index=0', '--run_all'):
    folder = tmp_path / 'w' / '000_seconds-30.0'
    (folder / 'run.json').unlink(missing_ok=True)
    running = start(tmp_path, what)
    wait_for(folder / 'run.json', 'config_hash')
    time.sleep(0.5)
    running.send_signal(signal.SIGTERM)
    output, _ = running.communicate(timeout=limits.SECONDS)
    assert running.returncode == 143 and 'item 1' not in output
    assert wait_for(folder / 'attempt.json', 'exit_code')['exit_code'] == 143


def test_an_item_is_begun_until_the_sweep_has_seen_its_end(sweep, tmp_path):
  assert sweep('[{}]', '--index=0').returncode == 0
  folder = tmp_path / 'w' / '000_base'
  (folder / 'figures.json').unlink()
  assert states(sweep('[{}]').stdout) == ['failed']
  (folder / 'attempt.json').unlink()
  assert states(sweep('[{}]').stdout) == ['begun']
  assert sweep('[{}]', '--index=0').returncode == 0
  assert states(sweep('[{}]').stdout) == ['done']


def test_a_failed_item_that_runs_again_is_begun(sweep, tmp_path):
  slow = "[{'seconds': 30.0}]"
  write_config(tmp_path / 'c.py', slow)
  running = start(tmp_path, '--index=0')
  folder = tmp_path / 'w' / '000_seconds-30.0'
  for _ in range(2):
    wait_for(folder / 'run.json', 'config_hash')
    assert states(sweep(slow).stdout) == ['begun']
    end(running, 9)
    assert running.wait(limits.SECONDS) == 137
    assert states(sweep(slow).stdout) == ['failed']
    (folder / 'run.json').unlink()
    running = start(tmp_path, '--index=0')
  end(running, 9)


def test_folders_of_items_that_are_gone_are_named(sweep):
  assert sweep("[{'seed': 1}, {'seed': 2}]", '--run_all').returncode == 0
  for word in ('--norun_all', '--collect'):
    fewer = sweep("[{'seed': 2}]", word)
    assert 'no item of the folder 000_seed-1' in fewer.stdout
    assert 'no item of the folder 001_seed-2' in fewer.stdout


@pytest.mark.parametrize('text', ['{"loss": "low"}', '[1]', '{', '{"l": NaN}'])
def test_figures_that_are_no_figures_are_refused(sweep, tmp_path, text):
  assert sweep('[{}]', '--index=0').returncode == 0
  (tmp_path / 'w' / '000_base' / 'figures.json').write_text(text)
  done = sweep('[{}]', '--collect')
  assert done.returncode == 1 and '--index=0 --again' in done.stderr


@pytest.mark.parametrize('expression, words, complaint', [
    ("[{}, {'optimizer.learning_rat': 1.0}]", (), 'item 1 of the sweep: --confi'
     "g.optimizer.learning_rat=1.0: this config has no key 'optimizer.learning_"
     "rat'; did you mean --config.optimizer.learning_rate?"),
    ("[{'seed': 1.0}]", (), '--config.seed=1.0 is of type float; the config '
     'has 0, of type int'),
    ("[{'seed': True}]", (), 'is of type bool'),
    ("[{'betas': [1.0]}]", (), 'is of type list'),
    ("[{'betas': (1.0, None)}]", (), 'only plain numbers'),
    ("[{'nothing': None}]", (), 'is of type NoneType'),
    ("[{'optimizer': 1}]", (), "no key 'optimizer'"),
    ("[{'optimizer.learning_rate': float('nan')}]", (), 'finite'),
    ("[{}, {'seed': 0}]", (), 'items 0 and 1 of the sweep give the same'),
    ("[{'seed': 1}, {'seed': 1}]", (), 'items 0 and 1 of the sweep are the sa'),
    ('[]', (), 'has no items'),
    ("{'seed': 1}", (), 'a sweep is a list'),
    ("[{'seed': 1}]", ('--config.seed=3',), 'drop one of the two'),
    ('[{}]', ('--index=1',), '--index=1: the sweep has 1 items, 0 to 0'),
    ('[{}]', ('--index=-1',), '--index=-1: the sweep has 1 items'),
    ('[{}]', ('--index=0', '--run_all'), '--index and --run_all'),
    ('[{}]', ('--collect', '--again'), '--again: needs --index'),
])
def test_refused_in_one_line_before_any_item_runs(
    sweep, tmp_path, expression, words, complaint):
  done = sweep(expression, *(words or ('--run_all',)))
  assert done.returncode == 1, done.stdout
  assert complaint in done.stderr
  assert done.stderr.count('\n') == 1
  assert [p for p in (tmp_path / 'w').iterdir() if p.is_dir()] == []


@pytest.mark.parametrize('name, complaint', [
    ('evalute', "there is no experiments.evalute; did you mean 'evaluate'?"),
    ('no.such', 'there is no no.such'), (None, "add BINARY = 'train_embedder'"),
    ('', 'there is no experiments.'), ('.x', 'there is no .x')])
def test_the_binary_must_be_there(binary, tmp_path, name, complaint):
  config = write_config(tmp_path / 'c.py', '[{}]', name)
  done = binary('sweep', config, f'--workdir={tmp_path / "w"}')
  assert done.returncode == 1 and complaint in done.stderr
  assert done.stderr.count('\n') == 1


def test_a_config_without_sweep_is_refused(binary, tmp_path):
  done = binary('sweep', '--config=experiments/configs/demo.py:quick',
                f'--workdir={tmp_path / "w"}')
  assert done.returncode == 1 and 'defines no sweep()' in done.stderr
  assert done.stderr.count('\n') == 1


def test_sweep_gets_the_argument_of_the_config(binary, tmp_path):
  path = tmp_path / 'c.py'
  write_config(path, "[{'text': arg}]")
  done = binary('sweep', f'--config={path}:hello', '--index=0',
                f'--workdir={tmp_path / "w"}')
  assert done.returncode == 0, done.stderr
  text = (tmp_path / 'w' / '000_text-hello' / 'config.txt').read_text()
  assert "text = 'hello'" in text
