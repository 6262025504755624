"""The rules of pods: kept by the product's steps, broken by planted faults."""

import types as pytypes

import jax
from jax import lax
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.search import scan_sharded
import pytest

from benchmarks import pod_cases, pod_chips, pod_compile, pod_rules, pod_steps

GOOD = {
    'name': 'step 4x4', 'step': 'step', 'preset': '', 'size': 8, 'kind': 'v5e',
    'chips': 16, 'too_large': False, 'gradient_bytes': 1000, 'gallery_bytes': 0,
    'answer_bytes': 0, 'memory': {'peak': 2**30},
    'collectives': {'all-reduce': {'count': 3, 'bytes': 1100}}}
LARGER = GOOD | {'name': 'step 16x16', 'chips': 256}
SEARCH = GOOD | {'gradient_bytes': 0, 'gallery_bytes': 10**9,
                 'answer_bytes': 10**4}


def test_what_is_good_breaks_no_rule():
  assert not pod_rules.broken([GOOD, LARGER, SEARCH])
  unfit = {key: value for key, value in GOOD.items() if key != 'memory'}
  assert not pod_rules.broken([unfit | {'does_not_fit': 'x',
                                        'too_large': True}])


@pytest.mark.parametrize('records, complaint', [
    ([GOOD | {'memory': {'peak': 16 * 2**30}}], '16.00 GiB a chip, which'),
    ([GOOD | {'collectives': {'all-reduce': {'count': 1, 'bytes': 1101}}}],
     'all-reduces 1,101 bytes, the gradient has 1,000'),
    ([GOOD, LARGER | {'memory': {'peak': 2**30 + 1}}], 'grows with the slice'),
    ([SEARCH | {'collectives': {'all-gather': {'count': 1, 'bytes': 10**9}}}],
     'moves 1,000,000,000 bytes between chips'),
    ([GOOD | {'does_not_fit': 'RESOURCE_EXHAUSTED'}], 'does not fit: RESOURCE'),
    ([GOOD | {'too_large': True}], 'fits, although'),
])
def test_what_breaks_one_is_named(records, complaint):
  [line] = pod_rules.broken(records)
  assert complaint in line and line.startswith(records[-1]['name'])


@pytest.mark.parametrize('flops, hbm, sent, bound, seconds', [
    (197e12, 1e9, 0., 'compute', 1.), (1e12, 819e9 * 2, 1e9, 'memory', 2.),
    (1e12, 1e9, 600e9, 'links', 3.)])
def test_the_slowest_of_three_bounds_a_step(flops, hbm, sent, bound, seconds):
  line = pod_chips.roofline(pod_chips.CHIPS['v5e'], flops, hbm, sent)
  assert line.bound == bound and line.seconds == pytest.approx(seconds)


def record(step, size, preset, topology='v5e:2x4'):
  """Of a step of the product on the eight devices of this process."""
  case = pod_cases.Case(step, preset, size, topology)
  return pod_compile.compiled_for(case, jax.devices())


def test_a_search_sends_nothing_between_devices():
  found = record('exact_search', 5000, '')
  assert found['collectives'] == {} and not pod_rules.broken([found])
  # 256 queries, 625 rows filled up to ten groups of 64, 256 numbers each.
  assert found['flops'] == 2 * 256 * 640 * 256
  assert found['passes'] == 6 * found['flops']


def test_a_planted_gather_of_the_gallery_is_found(monkeypatch):
  search = scan_sharded._best_of_one
  def leaking(queries, stored, *rest, **options):
    whole = lax.all_gather(stored, meshes.BATCH, tiled=True)
    return search(queries, whole[len(stored):2 * len(stored)], *rest, **options)
  monkeypatch.setattr(scan_sharded, '_best_of_one', leaking)
  scan_sharded._best_of_devices.clear_cache()
  found = record('exact_search', 50_000, '')
  scan_sharded._best_of_devices.clear_cache()
  [line] = pod_rules.broken([found])
  assert 'rows of the gallery' in line


@pytest.fixture(scope='module')
def trained():
  return record('train_reranker', 64, 'quick,kind=light')


def test_training_sums_the_gradient_and_no_more(trained):
  summed = trained['collectives']['all-reduce']['bytes']
  # What is standardised by has no gradient.
  assert summed >= .95 * trained['gradient_bytes']
  assert not pod_rules.broken([trained])


def test_a_batch_that_does_not_fit_is_found(trained, monkeypatch):
  small = pod_chips.Chip(1e12, trained['memory']['peak'], 1e9, 1e9,
                         'just enough for 64 queries')
  monkeypatch.setattr(pod_chips, 'CHIPS', pytypes.MappingProxyType(
      {'v5e': small}))
  assert not pod_rules.broken([trained])
  [line] = pod_rules.broken([record('train_reranker', 4096,
                                    'quick,kind=light')])
  assert 'GiB a chip, which has 0.00' in line


def test_every_case_has_its_step_and_chip():
  names = [case.name for case in pod_cases.CASES]
  assert len(set(names)) == len(names)
  assert {case.step for case in pod_cases.CASES} == set(pod_steps.STEPS)
  assert {case.kind for case in pod_cases.CASES} == set(pod_chips.CHIPS)
