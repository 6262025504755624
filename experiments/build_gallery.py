r"""Builds a gallery from a model and feature stores, and updates it.

  python -m experiments.build_gallery \
    --config=build_gallery --workdir=G \
    --config.model=W/model --config.stores.photo=A,B --config.stores.street=C

  python -m experiments.build_gallery --workdir=G --add=D,E --model=W/model
  python -m experiments.build_gallery --workdir=G --remove_ids=FILE
  python -m experiments.build_gallery --workdir=G --compact
  python -m experiments.build_gallery --workdir=G --verify

Several of them in one command happen in this order. G is the gallery; it is
the old one until the new one is whole, whatever stops the command. Deleted rows
are gone from every answer at once, and from the disk after --compact.

Large segments get an approximate index of each channel, and the gallery gets
neighbour lists for reranking (--config.index, --config.support); --add and
--compact build again what was there before. A build that was stopped between
the gallery and its indices is finished by the same command.

Several hosts (--config.distributed.*, as in train_embedder) embed the rows of a
build together; the first one writes, and makes indices and lists alone.

Exit codes: 0 done; 1 refused, with one line that says why; 143 stopped by
SIGTERM, 130 by Ctrl-C: G is whole, without what was under way, run that again.
"""

from collections.abc import Sequence
import dataclasses
import os
import pathlib
import sys
import time

from experiments.run import distributed, launch, run_record
from experiments.run import launch as stopping
import jax
from ml_collections import config_dict
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.features import store
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import (
  indexes,
  layout,
  neighbours,
  table,
  update,
  verify,
  writer,
)
from pinpoint_jax.models import embedder_files
from pinpoint_jax.search import ann, ann_engines

_STOPPED = '; the gallery is whole, without what was under way: run that again'
# Memory at the peak of building them, by row: docs/results/search.md.
_INDEX_BYTES = 7.2 * 2**30 / 1_000_000
ACTIONS = ('add', 'remove_ids', 'compact', 'verify')
FLAGS = (
    launch.Flag('add', None, 'Feature stores, separated by commas, whose rows '
                'join the gallery in --workdir; needs --model.'),
    launch.Flag('remove_ids', None, 'File of ids, one per line, - for stdin: '
                'their rows are deleted.'),
    launch.Flag('compact', False, 'Make one segment of all rows that are not '
                'deleted.'),
    launch.Flag('verify', False, 'Read every byte of the gallery in '
                '--workdir.'),
    launch.Flag('model', None, 'Model directory of the embedder that built '
                'the gallery.'),
    launch.Flag('replace', False, 'Build although --workdir holds a gallery: '
                'the new one takes its place.'),
    launch.Flag('duplicates', 'refuse', 'Where --add meets ids that are there: '
                'refuse, or first: those rows are left out and counted.'),
    launch.Flag('allow_unknown_ids', False, 'Delete what is there though some '
                'ids are not.'),
)
WAYS = (('workdir', 'config'), *(('workdir', name) for name in ACTIONS))


def main(run: launch.Run) -> None:
  """Build, add, delete, compact, verify: whichever the flags name."""
  stopping.exit_on_signals(_STOPPED)
  flags = run.flags
  if flags['add'] and not flags['model']:
    raise ValueError('--add needs --model, the folder of the embedder that '
                     'built the gallery')
  extras = _extras(run.config, run.workdir)
  if run.config is not None:
    with (distributed.joined(run.config, stops_alone=True),
          distributed.only_first_speaks()):
      stopping.exit_on_signals(_STOPPED)  # Joined, jax takes them for itself.
      _build(run.config, run.workdir, run.flags['replace'])
    if not distributed.first_goes_on():
      return
  if flags['add']:
    _add(run)
  if flags['remove_ids']:
    _remove(run)
  if flags['compact']:
    gallery = update.compact(run.workdir)
    print(f'{len(gallery):,} rows in one segment: {run.workdir}')
  if run.config is not None or flags['add'] or flags['compact']:
    _build_extras(run.workdir, extras)
  if flags['verify']:
    facts = verify.verify(run.workdir)
    print(f'{run.workdir} is sound: '
          + ', '.join(f'{name} {value}' for name, value in facts.items()))


def build(config: config_dict.ConfigDict, workdir: pathlib.Path) -> None:
  """The gallery of a config, with its indices and neighbour lists."""
  extras = _extras(config, workdir)
  _build(config, workdir, replace=False)
  _build_extras(workdir, extras)


@dataclasses.dataclass(frozen=True)
class GalleryExtras:
  """What is derived from a gallery: an engine's indices, neighbour lists."""

  index: str
  support: bool


def _extras(config: config_dict.ConfigDict | None,
            workdir: pathlib.Path) -> GalleryExtras:
  """As the config says; else whatever the gallery has, or had."""
  if config is not None:
    choices = (*ann_engines.ENGINES, 'none')
    if config.index not in choices:
      raise ValueError(f'--config.index={config.index}: choices are '
                       f'{choices}')
    return GalleryExtras(config.index, config.support)
  gallery = galleries.open_gallery(workdir)
  return GalleryExtras(indexes.engine(gallery) or 'none',
                       neighbours.folder_of(gallery).parent.exists())


def _build_extras(path: pathlib.Path, extras: GalleryExtras) -> None:
  """Builds what is missing; what is there already stays."""
  if extras.index != 'none':
    indexes.build(path, extras.index)
  if extras.support:
    print('neighbour lists and density …', flush=True)
    neighbours.build_beside(path)


def _build(config: config_dict.ConfigDict, workdir: pathlib.Path,
           replace: bool) -> None:
  begun = time.monotonic()
  if not config.model:
    raise ValueError('--config.model is empty: name the folder that '
                     'train_embedder exported')
  settings = writer.Settings(config.mode, config.raw, config.duplicates)
  stores = _stores(config)
  num_rows = sum(len(store.open_store(path)) for path in stores)
  if config.index != 'none' and num_rows >= ann.BRUTE_BELOW:
    ann_engines.engine_class(config.index)  # Missing, it is missed now.
    if note := memory_note(num_rows, os.sysconf('SC_PHYS_PAGES')
                           * os.sysconf('SC_PAGE_SIZE')):
      print(note, flush=True)
  trained = embedder_files.load(config.model)
  distributed.check_same('a model or store', [trained.fingerprint, *(
      store.open_store(path).fingerprint() for path in stores)])
  gallery = writer.build(workdir, trained, stores, settings, replace)
  if jax.process_index():
    return
  run_record.write(workdir, config)
  for line in describe(gallery):
    print(line)
  print(f'gallery  {workdir}  ({time.monotonic() - begun:.0f} s)')


def memory_note(num_rows: int, num_bytes: int) -> str:
  """What to say where indices of so many rows do not fit so much memory."""
  needed = num_rows * _INDEX_BYTES
  return '' if needed <= num_bytes else (
      f'note: indices of {num_rows:,} rows need about {needed / 2**30:.0f} GiB '
      f'on one machine, this one has {num_bytes / 2**30:.0f}: with '
      f'--config.index=none several hosts search exactly together, or pinpoint '
      f'export takes the gallery to a vector database (docs/search.md)')


def _stores(config: config_dict.ConfigDict) -> list[str]:
  stores = []
  for source in layout.MODES.get(config.mode, ()):
    paths = config.stores[source]
    if not paths:
      raise ValueError(f'--config.stores.{source} is empty: name a feature '
                       f'store of that source, or several between commas; or '
                       f'set --config.mode to the other source')
    stores += paths.split(',')
  return stores


def _add(run: launch.Run) -> None:
  before = len(galleries.open_gallery(run.workdir))
  gallery = writer.add(
      run.workdir, embedder_files.load(run.flags['model']),
      run.flags['add'].split(','), run.flags['duplicates'])
  print(f'{len(gallery) - before:,} rows added, {gallery.num_live:,} can '
        f'answer, {gallery.manifest["duplicates_left_out"]:,} duplicates were '
        f'left out so far: {run.workdir}')


def _remove(run: launch.Run) -> None:
  done = update.remove(run.workdir, _read_ids(run.flags['remove_ids']),
                       run.flags['allow_unknown_ids'])
  print(f'{done.num_removed:,} rows deleted, {done.num_gone:,} had been '
        f'deleted before, {len(done.unknown):,} ids are unknown: '
        f'{run.workdir}. --compact takes them off the disk')


def _read_ids(name: str) -> types.Strings:
  """Ids, one per line, of a file or of stdin."""
  data = (sys.stdin.buffer.read() if name == '-'
          else pathlib.Path(name).read_bytes())
  try:
    lines = data.decode('utf-8').splitlines()
  except UnicodeDecodeError as error:
    raise ValueError(f'--remove_ids={name}: byte {error.start:,} is no '
                     f'UTF-8') from error
  ids = [line for line in lines if line]
  if not ids:
    raise ValueError(f'--remove_ids={name} contains no id')
  return np.asarray(ids, np.str_)


def describe(gallery: galleries.Gallery) -> Sequence[str]:
  """Rows by source, and bytes of a row by column."""
  rows = ', '.join(f'{count:,} {source}' for source, count in
                   table.count_sources(gallery.source).items())
  left_out = gallery.manifest['duplicates_left_out']
  sizes: dict[str, float] = {}
  for segment in gallery.manifest['segments']:
    for name, facts in segment['files'].items():
      column = name.partition('.')[0]
      sizes[column] = sizes.get(column, 0) + facts['bytes']
  each = {name: size / max(len(gallery), 1) for name, size in sizes.items()}
  columns = ', '.join(f'{name} {size:,.1f}' for name, size in sorted(
      each.items(), key=lambda item: -item[1]))
  return (f'rows     {rows}, {left_out:,} duplicates left out',
          f'bytes per row  {sum(each.values()):,.1f}: {columns}')


if __name__ == '__main__':
  launch.run(main, FLAGS, WAYS, record=False)
