"""No traceback reaches a user: every error and signal is one line."""

import pathlib
import runpy
import signal
import subprocess
import sys

import experiments
from experiments.configs import train_embedder
from experiments.run import config_file
from input_pipeline import open_source
import pytest

from tests.fixtures import limits

ROOT = pathlib.Path(__file__).resolve().parents[3]
BINARIES = sorted(path.stem for path in
                  pathlib.Path(experiments.__file__).parent.glob('*.py')
                  if "__name__ == '__main__'" in path.read_text()
                  and path.stem != 'cli')


def start(*words, module='tests.fixtures.failing_binary', **options):
  return subprocess.Popen([sys.executable, '-m', module, *words],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, cwd=ROOT, **options)


def ended(child):
  out, err = child.communicate(timeout=limits.SECONDS)
  return child.returncode, out, err


@pytest.mark.parametrize('what, line', [
    ('value', 'error: bad value\n'),
    ('scann', 'error: this needs scann: pip install "pinpoint_jax[index]"\n'),
])
def test_a_refusal_is_a_line_and_leaves_no_traceback(tmp_path, what, line):
  code, out, err = ended(start(f'--workdir={tmp_path}', f'--raises={what}'))
  assert (code, out, err) == (1, '', line)
  assert not (tmp_path / 'traceback.txt').exists()


@pytest.mark.parametrize('what, name', [
    ('type', 'TypeError: two lines;'), ('recursion', 'RecursionError'),
    ('other', 'ModuleNotFoundError'), ('unheard', 'KeyError')])
def test_what_nobody_foresaw_is_a_line_that_names_a_file(tmp_path, what, name):
  code, _, err = ended(start(f'--workdir={tmp_path}', f'--raises={what}'))
  assert code == 1 and err.count('\n') == 1
  assert err.startswith(f'error: unforeseen {name}')
  assert str(tmp_path / 'traceback.txt') in err
  assert 'failing_binary.py' in (tmp_path / 'traceback.txt').read_text()


@pytest.mark.parametrize('number, code', [
    (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_clean_up_and_end_in_one_line(tmp_path, number, code):
  child = start(f'--workdir={tmp_path}', '--raises=wait')
  assert child.stdout.readline() == 'ready\n'
  child.send_signal(number)
  assert ended(child) == (code, '', f'stopped by {number.name}\n')
  assert (tmp_path / 'cleaned').exists()


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_signals_in_the_middle_of_the_imports(tmp_path, number):
  (tmp_path / 'ml_collections.py').write_text(
      'import time\nprint("importing", flush=True)\ntime.sleep(600)\n')
  child = start('--path=x', module='experiments.verify',
                env={'PYTHONPATH': f'{tmp_path}:{ROOT}'})
  assert child.stdout.readline() == 'importing\n'
  child.send_signal(number)
  assert ended(child) == (-number, '', '')


@pytest.mark.parametrize('workdir, reason', [
    ('gs://bucket/w', 'gs:// is no local folder'), ('x' * 300, 'too long'),
    ('/dev/null/w', '/dev/null is a file')])
def test_workdirs_that_cannot_be(tmp_path, workdir, reason):
  code, _, err = ended(start(f'--workdir={workdir}', '--raises=value'))
  assert code == 1 and err.count('\n') == 1
  assert err.startswith('error: ') and reason in err and workdir[:20] in err


def test_a_full_disk_names_the_workdir(tmp_path):
  code, _, err = ended(subprocess.Popen(
      ['bash', '-c', 'ulimit -f 0; exec "$@"', 'bash', sys.executable, '-m',
       'tests.fixtures.failing_binary', f'--workdir={tmp_path}',
       '--raises=value'], stderr=subprocess.PIPE, stdout=subprocess.PIPE,
      text=True, cwd=ROOT))
  assert code == 1 and err.count('\n') == 1, err
  assert err.startswith('error: ') and str(tmp_path) in err


@pytest.mark.parametrize('name', BINARIES)
def test_help_of_every_binary(name, monkeypatch, capsys):
  monkeypatch.setattr(sys, 'argv', ['x', '--help'])
  with pytest.raises(SystemExit) as ended_with:
    runpy.run_module(f'experiments.{name}', run_name='__main__',
                     alter_sys=True)
  assert ended_with.value.code == 0
  out, err = capsys.readouterr()
  assert not err and '\nFlags:\n' in out
  command = next(text for text in (
      f'experiments.{name}', f'pinpoint {name.replace("_", "-")}', 'make demo')
                 if text in out)
  assert out.index(command) < out.index('\nFlags:\n')
  if '--config' in out.partition('Flags:')[2] and name != 'sweep':
    assert f'Entries of --config={name}' in out


@pytest.mark.parametrize('changes, complaint', [
    ({'seed': 2**70}, 'config.seed=1180591620717411303424: must'),
    ({'seed': -1}, 'config.seed=-1: must be from 0'),
    ({'seed': 10**400}, 'must fit into 64 bits'),
    ({'data.batch_size': 0}, 'config.data.batch_size=0: must be at least 1'),
    ({'model.hidden': 0}, 'config.model.hidden=0: must be at least 1'),
    ({'model.dim': -4}, 'config.model.dim=-4'),
    ({'model.trunk_depth': -1}, 'trunk_depth=-1: must not be negative'),
    ({'optimizer.learning_rate': -1e-3}, 'must not be negative'),
    ({'optimizer.learning_rate': 1e400}, 'must be a finite number'),
    ({'objective.targets.tau_km': float('nan')}, 'must be a finite number'),
])
def test_numbers_that_make_no_run(changes, complaint):
  base, config = train_embedder.get_config(), train_embedder.get_config()
  config.update_from_flattened_dict(changes)
  with pytest.raises(ValueError, match=complaint):
    config_file.check_numbers(config, base)


@pytest.mark.parametrize('changes', [
    {'seed': 2**32 - 1}, {'model.trunk_depth': 0}, {'model.bias': -20.0},
    {'mesh.data': -1}, {'objective.queue': 0}, {'train.save_every': 0}])
def test_numbers_that_make_one(changes):
  base, config = train_embedder.get_config(), train_embedder.get_config()
  config.update_from_flattened_dict(changes)
  config_file.check_numbers(config, base)


@pytest.mark.parametrize('words, expected', [
    (['--config=demo:quick', '--config.seed=1'],
     ['--config=PUBLISHED/demo.py:quick', '--config.seed=1']),
    (['--config', 'demo'], ['--config=PUBLISHED/demo.py']),
    (['-config=evaluate'], ['-config=PUBLISHED/evaluate.py']),
    (['--config=mine.py:a=b'], ['--config=mine.py:a=b']),
    (['--config.config=demo', '--out=demo'],
     ['--config.config=demo', '--out=demo']),
])
def test_names_of_published_configs(words, expected):
  assert config_file.with_paths(words) == [
      word.replace('PUBLISHED', str(config_file.PUBLISHED))
      for word in expected]


def test_every_option_of_every_data_set_can_be_set():
  options = config_file.load('extract_features').data.options
  for name in open_source.READERS:
    assert set(open_source.options_of(name)) <= set(options.keys())
  assert all(value is None for value in options.values())
  options.split, options.seed = 'train', 3
  with pytest.raises(TypeError):
    options.seed = 'three'
