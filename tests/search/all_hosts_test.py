"""Two and four real processes, each with its rows, answer as one with all."""

import numpy as np
from pinpoint_jax.search import all_hosts, exact, row_sets, vectors
import pytest

from tests.fixtures import processes, tiny_training

K = 600
CHILD = '''
import numpy as np
folder = sys.argv[1]
from pinpoint_jax.search import all_hosts, row_sets, vectors
with np.load(folder + '/asked.npz') as file:
  asked = dict(file)
excluded = row_sets.same_code(asked['query_groups'], asked['gallery_groups'])
result = {}
for engine in ('scan', 'sharded'):
  engines = all_hosts.AllHosts(
      vectors.Vectors(asked['gallery'], asked['scale']), engine)
  for name, allowed in (('all', None), ('some', asked['allowed'])):
    nearest = engines.search(asked['queries'], 600, excluded, allowed)
    result[f'{engine} {name} rows'] = nearest.rows
    result[f'{engine} {name} scores'] = nearest.scores
asked['scale'][0] = np.nan
try:
  all_hosts.AllHosts(vectors.Vectors(asked['gallery'], asked['scale']),
                     'scan').search(asked['queries'], 3)
except ValueError as error:
  result['refusal'] = np.asarray(str(error))
np.savez(folder + '/' + index, **result)
'''


@pytest.fixture(scope='module')
def asked():
  rng = np.random.default_rng(0)
  gallery = rng.integers(-1, 2, (1001, 16)).astype(np.int8)
  gallery[rng.random(1001) < .3] = gallery[7]  # Equal rows on every process.
  return dict(
      queries=rng.normal(size=(5, 16)).astype(np.float32), gallery=gallery,
      scale=np.full(1001, .5, np.float32),
      query_groups=rng.integers(5, size=5),
      gallery_groups=rng.integers(5, size=1001),
      allowed=np.flatnonzero(rng.random(1001) < .5))


def run(count, folder):
  for code, _, errors in processes.ended(processes.start_script(
      count, CHILD, str(folder), env=tiny_training.environment(devices=2))):
    assert code == 0, errors
  results = []
  for i in range(count):
    with np.load(folder / f'{i}.npz') as result:
      results.append(dict(result))
  return results


@pytest.mark.slow
@pytest.mark.parametrize('count', [2, 4])
def test_processes_answer_as_one(asked, count, tmp_path):
  np.savez(tmp_path / 'asked.npz', **asked)
  held = vectors.Vectors(asked['gallery'], asked['scale'])
  excluded = row_sets.same_code(asked['query_groups'], asked['gallery_groups'])
  first, *others = run(count, tmp_path)
  for name, allowed in (('all', None), ('some', asked['allowed'])):
    expected = exact.search(asked['queries'], held, K, excluded, allowed)
    for result in (first, *others):
      for engine in ('scan', 'sharded'):
        for part in ('rows', 'scores'):
          np.testing.assert_array_equal(
              result[f'{engine} {name} {part}'], getattr(expected, part))
  # Row 0 of the whole is on the first process, which names it.
  assert 'against gallery row 0 scores no finite number' in str(
      first['refusal'])
  for result in others:
    assert 'another process could not search its rows' in str(
        result['refusal'])


def test_one_process_has_all_rows(asked):
  held = vectors.Vectors(asked['gallery'], asked['scale'])
  engine = all_hosts.AllHosts(held)
  expected = exact.search(asked['queries'], held, 7)
  nearest = engine.search(asked['queries'], 7)
  np.testing.assert_array_equal(nearest.rows, expected.rows)
  np.testing.assert_array_equal(nearest.scores, expected.scores)
  assert len(engine) == 1001 and engine.num_scanned == 0
  assert engine.search(asked['queries'][:0], 7).rows.shape == (0, 7)


def test_parts_are_even_and_leave_nothing_out():
  parts = [all_hosts.part_of(10, i, 4) for i in range(4)]
  assert [(part.start, part.stop) for part in parts] == [
      (0, 2), (2, 5), (5, 7), (7, 10)]
  assert all_hosts.part_of(1, 0, 4) == slice(0, 0)  # More hosts than rows.
