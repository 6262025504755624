"""docs/own_features.md: its commands, as printed, lead to its table."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from tests.fixtures import limits, own_features

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / 'docs' / 'own_features.md'

pytestmark = pytest.mark.slow


@pytest.mark.long
def test_the_commands_as_printed_lead_from_features_to_the_table(tmp_path):
  own_features.write(tmp_path)
  commands = re.findall(r'```sh\n(.*?)```', PAGE.read_text(), re.DOTALL)
  assert len(commands) == 5
  path = f'{pathlib.Path(sys.executable).parent}:{os.environ["PATH"]}'
  done = subprocess.run(
      ['bash', '-e', '-c', ''.join(commands)], cwd=tmp_path, text=True,
      capture_output=True, timeout=limits.SECONDS,
      env=os.environ | {'PATH': path, 'PYTHONPATH': str(ROOT)})
  assert done.returncode == 0, done.stderr
  rows = json.loads(
      (tmp_path / 'runs' / 'evaluation' / 'results.json').read_text())
  figures = {row['system']: row['metrics']['acc@25km'] for row in rows
             if row['filter'] == 'none' and row['decode'] == 'argmax'}
  assert {'raw_1nn', 'location_top1', 'retrieval', 'light'} <= figures.keys()
  assert all(row['num_queries'] == own_features.NUM_ROWS['query']
             for row in rows)
  assert figures['chance'] < 0.1 < 0.5 < figures['light']
