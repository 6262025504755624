"""The `pinpoint` command says and does what the binaries do."""

import importlib.util
import json
import re

from experiments import cli
import pytest


@pytest.mark.parametrize('command', cli.COMMANDS)
def test_every_command_has_a_binary_with_a_page_of_help(command):
  module = importlib.import_module(cli.COMMANDS[command])
  assert callable(module.run) and len(module.__doc__) > 100


def test_the_stages_that_help_names_are_there():
  names = re.search(r'NAME --help`: ([^.]*)\.', cli.__doc__)[1]
  for name in re.split(r',\s+', names):
    assert importlib.util.find_spec(f'experiments.{name}'), name


@pytest.mark.parametrize('words, code', [
    ((), 2), (('evalute',), 2), (('--evaluate',), 2), (('--help',), 0)])
def test_without_a_command_the_choices_are_listed(binary, words, code):
  done = binary('cli', *words)
  assert done.returncode == code
  for command in cli.COMMANDS:
    assert command in done.stdout + done.stderr
  assert code == 0 or done.stderr.startswith('error: ')


def test_flags_are_checked_under_the_command_s_name(binary):
  done = binary('cli', 'evaluate', '--predictions=p.csv')
  assert done.returncode == 2
  assert done.stderr.startswith('error: --truth is required')


def test_the_command_is_the_binary(binary, tmp_path):
  truth, answers = tmp_path / 't.csv', tmp_path / 'p.csv'
  truth.write_text('id,lat,lng\na,10,20\nb,-16.5,179.9\n')
  # One degree of latitude, 111.2 km; a fifth of a degree over the seam, 21 km.
  answers.write_text('id,lat,lng\nb,-16.5,-179.9\na,11,20\n')
  rows = {}
  for name, words in (('binary', ('evaluate',)), ('cli', ('cli', 'evaluate'))):
    out = tmp_path / f'{name}.json'
    done = binary(*words, f'--truth={truth}', f'--predictions={answers}',
                  f'--out={out}', '--num_resamples=10')
    assert done.returncode == 0, done.stderr
    rows[name] = [(row['distance'], row['metrics'], row['ci95'])
                  for row in json.loads(out.read_text())]
  assert rows['cli'] == rows['binary']
  figures = dict((row[0], row[1]) for row in rows['cli'])['haversine']
  assert figures['acc@25km'] == 0.5 and figures['acc@200km'] == 1.0
