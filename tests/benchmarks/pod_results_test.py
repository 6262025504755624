"""The pod table: kept rules, the page that shows it, and cases made again."""

import importlib.util
import json
import pathlib
import subprocess
import sys

import pytest

from benchmarks import pod_cases, pod_page, pod_rules, pod_steps
from tests.fixtures import limits

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORDS = json.loads((ROOT / 'benchmarks' / 'results' / 'pods.json').read_text(
    encoding='utf-8'))['steps']
# Each takes seconds: the others take minutes.
AGAIN = ('exact_search',)


def test_results_are_of_cases_and_keep_the_rules():
  names = [case.name for case in pod_cases.CASES]
  kept = [record['name'] for record in RECORDS]
  assert kept == [name for name in names if name in kept]
  # Of each step something fits, and something is told of a pod.
  for step in set(pod_steps.STEPS) - {'train_reranker'}:
    mine = [one for one in RECORDS if one['step'] == step and 'memory' in one]
    assert {'v5e:4x4', 'v5e:16x16'} <= {one['topology'] for one in mine}, step
  assert not pod_rules.broken(RECORDS)


def test_the_page_shows_the_results():
  page = (ROOT / 'docs' / 'pods.md').read_text(encoding='utf-8')
  assert page == pod_page.replaced(page, pod_page.table(RECORDS)), (
      'python -m benchmarks.pod_compile --page=docs/pods.md writes it')


def test_a_page_without_a_place_for_it_is_refused(tmp_path):
  (tmp_path / 'page.md').write_text('no table')
  with pytest.raises(ValueError, match='has no place for the table'):
    pod_page.write(tmp_path / 'page.md', RECORDS)


@pytest.fixture(scope='module')
def again(tmp_path_factory):
  """Some cases, compiled again by a Python that has libtpu."""
  python = ROOT / '.venv-tpu' / 'bin' / 'python'
  if importlib.util.find_spec('libtpu'):
    python = sys.executable
  elif not python.exists():
    pytest.skip('no libtpu: make bench-pods brings it into .venv-tpu')
  out = tmp_path_factory.mktemp('pods') / 'pods.json'
  done = subprocess.run(
      [python, '-m', 'benchmarks.pod_compile', f'--out={out}',
       f'--only={",".join(AGAIN)}'], cwd=ROOT, text=True, capture_output=True,
      timeout=limits.SECONDS)
  assert done.returncode == 0, done.stderr
  return json.loads(out.read_text(encoding='utf-8'))['steps']


@pytest.mark.slow
def test_compiled_again_it_is_golden(again):
  kept = {record['name']: record for record in RECORDS}
  assert len(again) == sum(any(word in name for word in AGAIN)
                           for name in kept)
  for found in again:
    golden = kept[found['name']]
    for key in ('flops', 'passes', 'collectives', 'gallery_bytes'):
      assert found[key] == golden[key], (found['name'], key)
    # The compiler may arrange things otherwise in its next version.
    for key in ('argument', 'temp', 'peak'):
      assert found['memory'][key] == pytest.approx(
          golden['memory'][key], rel=.1, abs=2**20), (found['name'], key)
