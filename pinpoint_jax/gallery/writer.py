"""Feature stores and an embedder to a gallery, and more stores into it.

  stores ─▶ order by id ─▶ encode block by block ─▶ segment ─▶ manifest
                                                     (whole)    (swapped)

Before the manifest is swapped the old gallery is there, after it the new one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import dataclasses
import json
import pathlib
from typing import Any

from jaxtyping import Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.disk import files as disk
from pinpoint_jax.disk import lock
from pinpoint_jax.features import progress, store, verify
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import layout, segment_writer
from pinpoint_jax.gallery import segment_writer as blocks
from pinpoint_jax.gallery import table as tables
from pinpoint_jax.gallery.layout import BadGallery
from pinpoint_jax.models import embedder_files, encoding

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
          replace: bool = False,
          encoder: encoding.Encoder | None = None) -> galleries.Gallery:
  """Builds a gallery of the rows of all stores; the stores' order is nothing.

  Except that with duplicates='first' the first store with an id has it. A
  gallery that is there already stays until the new one is whole, and is
  refused unless `replace`. `encoder` is of the same embedder, for callers who
  have compiled it.
  """
  path = pathlib.Path(path)
  opened = _open_stores(stores)
  about = _about(trained, settings)
  _check_stores(opened, about, f'mode {settings.mode!r}')
  with writing(path) as old:
    if old and not replace:
      raise BadGallery(f'{path} holds a gallery of {old["rows"]:,} rows: add '
                       f'to it with --add, or build it anew with --replace')
    added = _segment(
        path, about, trained, encoder, opened, settings.duplicates,
        lambda ids: np.full(len(ids), -1, np.int64))
    publish(path, {**about, **added})
  return galleries.open_gallery(path)


def add(path: str | pathlib.Path, trained: embedder_files.Trained,
        stores: Sequence[str | pathlib.Path],
        duplicates: str = 'refuse',
        encoder: encoding.Encoder | None = None) -> galleries.Gallery:
  """Adds the rows of all stores as one more segment."""
  path = pathlib.Path(path)
  opened = _open_stores(stores)
  with writing(path):
    old = galleries.open_gallery(path, trained)
    about = old.manifest
    _check_stores(opened, about, f'{path} of mode {about["mode"]!r}')
    added = _segment(path, about, trained, encoder, opened, duplicates,
                     old.find)
    if added['rows']:
      publish(path, {
          **about, 'rows': about['rows'] + added['rows'],
          'segments': [*about['segments'], *added['segments']],
          'duplicates_left_out': (about['duplicates_left_out']
                                  + added['duplicates_left_out'])})
  return galleries.open_gallery(path)


@contextlib.contextmanager
def writing(path: pathlib.Path) -> Iterator[dict[str, Any] | None]:
  """Holds the gallery's lock, swept of what killed writers left.

  Yields the manifest, None where there is no gallery yet.
  """
  if path.is_dir() and not (path / layout.MANIFEST).exists():
    _refuse_unexpected(path)
  with lock.hold(path):
    there = (path / layout.MANIFEST).exists()
    manifest = layout.read_manifest(path) if there else None
    layout.sweep(path, manifest)
    try:
      yield manifest
    finally:
      there = (path / layout.MANIFEST).exists()
      layout.sweep(path, layout.read_manifest(path) if there else None)


def publish(path: pathlib.Path, manifest: Mapping[str, Any]) -> None:
  """Makes the folder be what `manifest` says; `writing` sweeps the rest."""
  disk.write_json(path / layout.MANIFEST, manifest)


def _refuse_unexpected(path: pathlib.Path) -> None:
  found = [*layout.unexpected_files(path),
           *[name for name in layout.DERIVED if (path / name).exists()]]
  if found:
    raise BadGallery(f'{path} holds {found[:3]}, which is no part of a '
                     f'gallery: choose another folder')


def _open_stores(paths: Sequence[str | pathlib.Path]) -> list[
    store.FeatureStore]:
  if not paths:
    raise ValueError('no feature store is named: a gallery is made of some')
  for path in paths:
    # Or a flipped bit would get a checksum that is right.
    verify.verify(path)
  return [store.open_store(path) for path in paths]


def _about(trained: embedder_files.Trained,
           settings: Settings) -> dict[str, Any]:
  """The manifest of an empty gallery."""
  inputs = {source: {name: trained.inputs[source][name]
                     for name in layout.INPUTS}
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
  if len({json.dumps(about, sort_keys=True) for about in inputs.values()}) > 1:
    raise BadGallery(
        f'raw features of {" and ".join(inputs)} were made in different ways '
        f'and do not compare ({inputs}): build with raw=off')


def _check_stores(stores: Sequence[store.FeatureStore],
                  about: Mapping[str, Any], where: str) -> None:
  for one in stores:
    source = one.manifest['source']
    if source not in about['inputs']:
      raise BadGallery(f'{one.path} holds {source} features; {where} takes '
                       f'{sorted(about["inputs"])}')
    unlike = galleries.input_differences(source, about['inputs'][source],
                                         one.manifest)
    if unlike:
      raise BadGallery(
          f'{one.path} does not fit embedder {about["embedder"]}, which was '
          f'trained on other features ({"; ".join(unlike)}): extract it with '
          f'the backbone and preprocessing of the model')


def _segment(path: pathlib.Path, about: Mapping[str, Any],
             trained: embedder_files.Trained,
             encoder: encoding.Encoder | None,
             stores: Sequence[store.FeatureStore], duplicates: str,
             find: Find) -> dict[str, Any]:
  """Manifest entries of one segment with the rows of all stores."""
  table = tables.join([tables.of_store(one) for one in stores])
  order = tables.order(table.ids, duplicates, find)
  table = table.take(order.rows)
  told = progress.Progress(len(table), unit='rows')
  segment = segment_writer.write(
      path, about, table, blocks.Encoded(
          trained, encoder or encoding.Encoder(trained.model), stores,
          order.rows, table, about['raw']), told.add)
  told.finish()
  return {'rows': len(table), 'segments': [segment],
          'duplicates_left_out': order.num_duplicates}
