"""Our own index of tar archives: where each member is, next to the data.

Building it walks every header once, which takes long for millions of members;
the walk is saved every so often and continues where it stopped. A saved index
belongs to files of certain names, sizes and times: of others it is rebuilt.
Somebody else's index is never unpickled.
"""

from array import array
import dataclasses
import json
import logging
import os
import pathlib
import tempfile
import time
import zipfile

from input_pipeline.datasets import archive, tar_walk
from jaxtyping import Int
import numpy as np

_FORMAT = 1
_CLOCK_MEMBERS = 4096  # How often the time is looked at.
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class TarIndex:
  """The regular files of one or more tars.

  Attributes:
    names: as written in the archive, n of them.
    starts: where the data begins in the whole of all parts, [n].
    sizes: bytes, [n].
    notes: what was left out. That it was resumed or built again is logged and
      no note: the next opening would not say so, and what is extracted from the
      data goes by its notes.
  """

  names: list[str]
  starts: Int[np.ndarray, 'n']
  sizes: Int[np.ndarray, 'n']
  notes: tuple[str, ...]


@dataclasses.dataclass
class _Walk:
  """How far a walk has come."""

  fingerprint: str
  archive: int = 0
  place: int = 0
  num_other: int = 0
  done: bool = False
  names: list[str] = dataclasses.field(default_factory=list)
  starts: array = dataclasses.field(default_factory=lambda: array('q'))
  sizes: array = dataclasses.field(default_factory=lambda: array('q'))


def load(parts: archive.Parts, cache: pathlib.Path, one_archive: bool,
         save_every_s: float | int = 60., may_be_cut: bool = False) -> TarIndex:
  """The index of `parts`, from the file `cache`, or built and saved there.

  `one_archive`: the parts are slices of one tar; otherwise each is a tar.
  `may_be_cut`: of a tar that ends too early, the members before its end.
  """
  spans = _spans(parts, one_archive)
  fingerprint = f'{_FORMAT}-{len(spans)}-{parts.fingerprint()}'
  progress, notes = _resume(cache, fingerprint), []
  if not progress.done:
    try:
      _walk_on(parts, spans, progress, cache, save_every_s)
    except tar_walk.CutArchive:
      if not may_be_cut:
        raise
      notes.append(f'{parts.paths[-1]}: the archive is cut there: the '
                   f'{len(progress.names):,} members that are whole are taken')
  if progress.num_other:
    notes.append(f'{parts.paths[0]}: {progress.num_other} members left out: '
                 f'links or devices, no files')
  return TarIndex(progress.names, np.array(progress.starts).view(np.int64),
                  np.array(progress.sizes).view(np.int64), tuple(notes))


def _spans(parts: archive.Parts, one_archive: bool) -> list[tuple[int, int]]:
  """Where each archive begins and ends in the whole."""
  if one_archive:
    return [(0, len(parts))]
  return [(parts.begin(i), end) for i, end in enumerate(parts.ends)]


def _walk_on(parts: archive.Parts, spans: list[tuple[int, int]],
             progress: _Walk, cache: pathlib.Path,
             save_every_s: float | int) -> None:
  """Walks to the end and saves; interrupted, it has saved what it had."""
  saved = time.monotonic()
  try:
    for i in range(progress.archive, len(spans)):
      begin, stop = spans[i]
      progress.archive, progress.place = i, max(begin, progress.place)
      for member in tar_walk.walk(parts, progress.place, stop):
        _add(progress, member)
        if len(progress.names) % _CLOCK_MEMBERS == 0 and (
            time.monotonic() - saved >= save_every_s):
          _save(cache, progress)
          saved = time.monotonic()
          _log.info('%s: %d members, %.1f %% of the bytes', cache,
                    len(progress.names), 100 * progress.place / len(parts))
    progress.done = True
  finally:
    _save(cache, progress)


def _add(progress: _Walk, member: tar_walk.Member) -> None:
  if member.kind == 'file':
    progress.names.append(member.name)
    progress.starts.append(member.start)
    progress.sizes.append(member.size)
  elif member.kind == 'other':
    progress.num_other += 1
  progress.place = member.next


def _save(cache: pathlib.Path, progress: _Walk) -> None:
  """Replaces the file in one step: it is always a whole one."""
  facts = {name: getattr(progress, name) for name in
           ('fingerprint', 'archive', 'place', 'num_other', 'done')}
  # NUL parts the names: no tar can hold it in one.
  names = '\0'.join(progress.names).encode('utf-8', 'surrogateescape')
  try:
    cache.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(prefix=f'.{cache.name}.',
                                       dir=cache.parent)
  except OSError as error:
    raise OSError(f'{cache.parent}: the index cannot be written there '
                  f'({error.strerror}); name another cache_dir') from error
  try:
    with os.fdopen(handle, 'wb') as file:
      np.savez(file, facts=_bytes(json.dumps(facts).encode()),
               names=_bytes(names), starts=np.asarray(progress.starts),
               sizes=np.asarray(progress.sizes))
    os.chmod(partial, 0o644)  # mkstemp makes files private.
    os.replace(partial, cache)
  except BaseException:
    os.unlink(partial)
    raise


def _bytes(data: bytes) -> np.ndarray:
  return np.frombuffer(data, np.uint8)


def _resume(cache: pathlib.Path, fingerprint: str) -> _Walk:
  """The saved walk of the same files, else a new one; the reason is logged."""
  if not cache.exists():
    return _Walk(fingerprint)
  try:
    progress = _read(cache)
  except (OSError, ValueError, KeyError, TypeError, EOFError,
          zipfile.BadZipFile) as error:
    _log.warning('%s: damaged (%s), built again', cache, error)
    return _Walk(fingerprint)
  if progress.fingerprint != fingerprint:
    _log.warning('%s: belongs to other files (fingerprint %s, now %s), built '
                 'again', cache, progress.fingerprint, fingerprint)
    return _Walk(fingerprint)
  if not progress.done:
    _log.warning('%s: continued after %d members', cache, len(progress.names))
  return progress


def _read(cache: pathlib.Path) -> _Walk:
  with np.load(cache, allow_pickle=False) as saved:
    facts = json.loads(saved['facts'].tobytes())
    text = saved['names'].tobytes().decode('utf-8', 'surrogateescape')
    starts, sizes = (array('q', saved[name].astype(np.int64).tobytes())
                     for name in ('starts', 'sizes'))
  names = text.split('\0') if len(starts) else []
  if not len(names) == len(starts) == len(sizes):
    raise ValueError(f'{len(names)} names, {len(starts)} starts, '
                     f'{len(sizes)} sizes')
  return _Walk(**facts, names=names, starts=starts, sizes=sizes)
