"""What runs on a GPU runs small without one, and the page says so."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks import gpu_bench, gpu_page
from tests.fixtures import limits

RESULT = {
    'device': 'NVIDIA H200', 'reduced': False,
    'versions': {'jax': '0.11.2'}, 'cases': {
        'training': {
            'rounds': 9, 'loss': 2.,
            'per_second': {'torch eager': 50., 'ours': 100.},
            'tflops': {'torch eager': 98.9, 'ours': 197.8}, 'ratio': 2.},
        'search': {'rounds': 5, 'same_rows': 1., '1 queries': {
            'per_second': {'ours': 4.}, 'tflops': {'ours': .5},
            'ratio': None}}}}


def test_a_row_for_each_side_of_each_part():
  assert list(gpu_page.rows(RESULT)) == [
      ('training', '9', 'torch eager', '50', '98.9', '10%', ''),
      ('training', '9', 'ours', '100', '197.8', '20%', '2.00 ×'),
      ('search, 1 queries', '5', 'ours', '4', '0.5', '0%', '–')]


def test_no_card_no_share_of_its_peak_and_said_to_be_reduced(tmp_path):
  gpu_page.write(tmp_path / 'page.md',
                 RESULT | {'device': 'cpu', 'reduced': True})
  page = (tmp_path / 'page.md').read_text()
  assert '**Reduced: no GPU was there.' in page and '20%' not in page
  gpu_page.write(tmp_path / 'page.md', RESULT)
  assert 'Reduced' not in (tmp_path / 'page.md').read_text()


def test_rates_are_beside_the_best_of_torch():
  rates = gpu_bench._rates(
      {'torch eager': 4., 'torch compiled': 3., 'ours, plain attention': 2.,
       'ours, cudnn attention': 1.5}, 12, 6e12)
  assert rates['ratio'] == 2.
  assert rates['per_second']['torch eager'] == 3.
  assert rates['tflops']['ours, cudnn attention'] == 4.


def test_cases_of_another_device_are_not_kept(tmp_path):
  out = tmp_path / 'gpu.json'
  assert not gpu_bench.earlier(out, 'NVIDIA H200', False)
  out.write_text(json.dumps(RESULT))
  assert gpu_bench.earlier(out, 'NVIDIA H200', False) == RESULT['cases']
  assert not gpu_bench.earlier(out, 'NVIDIA H100', False)


def test_without_a_card_the_figures_of_one_stay(tmp_path):
  out = tmp_path / 'gpu.json'
  out.write_text(json.dumps(RESULT))
  with pytest.raises(SystemExit, match=r'gpu\.json is of NVIDIA H200, and no '
                     'GPU is here; name another --out'):
    gpu_bench.earlier(out, 'cpu', True)
  out.write_text(json.dumps(RESULT | {'device': 'cpu', 'reduced': True}))
  assert gpu_bench.earlier(out, 'cpu', True) == RESULT['cases']


@pytest.mark.long
def test_without_a_card_it_runs_small(tmp_path):
  done = subprocess.run(
      [sys.executable, '-m', 'benchmarks.gpu_bench', '--rounds=1',
       f'--out={tmp_path}/gpu.json', f'--page={tmp_path}/gpu.md', '--only',
       'training bfloat16 64', 'extraction siglip2-tiny8-32', 'search 10,000'],
      env=os.environ | {'JAX_PLATFORMS': 'cpu'}, capture_output=True,
      text=True, timeout=limits.SECONDS)
  assert done.returncode == 0, done.stderr
  result = json.loads((tmp_path / 'gpu.json').read_text())
  assert result['reduced'] and list(result['cases']) == [
      'training bfloat16 64', 'extraction siglip2-tiny8-32', 'search 10,000']
  assert result['cases']['search 10,000']['300 queries']['per_second'][
      'ours'] > 0
  assert 'no GPU was there' in (tmp_path / 'gpu.md').read_text()
  assert result['cases']['search 10,000']['rounds'] == 1
