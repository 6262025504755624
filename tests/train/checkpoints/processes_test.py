"""Two real processes that save and restore one state together."""

import pathlib

import pytest

from tests.fixtures import processes, tiny_training

pytestmark = pytest.mark.slow
_PROCESS = '''
import pathlib
import numpy as np
folder = pathlib.Path(sys.argv[1])
from pinpoint_jax.train.checkpoints import manager
mesh = jax.make_mesh((2,), ('d',))
sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec('d'))
def content(step):
  whole = np.arange(8, dtype=np.float32) * step
  return {'rows': jax.make_array_from_callback(
      (8,), sharding, lambda index: whole[index])}
opened = manager.Checkpoints(folder, manager.Keep(last=2))
if sys.argv[2] == 'save':
  for step in (1, 2, 3):
    opened.save(step, content(step), {'step': step})
like = {'rows': jax.ShapeDtypeStruct((8,), np.float32, sharding=sharding)}
try:
  restored = opened.restore(like)
  mine = restored.state['rows'].addressable_shards[0].data
  want = content(restored.step)['rows'].addressable_shards[0].data
  np.testing.assert_array_equal(mine, want)
  print('restored', restored.step, restored.data['step'])
except (ValueError, RuntimeError) as error:
  print('refused', error)
opened.close()
'''


def run(folder: pathlib.Path, what: str) -> list[tuple[str, str]]:
  children = processes.start_script(2, _PROCESS, str(folder), what,
                                    env=tiny_training.environment())
  return [(said, complained) for _, said, complained
          in processes.ended(children)]


def flip(path: pathlib.Path) -> None:
  raw = bytearray(path.read_bytes())
  raw[len(raw) // 3] ^= 1
  path.write_bytes(raw)


def test_processes_agree_on_the_step(tmp_path):
  for said, complained in run(tmp_path, 'save'):
    assert said.endswith('restored 3 3\n'), complained
  assert sorted(path.name for path in tmp_path.iterdir()) == ['2', '3']
  flip(next(tmp_path.glob('3/state/ocdbt.process_1/d/*')))
  (first, warned), (second, _) = run(tmp_path, 'restore')
  assert first.endswith('restored 2 2\n'), warned
  assert second.endswith('restored 2 2\n')
  assert 'WARNING: checkpoint damaged, step 2 is taken instead' in warned
  assert f'{tmp_path}/3: state/ocdbt.process_1/d/' in warned
  flip(next(tmp_path.glob('2/state/ocdbt.process_1/d/*')))
  (first, _), (second, _) = run(tmp_path, 'restore')
  assert f'refused no checkpoint in {tmp_path} is good: ' in first
  assert 'refused process 0 could not go on' in second
