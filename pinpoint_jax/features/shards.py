"""Shards of an extraction: whole and checked, or not there.

A shard is a sealed folder NNNNNN: features, source rows, and a manifest with
the quarantine.

job.json says what an extraction is about: nobody goes on with the shards of
another. A job stops when too many photos give no feature.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
import dataclasses
import json
import pathlib
import shutil
from typing import Any

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax.disk import files, sealed
from pinpoint_jax.features import store, store_writer

KIND = sealed.Kind(
    'shard of an extraction', store.BadStore,
    'run the extraction again: it makes this shard again',
    {'rows': int, 'dim': int, 'zeroed': int, 'quarantine': list,
     'files': dict})
_FEATURES, _ROWS = 'features.f16.bin', 'rows.i64.bin'


@dataclasses.dataclass(frozen=True)
class Shard:
  """Features of a range of source rows.

  Attributes:
    rows: source rows that gave a feature, [n].
    features: float16 [n, d], finite.
    quarantine: the other rows: row, id, reason, text.
    zeroed: values that were not finite and became 0.
  """

  rows: Int[np.ndarray, 'n']
  features: Float[np.ndarray, 'n d']
  quarantine: tuple[Mapping[str, Any], ...]
  zeroed: int


def make(rows: Sequence[int], features: Sequence[np.ndarray], dim: int,
         quarantine: Sequence[Mapping[str, Any]]) -> Shard:
  """A shard of features that came batch by batch."""
  whole = (np.concatenate(features) if features
           else np.zeros((0, dim), np.float32))
  half, zeroed = store_writer.to_half(whole)
  return Shard(np.asarray(rows, np.int64), half, tuple(quarantine), zeroed)


def save(folder: pathlib.Path, number: int, shard: Shard) -> None:
  """Writes the shard; it is there when it is whole."""
  path = _path(folder, number)
  needed = shard.features.nbytes + shard.rows.nbytes
  with sealed.writing(path, needed) as draft:
    draft.write(_FEATURES, shard.features.tobytes())
    draft.write(_ROWS, shard.rows.astype('<i8').tobytes())
    draft.publish(path, KIND, {
        'rows': len(shard.rows), 'dim': shard.features.shape[1],
        'zeroed': shard.zeroed, 'quarantine': list(shard.quarantine)},
                  replace=True)


def state(folder: pathlib.Path, number: int) -> str:
  """'done', 'missing' or 'damaged' (a checksum does not fit)."""
  path = _path(folder, number)
  if not (path / KIND.manifest).exists():
    return 'missing'
  try:
    sealed.open_files(path, KIND)[1].verify()
    return 'done'
  except (OSError, store.BadStore):
    return 'damaged'


def manifest(folder: pathlib.Path, number: int) -> dict[str, Any]:
  """Counts and quarantine of a finished shard."""
  return sealed.read_manifest(_path(folder, number), KIND)


def load(folder: pathlib.Path, number: int) -> Shard:
  """Reads a finished shard."""
  entries, files = sealed.open_files(_path(folder, number), KIND)
  features = np.frombuffer(files.read(_FEATURES), '<f2')
  return Shard(rows(folder, number), features.reshape(-1, entries['dim']),
               tuple(entries['quarantine']), entries['zeroed'])


def rows(folder: pathlib.Path, number: int) -> Int[np.ndarray, 'n']:
  """Source rows of a finished shard that gave a feature, [n]."""
  _, files = sealed.open_files(_path(folder, number), KIND)
  return np.frombuffer(files.read(_ROWS), '<i8')


def remove_partials(folder: pathlib.Path) -> None:
  """Removes what killed writers of shards left."""
  for partial in folder.glob('.*.tmp'):
    shutil.rmtree(partial, ignore_errors=True)


def _path(folder: pathlib.Path, number: int) -> pathlib.Path:
  return folder / f'{number:06d}'


JOB_FILE = 'job.json'


def check_job(workdir: pathlib.Path, job: Mapping[str, Any]) -> None:
  """Writes the job down, or refuses one that differs from what is written."""
  path = workdir / JOB_FILE
  if not path.is_file():
    files.write_json_once(path, job)
  saved = json.loads(path.read_text())
  changed = [f'{name} {saved.get(name)} → {value}'
             for name, value in job.items() if saved.get(name) != value]
  if changed:
    raise ValueError(
        f'{workdir} belongs to another extraction ({", ".join(changed)}); '
        f'continue with what it began with, or use another workdir')


# Too few to judge a share by.
_MIN_SEEN = 50


def check_failures(where: str, reasons: Counter[str], seen: int,
                   allowed: float | int) -> None:
  """Refuses more than `allowed` of the photos seen, once those are enough."""
  failed = reasons.total()
  if seen >= _MIN_SEEN and failed > allowed * seen:
    raise ValueError(
        f'{where}: {failed} of {seen} photos give no feature '
        f'{dict(reasons.most_common())}, more than max_failed_share={allowed};'
        f' look at the data, or raise the share')
