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
from pinpoint_jax.disk import files
from pinpoint_jax.features import columns, store
from pinpoint_jax.geo import coords

_MAX_F16 = float(np.finfo(np.float16).max)


@dataclasses.dataclass(frozen=True)
class FeatureOrigin:
  """What a store says of its features.

  Attributes:
    backbone: name of the model.
    weight_hash: of its weights.
    preprocess: ops from the decoded photo to its input.
    notes: what a user should know.
    zeroed: values that were not finite before they came here and are 0.
  """

  backbone: str
  weight_hash: str
  preprocess: str
  notes: tuple[str, ...] = ()
  zeroed: int = 0


def write(path: pathlib.Path, photos: types.Photos,
          chunks: Iterable[Float[np.ndarray, 'n d']], dim: int,
          facts: FeatureOrigin,
          quarantine: Iterable[Mapping[str, Any]] = ()) -> store.FeatureStore:
  """Writes features of `photos`, in order, chunk by chunk.

  What is not finite in float16 becomes 0 and is counted in the manifest. If
  another process finished the same store meanwhile, that one stays.
  """
  check_photos(photos, str(path))
  with files.refusing_full_disk(path, len(photos) * (2 * dim + 16)):
    partial = files.fresh_folder(path)
    try:
      zeroed = _features(partial / store.FEATURES, chunks, len(photos), dim)
      _columns(partial, photos, quarantine)
      _manifest(partial, photos, dim, facts, facts.zeroed + zeroed)
      _publish(partial, path)
    finally:
      shutil.rmtree(partial, ignore_errors=True)
  return store.open_store(path)


def check_photos(photos: types.Photos, where: str) -> None:
  """Refuses a table that a store cannot hold; ids are unique there."""
  columns.check_ids(photos.ids, f'{where}: ids')
  for names in (photos.authors, photos.sequences):
    columns.check_names(columns.encode(names)[1], where)
  coords.check_latlng_deg(photos.latlng_deg, where, True)


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
      # Not tofile: its error on a full disk does not say that it is full.
      file.write(half.tobytes())
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
  _write(folder / store.IDS, columns.to_lines(photos.ids))
  _write(folder / store.PLACES, photos.latlng_deg.astype('<f4').tobytes())
  for column, codes_name, names_name in (
      (photos.authors, store.AUTHOR, store.AUTHORS),
      (photos.sequences, store.SEQUENCE, store.SEQUENCES)):
    codes, names = columns.encode(column)
    _write(folder / codes_name, codes.tobytes())
    if len(names):
      _write(folder / names_name, columns.to_lines(names))
  _write(folder / store.QUARANTINE, ''.join(
      json.dumps(entry) + '\n' for entry in quarantine).encode())


def _write(path: pathlib.Path, data: bytes) -> None:
  with path.open('wb') as file:
    file.write(data)
    file.flush()
    os.fsync(file.fileno())


def _manifest(folder: pathlib.Path, photos: types.Photos, dim: int,
              facts: FeatureOrigin, zeroed: int) -> None:
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
    files.sync_folder(path.parent)
  except OSError:
    if not (path / store.MANIFEST).is_file():
      raise
    theirs = (path / store.MANIFEST).read_text()
    if theirs != (partial / store.MANIFEST).read_text():
      raise store.BadStore(f'{path} holds another store; remove it, or write '
                           f'elsewhere') from None
