"""Writes a feature store in one pass; it appears when it is whole."""

from collections.abc import Iterable, Mapping
import dataclasses
import json
import pathlib
from typing import Any

from jaxtyping import Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.disk import sealed
from pinpoint_jax.features import store
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
    licence: under which the photos may be shown, on one line; '' unknown.
  """

  backbone: str
  weight_hash: str
  preprocess: str
  notes: tuple[str, ...] = ()
  zeroed: int = 0
  licence: str = ''

  def __post_init__(self):
    if self.licence:
      store.check_names(np.asarray([self.licence], np.str_), 'licence')


def write(path: pathlib.Path, photos: types.Photos,
          chunks: Iterable[Float[np.ndarray, 'n d']], dim: int,
          origin: FeatureOrigin,
          quarantine: Iterable[Mapping[str, Any]] = ()) -> store.FeatureStore:
  """Writes features of `photos`, in order, chunk by chunk.

  What is not finite in float16 becomes 0 and is counted in the manifest. If
  another process finished the same store meanwhile, that one stays.
  """
  check_photos(photos, str(path))
  quarantined = [json.dumps(entry) + '\n' for entry in quarantine]
  with sealed.writing(path, len(photos) * (2 * dim + 16)) as draft:
    with draft.open(store.FEATURES) as file:
      zeroed = _write_features(file, chunks, len(photos), dim, str(path))
    for name, data in _columns(photos).items():
      draft.write(name, data)
    draft.write(store.QUARANTINE, ''.join(quarantined).encode())
    draft.publish(path, store.KIND, {
        'version': store.VERSION, 'backbone': origin.backbone,
        'weight_hash': origin.weight_hash, 'preprocess': origin.preprocess,
        'source': photos.source, 'rows': len(photos), 'dim': dim,
        'dtype': 'float16', 'normalized': False,
        'quarantined': len(quarantined),
        'values_not_finite_set_to_0': origin.zeroed + zeroed,
        'notes': list(origin.notes)} | (
            {'licence': origin.licence} if origin.licence else {}))
  return store.open_store(path)


def check_photos(photos: types.Photos, where: str) -> None:
  """Refuses a table that a store cannot hold; ids are unique there."""
  store.check_ids(photos.ids, f'{where}: ids')
  for names in (photos.authors, photos.sequences):
    store.check_names(store.encode_names(names)[1], where)
  coords.check_latlng_deg(photos.latlng_deg, where, True)


def _write_features(file: sealed.SummedFile, chunks: Iterable[np.ndarray],
                    num_rows: int, dim: int, where: str) -> int:
  """Writes the features; returns how many values had to become 0."""
  written = zeroed = 0
  for chunk in chunks:
    if chunk.shape[1] != dim:
      raise store.BadStore(f'{where}: features of dimension {chunk.shape[1]} '
                           f'where {dim} is expected')
    half, num_bad = to_half(chunk)
    # Not tofile: its error on a full disk does not say that it is full.
    file.write(half.tobytes())
    written, zeroed = written + len(chunk), zeroed + num_bad
  if written != num_rows:
    raise store.BadStore(f'{where}: {written} features for {num_rows} photos')
  return zeroed


def to_half(values: Float[np.ndarray, 'n d']) -> tuple[
    Float[np.ndarray, 'n d'], int]:
  """Float16 with 0 for what is not finite there, and how many those are."""
  finite = np.abs(values) <= _MAX_F16  # False for NaN too.
  half = np.where(finite, values, 0).astype('<f2')
  return half, int(finite.size - finite.sum())


def _columns(photos: types.Photos) -> dict[str, bytes]:
  """Files of all but the features."""
  data = {store.IDS: store.to_lines(photos.ids),
          store.PLACES: photos.latlng_deg.astype('<f4').tobytes()}
  for column, codes_name, names_name in (
      (photos.authors, store.AUTHOR, store.AUTHORS),
      (photos.sequences, store.SEQUENCE, store.SEQUENCES)):
    codes, names = store.encode_names(column)
    data[codes_name] = codes.tobytes()
    if len(names):
      data[names_name] = store.to_lines(names)
  return data
