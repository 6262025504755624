"""Photos as vectors that search a gallery."""

from collections.abc import Mapping
from typing import Any

from jaxtyping import Num
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.features import store as stores
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.models import embedder_files, encoding

_EPS = 1e-8


def check_inputs(trained: embedder_files.Trained, source: str,
                 origin: Mapping[str, Any], where: str) -> None:
  """Refuses features made in another way than the embedder's training rows."""
  if source not in trained.inputs:
    raise ValueError(f'{where} holds {source} features; this embedder knows '
                     f'{sorted(trained.inputs)}')
  differences = galleries.input_differences(
      source, trained.inputs[source], origin)
  if differences:
    raise ValueError(f'{where} was not made as what the embedder learned from: '
                     f'{"; ".join(differences)}; extract it again')


def encode(trained: embedder_files.Trained, encoder: encoding.Encoder,
           photos: types.Photos, features: Num[np.ndarray, 'b r'],
           with_raw: bool) -> shortlist.Queries:
  """Unit embeddings, and unit features where the gallery has them."""
  features = np.asarray(features, np.float32)
  length = np.linalg.norm(features, axis=1, keepdims=True)
  bad = np.flatnonzero(~((length[:, 0] > _EPS) & np.isfinite(length[:, 0])))
  if len(bad):
    raise ValueError(f'{len(bad)} of {len(features):,} queries have a feature '
                     f'without direction (zero, NaN or infinite), the first is '
                     f'{str(photos.ids[bad[0]])!r}: extract them again or '
                     f'leave them out')
  return shortlist.Queries(
      encoder.images(trained.params, photos.source, features),
      features / length if with_raw else None)


def encode_store(trained: embedder_files.Trained, store: stores.FeatureStore,
                 encoder: encoding.Encoder | None = None,
                 with_raw: bool = True) -> shortlist.Queries:
  """All photos of a store as vectors; refuses features made in another way."""
  check_inputs(trained, store.manifest['source'], store.manifest,
               str(store.path))
  encoder = encoder or encoding.Encoder(trained.model, encoding.FEW)
  return encode(trained, encoder, store.photos,
                store.rows(np.arange(len(store))), with_raw)
