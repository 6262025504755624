"""Shards of an extraction: whole and checked, or not there.

A shard is NNNNN.npz (features float16, source rows, quarantine) and, written
after it, NNNNN.json with the checksum: only then is the shard done.
"""

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
