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
AGAIN = ('exact_search', 'extract_features siglip2-g-opt16-384 256 v5e:4x4')


def test_results_are_of_cases_and_keep_the_rules():
  names = [case.name for case in pod_cases.CASES]
  kept = [record['name'] for record in RECORDS]
  assert kept == [name for name in names if name in kept]
  # Of each step something fits, and something is told of a pod.
  for step in pod_steps.STEPS:
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


# The gallery of the product's search, gathered on every chip.
PLANTED = '''
from benchmarks import pod_compile
from jax import lax
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.search import scan_sharded
search = scan_sharded._best_of_one
def leaking(queries, stored, *rest, **options):
  whole = lax.all_gather(stored, meshes.BATCH, tiled=True)
  return search(queries, whole[len(stored):2 * len(stored)], *rest, **options)
scan_sharded._best_of_one = leaking
pod_compile.main()
'''


@pytest.fixture(scope='module')
def tpu():
  """Runs Python words where libtpu is; who lacks it is told."""
  python = ROOT / '.venv-tpu' / 'bin' / 'python'
  if importlib.util.find_spec('libtpu'):
    python = sys.executable
  elif not python.exists():
    pytest.skip('no libtpu: make bench-pods brings it into .venv-tpu')
  def run(*words):
    return subprocess.run([python, *words], cwd=ROOT, text=True,
                          capture_output=True, timeout=limits.SECONDS)
  return run


@pytest.mark.slow
def test_compiled_again_it_is_golden(tpu, tmp_path):
  out = tmp_path / 'pods.json'
  done = tpu('-m', 'benchmarks.pod_compile', f'--out={out}',
             '--only', *AGAIN)
  assert done.returncode == 0, done.stderr
  again = json.loads(out.read_text(encoding='utf-8'))['steps']
  kept = {record['name']: record for record in RECORDS}
  assert len(again) == sum(any(word in name for word in AGAIN)
                           for name in kept)
  for found in again:
    golden = kept[found['name']]
    assert ('does_not_fit' in found) == ('does_not_fit' in golden)
    if 'does_not_fit' in found:
      continue
    for key in ('flops', 'passes', 'collectives', 'gallery_bytes'):
      assert found[key] == golden[key], (found['name'], key)
    # The compiler may arrange things otherwise in its next version.
    for key in ('argument', 'temp', 'peak'):
      assert found['memory'][key] == pytest.approx(
          golden['memory'][key], rel=.1, abs=2**20), (found['name'], key)


@pytest.mark.slow
def test_a_planted_gather_ends_the_command(tpu, tmp_path):
  done = tpu('-c', PLANTED, f'--out={tmp_path / "pods.json"}',
             '--only', 'exact_search 9200000 v5e:4x4')
  assert done.returncode == 1
  assert 'rows of the gallery' in done.stderr
