"""Writes a feature store in one pass; it appears when it is whole."""

from collections.abc import Iterable, Mapping
import dataclasses
import json
import os
import pathlib
import shutil
from typing import Any

from jaxtyping import Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.features import files, store

_MAX_F16 = float(np.finfo(np.float16).max)


@dataclasses.dataclass(frozen=True)
class Facts:
  """What a store says of its features.

  Attributes:
    backbone: name of the model.
    weight_hash: of its weights.
    preprocess: ops from the decoded photo to its input.
    notes: what a user should know.
  """

  backbone: str
  weight_hash: str
  preprocess: str
  notes: tuple[str, ...] = ()


def write(path: pathlib.Path, photos: types.Photos,
          chunks: Iterable[Float[np.ndarray, 'n d']], dim: int, facts: Facts,
          quarantine: Iterable[Mapping[str, Any]] = ()) -> store.FeatureStore:
  """Writes features of `photos`, in order, chunk by chunk.

  What is not finite in float16 becomes 0 and is counted in the manifest. If
  another process finished the same store meanwhile, that one stays.
  """
  partial = files.fresh_folder(path)
  try:
    with files.refusing_full_disk(path):
      zeroed = _features(partial / store.FEATURES, chunks, len(photos), dim)
      _columns(partial, photos, quarantine)
      _manifest(partial, photos, dim, facts, zeroed)
    _publish(partial, path)
  finally:
    shutil.rmtree(partial, ignore_errors=True)
  return store.open_store(path)


def _features(path: pathlib.Path, chunks: Iterable[np.ndarray], num_rows: int,
              dim: int) -> int:
  """Writes the features; returns how many values had to become 0."""
  written = zeroed = 0
  with path.open('wb') as file:
    for chunk in chunks:
      if chunk.shape[1] != dim:
        raise store.BadStore(f'{path}: features of {chunk.shape[1]} numbers '
                             f'where {dim} are expected')
      half, bad = to_half(chunk)
      half.tofile(file)
      written, zeroed = written + len(chunk), zeroed + bad
    file.flush()
    os.fsync(file.fileno())
  if written != num_rows:
    raise store.BadStore(f'{path}: {written} features for {num_rows} photos')
  return zeroed


def to_half(values: Float[np.ndarray, 'n d']) -> tuple[
    Float[np.ndarray, 'n d'], int]:
  """Float16 with 0 for what is not finite there, and how many those are."""
  good = np.abs(values) <= _MAX_F16  # False for NaN too.
  half = np.where(good, values, 0).astype('<f2')
  return half, int(good.size - good.sum())


def _columns(folder: pathlib.Path, photos: types.Photos,
             quarantine: Iterable[Mapping[str, Any]]) -> None:
  store.write_lines(folder / store.IDS, photos.ids.tolist())
  photos.latlng_deg.astype('<f4').tofile(folder / store.PLACES)
  for column, codes_name, names_name in (
      (photos.authors, store.AUTHOR, store.AUTHORS),
      (photos.sequences, store.SEQUENCE, store.SEQUENCES)):
    codes, names = store.encode_names(column)
    codes.tofile(folder / codes_name)
    if names:
      store.write_lines(folder / names_name, names)
  lines = [json.dumps(entry, ensure_ascii=False) for entry in quarantine]
  (folder / store.QUARANTINE).write_text(
      ''.join(f'{line}\n' for line in lines), encoding='utf-8')


def _manifest(folder: pathlib.Path, photos: types.Photos, dim: int,
              facts: Facts, zeroed: int) -> None:
  quarantined = (folder / store.QUARANTINE).read_text('utf-8').count('\n')
  files.write_json(folder / store.MANIFEST, {
      'version': store.VERSION, 'backbone': facts.backbone,
      'weight_hash': facts.weight_hash, 'preprocess': facts.preprocess,
      'source': photos.source, 'rows': len(photos), 'dim': dim,
      'dtype': 'float16', 'normalized': False, 'quarantined': quarantined,
      'values_not_finite_set_to_0': zeroed, 'notes': list(facts.notes),
      'files': {file.name: {'bytes': file.stat().st_size,
                            'xxh3_128': files.checksum(file)}
                for file in sorted(folder.iterdir())}})


def _publish(partial: pathlib.Path, path: pathlib.Path) -> None:
  try:
    os.rename(partial, path)
  except OSError:
    if not (path / store.MANIFEST).is_file():
      raise
    theirs = (path / store.MANIFEST).read_text()
    if theirs != (partial / store.MANIFEST).read_text():
      raise store.BadStore(f'{path} holds another store; remove it, or write '
                           f'elsewhere') from None
