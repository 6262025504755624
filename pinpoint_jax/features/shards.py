"""Shards of an extraction: whole and checked, or not there.

A shard is NNNNN.npz (features float16, source rows, quarantine) and, written
after it, NNNNN.json with the checksum: only then is the shard done.

job.json says what an extraction is about: nobody goes on with the shards of
another. A job stops when too many photos give no feature.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
import dataclasses
import json
import pathlib
from typing import Any

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax.disk import files
from pinpoint_jax.features import store_writer


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
  """Writes the shard, then the file that says it is done."""
  data, done = _paths(folder, number)
  needed = shard.features.nbytes + shard.rows.nbytes
  with files.atomic(data, needed) as file:
    np.savez(file, rows=shard.rows, features=shard.features)
  files.write_json(done, {
      'xxh3_128': files.checksum(data), 'rows': len(shard.rows),
      'zeroed': shard.zeroed, 'quarantine': list(shard.quarantine)})


def state(folder: pathlib.Path, number: int) -> str:
  """'done', 'missing' or 'damaged' (its checksum does not fit)."""
  data, done = _paths(folder, number)
  if not done.is_file():
    return 'missing'
  try:
    expected = json.loads(done.read_text())['xxh3_128']
    return 'done' if files.checksum(data) == expected else 'damaged'
  except (OSError, ValueError, KeyError):
    return 'damaged'


def facts(folder: pathlib.Path, number: int) -> dict[str, Any]:
  """What the finished shard says of itself."""
  return json.loads(_paths(folder, number)[1].read_text())


def load(folder: pathlib.Path, number: int) -> Shard:
  """Reads a finished shard."""
  about = facts(folder, number)
  with np.load(_paths(folder, number)[0], allow_pickle=False) as arrays:
    return Shard(arrays['rows'], arrays['features'],
                 tuple(about['quarantine']), about['zeroed'])


def rows(folder: pathlib.Path, number: int) -> Int[np.ndarray, 'n']:
  """Source rows of a finished shard that gave a feature, [n]."""
  with np.load(_paths(folder, number)[0], allow_pickle=False) as arrays:
    return arrays['rows']


def _paths(folder: pathlib.Path,
           number: int) -> tuple[pathlib.Path, pathlib.Path]:
  return folder / f'{number:06d}.npz', folder / f'{number:06d}.json'


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


class TooManyFailures(ValueError):
  """More photos fail than was allowed; the data is probably not what it was."""


def check_failures(where: str, reasons: Counter[str], seen: int,
          allowed: float | int) -> None:
  """Refuses more than `allowed` of the photos seen, once those are enough."""
  failed = reasons.total()
  if seen >= _MIN_SEEN and failed > allowed * seen:
    raise TooManyFailures(
        f'{where}: {failed} of {seen} photos give no feature '
        f'{dict(reasons.most_common())}, more than max_failed_share={allowed};'
        f' look at the data, or raise the share')
