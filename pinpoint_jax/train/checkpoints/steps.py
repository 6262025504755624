"""The folder of checkpoints: sealed steps, leftovers, steps set aside.

  FOLDER/STEP/checksums.json   the manifest, and `orbax`: Orbax's own metadata
  FOLDER/STEP/...              what Orbax wrote
  FOLDER/bad/STEP              a damaged step that a later run set aside

A step also lists the dtype and shape of every array of the state, by path.
"""

from collections.abc import Iterator, Mapping
import json
import pathlib
import shutil
import time
from typing import Any

import jax
import jax.numpy as jnp
from pinpoint_jax.disk import files, sealed

_SHOWN = 10


def state_leaves(state: Any) -> dict[str, list[Any]]:
  """Path to (dtype, shape) of every array in the tree, ready for JSON."""
  flat, _ = jax.tree_util.tree_flatten_with_path(state)
  return {
      jax.tree_util.keystr(path, simple=True, separator='/'):
          [str(_dtype(leaf)), list(jnp.shape(leaf))]
      for path, leaf in flat
  }


def state_size(state: Any) -> int:
  """Bytes of all arrays in the tree."""
  return sum(
      _dtype(leaf).itemsize * jnp.size(leaf) for leaf in jax.tree.leaves(state))


def refuse_differences(
    step: pathlib.Path, stored: Mapping[str, list[Any]], like: Any) -> None:
  """Refuses a checkpoint whose paths, shapes or dtypes the model lacks."""
  lines = list(_differences(step, stored, state_leaves(like)))
  if lines:
    more = f'; and {len(lines) - _SHOWN} more' if len(lines) > _SHOWN else ''
    raise ValueError(
        '; '.join(lines[:_SHOWN]) + more + ': take the config this checkpoint '
        'was trained with, or another workdir')


def targets(like: Any) -> Any:
  """The tree that Orbax restores into: every leaf with a sharding."""
  return jax.tree.map(_target, like)


def _differences(
    step: pathlib.Path, stored: Mapping[str, list[Any]],
    expected: Mapping[str, list[Any]]) -> Iterator[str]:
  for path in sorted({*stored, *expected}):
    if stored.get(path) == expected.get(path):
      continue
    has = (f'is {_described(stored[path])}' if path in stored
           else 'is missing')
    wants = (f'the model wants {_described(expected[path])}'
             if path in expected else 'the model has no such path')
    yield f'checkpoint {step}/{path} {has}, {wants}'


def _described(leaf: list[Any]) -> str:
  return f'{leaf[0]} {leaf[1]}'


def _dtype(leaf: Any) -> Any:
  return leaf.dtype if hasattr(leaf, 'dtype') else jnp.result_type(leaf)


def _target(leaf: Any) -> jax.ShapeDtypeStruct:
  # Without a sharding Orbax takes the one of the run that saved, whose devices
  # may not be here.
  sharding = getattr(leaf, 'sharding', None)
  if sharding is None:
    sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
  return jax.ShapeDtypeStruct(
      jnp.shape(leaf), _dtype(leaf), sharding=sharding)


# Orbax renames old steps into here, for removal by `sweep`: a step that is
# removed in place and half gone when the process dies looks damaged.
DELETED = '.deleted'
_BAD = 'bad'
_UNFINISHED = '.orbax-checkpoint-tmp'
# Orbax writes these two after its last hook; they hold no training state.
_METADATA = '_CHECKPOINT_METADATA'
_COMMITTED = 'commit_success.txt'
_COMMIT_TIME = 'commit_timestamp_nsecs'


class BadStep(ValueError):
  """A checkpoint that is not as it was written."""


# After a failed save, threads of tensorstore write for a while.
_TRIES, _PAUSE_S = 50, .1
_VERSION = 2
KIND = sealed.Kind(
    'checkpoint', BadStep, 'it is not used',
    {'version': int, sealed.FILES: dict, 'orbax': dict}, versions=(_VERSION,),
    manifest='checksums.json')


def unfinished(folder: pathlib.Path, step: int) -> pathlib.Path:
  """Where Orbax gathers a step before it commits it."""
  return folder / f'{step}{_UNFINISHED}'


def seal(step: pathlib.Path) -> None:
  """Syncs every file of an unfinished step and writes its manifest."""
  sums = sealed.Draft(step).finish()
  del sums[_METADATA]
  sealed.write_manifest(step, KIND, {
      'version': _VERSION, sealed.FILES: sums, 'orbax': _orbax_metadata(step)})


def clean(folder: pathlib.Path) -> None:
  """Removes what killed or failed saves and removals left behind."""
  sweep(folder)
  for path in folder.glob(f'*{_UNFINISHED}*'):
    for _ in range(_TRIES):
      shutil.rmtree(path, ignore_errors=True)
      if not path.exists():
        break
      time.sleep(_PAUSE_S)
    else:
      shutil.rmtree(path)


def sweep(folder: pathlib.Path) -> None:
  """Removes the steps that Orbax took out of the folder."""
  if (folder / DELETED).exists():
    shutil.rmtree(folder / DELETED)


def newest_good(folder: pathlib.Path) -> tuple[int | None, list[str]]:
  """The newest step whose files are all as written, and faults of newer ones.

  Damaged steps are set aside, unless no step is good: then nothing is touched,
  so that no later run takes the folder for an empty one.
  """
  warnings, bad = [], []
  for step in reversed(_committed(folder)):
    faults = _faults(folder / str(step))
    if not faults:
      moved = [str(_set_aside(folder, other)) for other in bad]
      return step, [*warnings, *(f'set aside as {path}' for path in moved)]
    warnings.extend(faults)
    bad.append(step)
  return None, warnings


def _committed(folder: pathlib.Path) -> list[int]:
  return sorted(int(path.name) for path in folder.iterdir()
                if path.name.isdecimal() and path.is_dir())


def _faults(step: pathlib.Path) -> list[str]:
  try:
    manifest = sealed.read_manifest(step, KIND)
  except BadStep as error:
    return [str(error)]
  damage = sealed.Files(step, manifest[sealed.FILES], KIND).damage()
  return [*(f'{step}: {problem}' for problem in damage),
          *_commit_faults(step, manifest['orbax'])]


def _commit_faults(step: pathlib.Path,
                   expected: dict[str, Any]) -> Iterator[str]:
  try:
    if _orbax_metadata(step) != expected:
      yield f'{step / _METADATA} is not as it was written'
  except FileNotFoundError:
    yield f'{step / _METADATA} is missing'
  except (ValueError, AttributeError, RecursionError):
    yield f'{step / _METADATA} is not readable as JSON'
  if not (step / _COMMITTED).is_file():
    yield f'{step / _COMMITTED} is missing'


def _orbax_metadata(step: pathlib.Path) -> dict[str, Any]:
  metadata = json.loads((step / _METADATA).read_bytes())
  metadata.pop(_COMMIT_TIME, None)
  return metadata


def _set_aside(folder: pathlib.Path, step: int) -> pathlib.Path:
  aside = folder / _BAD / str(step)
  if aside.exists():
    shutil.rmtree(aside)
  aside.parent.mkdir(exist_ok=True)
  (folder / str(step)).rename(aside)
  files.sync_folder(folder)
  return aside
