"""Checkpoints against real files: broken, killed, full, on other meshes."""

import contextlib
import json
import os
import pathlib
import shutil
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
from orbax.checkpoint._src.metadata import checkpoint as metadata
from pinpoint_jax.train.checkpoints import manager, steps
import pytest

Sharding = jax.sharding.NamedSharding
Spec = jax.sharding.PartitionSpec


def content(step: int):
  params = {'trunk': {'kernel': jnp.arange(12.).reshape(3, 4) + step},
            'half': jnp.full((5,), step, jnp.bfloat16)}
  return {'params': params, 'step': jnp.int32(step),
          'optimizer': optax.adamw(1e-3).init(params)}


def same(left, right) -> bool:
  return jax.tree.structure(left) == jax.tree.structure(right) and all(
      a.dtype == b.dtype and np.asarray(a).tobytes() == np.asarray(b).tobytes()
      for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right)))


def saved(folder: pathlib.Path, *numbers: int, **kwargs):
  opened = manager.Checkpoints(folder, **kwargs)
  for step in numbers:
    opened.save(step, content(step), {'position': step * 10})
  opened.wait()
  return opened


def committed(folder: pathlib.Path) -> list[int]:
  return sorted(int(path.name) for path in folder.glob('[0-9]*'))


def flip(path: pathlib.Path) -> None:
  raw = bytearray(path.read_bytes())
  raw[len(raw) // 3] ^= 1
  path.write_bytes(raw)


def truncate(path: pathlib.Path) -> None:
  # Two: a manifest without its last line break says the same.
  os.truncate(path, path.stat().st_size - 2)


def test_metadata_that_orbax_writes_late_is_sealed(tmp_path, monkeypatch):
  update = metadata._MetadataStoreImpl.update
  def late(*args, **kwargs):
    time.sleep(.5)
    update(*args, **kwargs)
  monkeypatch.setattr(metadata._MetadataStoreImpl, 'update', late)
  opened = saved(tmp_path, 3)
  assert steps.newest_good(tmp_path) == (3, [])
  opened.close()


@pytest.mark.parametrize('asynchronous', [True, False])
def test_restores_what_was_saved(tmp_path, asynchronous, capfd):
  opened = saved(tmp_path / 'new' / 'run', 3, asynchronous=asynchronous)
  restored = opened.restore(content(0))
  opened.close()
  assert (restored.step, restored.data) == (3, {'position': 30})
  assert same(restored.state, content(3)) and restored.warnings == ()
  assert capfd.readouterr() == ('', '')


def test_empty_folder_has_nothing_to_restore(tmp_path):
  assert manager.Checkpoints(tmp_path).restore(content(0)) is None


def test_state_may_be_donated_and_data_changed_after_save(tmp_path):
  opened = manager.Checkpoints(tmp_path)
  advance = jax.jit(lambda x: x + 1, donate_argnums=0)
  state, data = {'x': jnp.zeros((512, 512))}, {'read': [0]}
  for step in range(1, 6):
    opened.save(step, state, data)
    state['x'] = advance(state['x'])
    data['read'].append(step)
  restored = opened.restore(state)
  assert restored.data == {'read': [0, 1, 2, 3, 4]}
  np.testing.assert_array_equal(restored.state['x'], 4.)


def test_data_that_is_no_json_is_refused_before_saving(tmp_path):
  opened = manager.Checkpoints(tmp_path)
  with pytest.raises(TypeError, match='not JSON serializable'):
    opened.save(1, content(1), {'position': object()})
  opened.save(1, content(1), {})
  assert opened.restore(content(0)).step == 1


def _every_file(folder: pathlib.Path) -> list[pathlib.Path]:
  return sorted(path for path in folder.rglob('*') if path.is_file())


def _is_empty_of_state(path: pathlib.Path) -> bool:
  # Orbax writes it after the checksums and never reads it.
  return path.parent.name == '2' and path.name == 'commit_success.txt'


@pytest.mark.slow
@pytest.mark.parametrize('harm', [flip, truncate, pathlib.Path.unlink])
def test_broken_file_is_named_and_the_step_before_taken(tmp_path, harm, capfd):
  saved(tmp_path / 'good', 1, 2).close()
  files = _every_file(tmp_path / 'good' / '2')
  if harm is not pathlib.Path.unlink:
    files = [path for path in files if not _is_empty_of_state(path)]
  assert len(files) > 10
  for number, path in enumerate(files):
    folder = tmp_path / str(number)
    shutil.copytree(tmp_path / 'good', folder)
    broken = folder / path.relative_to(tmp_path / 'good')
    harm(broken)
    opened = manager.Checkpoints(folder)
    restored = opened.restore(content(0))
    assert restored.step == 1 and same(restored.state, content(1))
    assert f'{folder}/2' in restored.warnings[0]
    assert str(broken.relative_to(folder / '2')) in restored.warnings[0]
    assert restored.warnings[0] in capfd.readouterr().err
    opened.save(2, content(2), {})
    assert opened.restore(content(0)).step == 2
    assert (folder / 'bad' / '2').exists()
    opened.close()


def test_without_a_good_step_every_fault_is_named_and_kept(tmp_path):
  saved(tmp_path, 1, 2).close()
  flip(next(tmp_path.glob('1/state/d/*')))
  (tmp_path / '2' / 'state' / '_METADATA').unlink()
  for _ in range(2):  # The second run must not find an empty folder.
    with pytest.raises(ValueError, match='no checkpoint in .* is good') as no:
      manager.Checkpoints(tmp_path).restore(content(0))
    assert f'{tmp_path}/1: state/d/' in str(no.value)
    assert f'{tmp_path}/2: state/_METADATA is missing' in str(no.value)


def test_step_without_checksums_is_never_silent(tmp_path):
  saved(tmp_path, 1, 2).close()
  (tmp_path / '2' / steps.KIND.manifest).unlink()
  restored = manager.Checkpoints(tmp_path).restore(content(0))
  assert restored.step == 1
  assert f'2/{steps.KIND.manifest} is missing' in restored.warnings[0]


def test_steps_of_an_earlier_version_are_refused_in_a_line(tmp_path):
  saved(tmp_path, 1).close()
  (tmp_path / '1' / steps.KIND.manifest).write_text(json.dumps(
      {'files': {'a': [1, 'b']}, 'orbax': {}, 'sum': 'c'}))
  with pytest.raises(ValueError, match=r'version None, this program reads 2'):
    manager.Checkpoints(tmp_path).restore(content(0))


def test_leftovers_are_removed_at_the_start(tmp_path):
  saved(tmp_path, 1).close()
  for left in ('2.orbax-checkpoint-tmp/state', '.deleted/0/state'):
    (tmp_path / left).mkdir(parents=True)
  manager.Checkpoints(tmp_path).close()
  assert sorted(path.name for path in tmp_path.iterdir()) == ['1']


@pytest.mark.parametrize('change, message', [
    (lambda s: s['params']['trunk'].update(kernel=jnp.ones((3, 4), 'bfloat16')),
     '/1/params/trunk/kernel is float32 [3, 4], the model wants bfloat16 '
     '[3, 4]'),
    (lambda s: s['params']['trunk'].update(kernel=jnp.ones((4, 4))),
     '/1/params/trunk/kernel is float32 [3, 4], the model wants float32 [4, '),
    (lambda s: s['params'].update(head=jnp.ones(2)),
     '/1/params/head is missing, the model wants float32 [2]'),
    (lambda s: s['params'].pop('half'),
     '/1/params/half is bfloat16 [5], the model has no such path'),
])
def test_other_model_is_refused_by_path(tmp_path, change, message):
  opened = saved(tmp_path, 1)
  like = content(0)
  change(like)
  with pytest.raises(ValueError) as refused:
    opened.restore(like)
  assert f'checkpoint {tmp_path}{message}' in str(refused.value)
  assert opened.restore(content(0)).step == 1


def _sharded(devices: int):
  mesh = jax.make_mesh((devices,), ('d',), devices=jax.devices()[:devices])
  values = jax.random.normal(jax.random.key(0), (16, 8))
  return {
      'rows': jax.device_put(values, Sharding(mesh, Spec('d'))),
      'columns': jax.device_put(values, Sharding(mesh, Spec(None, 'd'))),
      'all': jax.device_put(values.astype('bfloat16'), Sharding(mesh, Spec())),
      'step': jax.device_put(jnp.int32(7), Sharding(mesh, Spec())),
  }


@pytest.mark.parametrize('before, after', [(8, 1), (8, 2), (1, 8), (2, 8)])
def test_other_number_of_devices(tmp_path, before, after):
  with checkpoints_closing(tmp_path) as opened:
    opened.save(1, _sharded(before), {})
  expected = _sharded(after)
  like = jax.tree.map(lambda x: jax.ShapeDtypeStruct(
      x.shape, x.dtype, sharding=x.sharding), expected)
  with checkpoints_closing(tmp_path) as opened:
    restored = opened.restore(like).state
  assert same(restored, expected)
  assert jax.tree.all(jax.tree.map(
      lambda a, b: a.sharding == b.sharding, restored, expected))


def checkpoints_closing(folder: pathlib.Path):
  return contextlib.closing(manager.Checkpoints(folder))


def test_keeps_the_last_and_every_so_many_steps(tmp_path):
  keep = manager.Keep(last=2, every_steps=3)
  saved(tmp_path, *range(1, 9), keep=keep).close()
  assert committed(tmp_path) == [3, 6, 7, 8]
  assert not (tmp_path / '.deleted').exists()


def test_every_hours_reaches_orbax(tmp_path, monkeypatch):
  seen = []
  real = ocp.CheckpointManager
  monkeypatch.setattr(ocp, 'CheckpointManager', lambda folder, options: (
      seen.append(options), real(folder, options=options))[1])
  manager.Checkpoints(tmp_path, manager.Keep(every_hours=1.5)).close()
  assert seen[0].keep_time_interval.total_seconds() == 5400


@pytest.mark.parametrize('wrong', [
    {'last': 0}, {'every_steps': 0}, {'every_hours': 0.0}])
def test_keep_that_orbax_would_misread_is_refused(wrong):
  with pytest.raises(ValueError, match=f'keep.{next(iter(wrong))} is 0'):
    manager.Keep(**wrong)


def test_step_that_exists_is_refused(tmp_path):
  opened = saved(tmp_path, 4)
  with pytest.raises(ValueError, match='/4 exists already'):
    opened.save(4, content(4), {})
  assert opened.restore(content(0)).step == 4


def test_earlier_step_is_saved_too(tmp_path):
  saved(tmp_path, 4, 2).close()
  assert committed(tmp_path) == [2, 4]


def test_blocked_time_is_counted(tmp_path):
  opened = manager.Checkpoints(tmp_path)
  opened.save(1, content(1), {})
  first = opened.blocked_s
  opened.wait()
  assert 0 < first < opened.blocked_s
  sums = json.loads((tmp_path / '1' / steps.KIND.manifest).read_text())
  assert len(sums['files']) > 10
