"""Feature stores and an embedder to a gallery, and more stores into it.

  stores ─▶ order by id ─▶ encode block by block ─▶ segment ─▶ manifest
                                                     (whole)    (swapped)

Before the manifest is swapped the old gallery is there, after it the new one.
"""

from collections.abc import Callable, Mapping, Sequence
import contextlib
import dataclasses
import hashlib
import io
import json
import pathlib
from typing import Any

import jax
from jaxtyping import Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.disk import sealed
from pinpoint_jax.features import progress, store, verify
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import layout, segment_writer
from pinpoint_jax.gallery import table as tables
from pinpoint_jax.gallery.layout import BadGallery
from pinpoint_jax.models import embedder_files, encoding
from pinpoint_jax.parallel import processes

Find = Callable[[types.Strings], Int[np.ndarray, 'n']]


@dataclasses.dataclass(frozen=True)
class Settings:
  """What a gallery holds; every field is a config field.

  Attributes:
    mode: combined, photo or street: the sources it may hold.
    raw: float16, int8 or off: how raw features are kept.
    duplicates: refuse, or first: of photos with one id the first stays.
  """

  mode: str = 'combined'
  raw: str = 'float16'
  duplicates: str = 'refuse'

  def __post_init__(self):
    for name, choices in (('mode', tuple(layout.MODES)), ('raw', layout.RAW),
                          ('duplicates', tables.DUPLICATES)):
      if getattr(self, name) not in choices:
        raise ValueError(f'{name}={getattr(self, name)!r}: choices are '
                         f'{choices}')


def build(path: str | pathlib.Path, trained: embedder_files.Trained,
          stores: Sequence[str | pathlib.Path], settings: Settings,
          replace: bool = False, encoder: encoding.Encoder | None = None,
          quiet: bool = False) -> galleries.Gallery:
  """Builds a gallery of the rows of all stores; their order does not matter.

  Except that with duplicates='first' the first store with an id has it. A
  gallery that is there already stays until the new one is whole, and is
  refused unless `replace`, or unless it is what the same call has built and
  nobody has changed since. `encoder` is of the same embedder, for callers who
  have compiled it; `quiet` shows no progress.

  All processes of a run call it: they embed together, the first one writes.
  """
  path = pathlib.Path(path)
  opened = _open_stores(stores)
  manifest = _empty_manifest(trained, settings)
  _check_stores(opened, manifest, f'mode {settings.mode!r}')
  inputs = _inputs_hash([manifest, settings.duplicates], opened)
  with contextlib.ExitStack() as held:
    def begin() -> int:
      old = held.enter_context(layout.writing(path))
      if not old or replace:
        return True
      if _is_done(path, old, inputs):
        return False
      raise BadGallery(f'{path} is already a gallery of {old["rows"]:,} rows: '
                       f'add to it with --add, or build it anew with --replace')
    if processes.by_first(begin):
      added = _segment(
          path, manifest, trained, encoder, opened, settings.duplicates,
          lambda ids: np.full(len(ids), -1, np.int64), quiet)
      processes.by_first(
          lambda: _publish(path, {**manifest, **added}, inputs) or 0)
  return galleries.open_gallery(path)


def add(path: str | pathlib.Path, trained: embedder_files.Trained,
        stores: Sequence[str | pathlib.Path],
        duplicates: str = 'refuse',
        encoder: encoding.Encoder | None = None) -> galleries.Gallery:
  """Adds the rows of all stores as one more segment.

  Where the last call has done just that, there is nothing left to add.
  """
  path = pathlib.Path(path)
  opened = _open_stores(stores)
  inputs = _inputs_hash([trained.fingerprint, duplicates], opened)
  with layout.writing(path):
    old = galleries.open_gallery(path, trained)
    manifest = old.manifest
    if _is_done(path, manifest, inputs):
      return old
    _check_stores(opened, manifest, f'{path} of mode {manifest["mode"]!r}')
    added = _segment(path, manifest, trained, encoder, opened, duplicates,
                     old.find)
    if added['rows']:
      _publish(path, {
          **manifest, 'rows': manifest['rows'] + added['rows'],
          'segments': [*manifest['segments'], *added['segments']],
          'duplicates_left_out': (manifest['duplicates_left_out']
                                  + added['duplicates_left_out'])}, inputs)
  return galleries.open_gallery(path)


def _inputs_hash(settings: Sequence[Any],
                 stores: Sequence[store.FeatureStore]) -> str:
  """Content hash of all that a build or an addition starts from."""
  text = json.dumps([settings, [opened.fingerprint() for opened in stores]],
                    sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:16]


def _publish(path: pathlib.Path, manifest: Mapping[str, Any],
             inputs: str) -> None:
  """Publishes the gallery, and notes what has led to it."""
  sealed.write_manifest(path, layout.BUILD_KIND, {
      'inputs': inputs, 'gallery': layout.fingerprint(manifest)})
  layout.publish(path, manifest)


def _is_done(path: pathlib.Path, manifest: Mapping[str, Any],
             inputs: str) -> bool:
  """Whether the gallery is, unchanged, what `inputs` have led to."""
  if not (path / layout.BUILD).exists():
    return False
  record = sealed.read_manifest(path, layout.BUILD_KIND)
  return (record['inputs'] == inputs
          and record['gallery'] == layout.fingerprint(manifest))


def _open_stores(paths: Sequence[str | pathlib.Path]) -> list[
    store.FeatureStore]:
  if not paths:
    raise ValueError('no feature store is named: a gallery is built from some')
  # Or a flipped bit would get a checksum that is right.
  some = paths[jax.process_index()::jax.process_count()]
  processes.together(lambda: [verify.verify(path) for path in some])
  return [store.open_store(path) for path in paths]


def _empty_manifest(trained: embedder_files.Trained,
                    settings: Settings) -> dict[str, Any]:
  """The manifest of an empty gallery."""
  inputs = {source: {name: trained.inputs[source][name]
                     for name in types.BACKBONE_KEYS}
            for source in layout.MODES[settings.mode]
            if source in trained.inputs}
  if not inputs:
    raise BadGallery(f'mode={settings.mode}: this embedder knows only '
                     f'{sorted(trained.inputs)}')
  if settings.raw != 'off':
    _check_raw(inputs)
  raw_dim = next(iter(inputs.values()))['dim'] if settings.raw != 'off' else 0
  return {'version': layout.VERSION, 'mode': settings.mode,
          'embedder': trained.fingerprint, 'inputs': inputs,
          'dim': trained.model.dim, 'raw': settings.raw, 'raw_dim': raw_dim,
          'rows': 0, 'duplicates_left_out': 0, 'segments': [],
          'removed': None}


def _check_raw(inputs: Mapping[str, Mapping[str, Any]]) -> None:
  if len({json.dumps(x, sort_keys=True) for x in inputs.values()}) > 1:
    raise BadGallery(
        f'raw features of {" and ".join(inputs)} were made in different ways '
        f'and do not compare ({inputs}): build with raw=off')


def _check_stores(stores: Sequence[store.FeatureStore],
                  manifest: Mapping[str, Any], where: str) -> None:
  for opened in stores:
    source = opened.manifest['source']
    if source not in manifest['inputs']:
      raise BadGallery(f'{opened.path} holds {source} features; {where} takes '
                       f'{sorted(manifest["inputs"])}')
    unlike = galleries.input_differences(source, manifest['inputs'][source],
                                         opened.manifest)
    if unlike:
      raise BadGallery(
          f'{opened.path} does not fit embedder {manifest["embedder"]}, which '
          f'was trained on other features ({"; ".join(unlike)}): extract it '
          f'with the backbone and preprocessing of the model')


def _segment(path: pathlib.Path, manifest: Mapping[str, Any],
             trained: embedder_files.Trained,
             encoder: encoding.Encoder | None,
             stores: Sequence[store.FeatureStore], duplicates: str,
             find: Find, quiet: bool = False) -> dict[str, Any]:
  """Manifest entries of one segment with the rows of all stores."""
  table = tables.join([tables.of_store(opened) for opened in stores])
  order = tables.order(table.ids, duplicates, find)
  table = table.take(order.rows)
  shown = progress.Progress(len(table), io.StringIO() if quiet else None,
                            'rows')
  embedded = segment_writer.Encoded(
      trained, encoder or encoding.Encoder(trained.model), stores,
      order.rows, table, manifest['raw'])
  if jax.process_index():
    for _ in embedded:
      pass  # What it embeds goes to the first process.
    return {}
  segment = segment_writer.write(path, manifest, table, embedded, shown.add)
  shown.finish()
  return {'rows': len(table), 'segments': [segment],
          'duplicates_left_out': order.num_duplicates}
