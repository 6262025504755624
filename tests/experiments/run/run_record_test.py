"""What a run writes down about itself is true, whole and comparable."""

import importlib.util
import json
import pathlib
import subprocess

from experiments.run import run_record
from ml_collections import config_dict
import numpy as np
import pytest


def config(**entries) -> config_dict.ConfigDict:
  return config_dict.ConfigDict(entries)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
  path = tmp_path / 'deep' / 'r.json'
  run_record.write_json(path, [1.5])
  with pytest.raises(ValueError, match='JSON compliant'):
    run_record.write_json(path, [float('nan')])
  with pytest.raises(TypeError):
    run_record.write_json(path, [np.float32(1)])
  assert json.loads(path.read_text()) == [1.5]
  assert [p.name for p in path.parent.iterdir()] == ['r.json']


def test_names_stay_readable(tmp_path):
  run_record.write_json(tmp_path / 'r.json', {'city': 'Łódź'})
  assert 'Łódź' in (tmp_path / 'r.json').read_text(encoding='utf-8')


def test_hash_sees_values_and_not_the_order_of_writing():
  first = run_record.config_hash(config(a=1, b=config(c=2.0)))
  assert first == run_record.config_hash(config(b=config(c=2.0), a=1))
  others = [config(a=1, b=config(c=2)), config(a=2, b=config(c=2.0)),
            config(a=1, b=config(d=2.0)), config(a='1', b=config(c=2.0))]
  assert len({first, *map(run_record.config_hash, others)}) == 5
  assert len(first) == 12 and run_record.config_hash(None) == ''


def test_seeds_are_found_at_any_depth_and_nothing_else_is():
  result = run_record.seeds(config(
      seed=1, world_seed=2, seedling=3, seeds=4, data=config(order_seed=5)))
  assert result == {'seed': 1, 'world_seed': 2, 'data.order_seed': 5}
  assert run_record.seeds(None) == {}


def test_versions_name_what_can_change_a_figure():
  result = run_record.versions()
  assert result['numpy'] == np.__version__
  assert {'jax', 'flax', 'pillow', 'grain'} <= set(result)


def test_a_run_without_a_config_writes_no_config(tmp_path):
  run_record.write(tmp_path / 'w', None)
  record = json.loads((tmp_path / 'w' / 'run.json').read_text())
  assert record['config_hash'] == '' and record['seeds'] == {}
  assert not (tmp_path / 'w' / 'config.txt').exists()


def test_config_text_is_sorted_and_exact(tmp_path):
  run_record.write(tmp_path, config(b='x', a=config(z=1e-3, y=(1, 2))))
  assert (tmp_path / 'config.txt').read_text() == (
      "a.y = (1, 2)\na.z = 0.001\nb = 'x'\n")


def _module_in(folder: pathlib.Path):
  """A copy of run_record that believes it lives in `folder`."""
  copy = folder / 'run_record.py'
  copy.write_text(pathlib.Path(run_record.__file__).read_text())
  spec = importlib.util.spec_from_file_location('copied_run_record', copy)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def _git(folder: pathlib.Path, *words: str) -> str:
  return subprocess.run(
      ['git', '-c', 'user.name=t', '-c', 'user.email=t@example.org', *words],
      cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_revision_says_when_files_differ_from_it(tmp_path):
  module = _module_in(tmp_path)
  assert module.git_revision() == 'unknown (no git checkout)'
  (tmp_path / '.gitignore').write_text('__pycache__\n')
  _git(tmp_path, 'init', '-q')
  _git(tmp_path, 'add', '.')
  _git(tmp_path, 'commit', '-qm', 'first')
  head = _git(tmp_path, 'rev-parse', 'HEAD')[:12]
  assert module.git_revision() == head
  (tmp_path / 'new.py').write_text('')
  assert module.git_revision() == head + '+changes'
