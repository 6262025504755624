"""The import contract is alive: a planted wrong-way import breaks it."""

import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture
def copy(tmp_path):
  for name in ('pinpoint_jax', 'input_pipeline', 'experiments'):
    shutil.copytree(ROOT / name, tmp_path / name)
  shutil.copy(ROOT / 'pyproject.toml', tmp_path)
  return tmp_path


def lint(folder):
  tool = pathlib.Path(sys.executable).with_name('lint-imports')
  return subprocess.run([tool], cwd=folder, capture_output=True, text=True,
                        env={'PYTHONPATH': str(folder), 'PATH': ''})


def test_the_contract_is_kept(copy):
  done = lint(copy)
  assert done.returncode == 0, done.stdout


@pytest.mark.parametrize('room, line', [
    ('pinpoint_jax/geo/coords.py', 'from pinpoint_jax.evals import metrics'),
    ('pinpoint_jax/search/exact.py', 'from input_pipeline import csv_table'),
    ('pinpoint_jax/types.py', 'from absl import flags'),
    ('input_pipeline/csv_table.py', 'import tensorflow'),
])
def test_a_planted_wrong_way_import_breaks_it(copy, room, line):
  path = copy / room
  path.write_text(path.read_text() + f'\n{line}\n')
  done = lint(copy)
  assert done.returncode != 0, done.stdout
  assert 'BROKEN' in done.stdout
