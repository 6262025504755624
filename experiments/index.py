r"""A person's geotagged photos to a gallery and a model, in one command.

  pinpoint index PHOTOS... --out=DIR
  pinpoint predict UNTAGGED --index=DIR

PHOTOS are files, folders, quoted patterns or a CSV with a column path. Photos
with GPS in their EXIF become the gallery; those without are left for `pinpoint
predict`, the command to do so is printed at the end. --street=FOLDER,... says
which folders hold street views. Originals are only read. Instead of photos
tfds:NAME is a data set that prepare_tfds wrote to --root: all its photos have
places, and their sequences or authors take the place of days.

DIR holds index.json (settings, counts, figures), features/, embedder/, gallery/
and model/, untagged.csv and photos.json (what was read of each file). It knows
the places of your photos: a new DIR can be opened by you alone; keep it so.

Photos of one day are told apart from those of others: whole days are left out
to fit how similarities count and how far an answer can be trusted. A photo
without a date counts as of the day of its folder. With fewer than 40 tagged
photos, or 6 days, nothing is fitted: photos are then compared by their features
alone, and answers say `not calibrated`. One tagged photo is enough to answer.

Run it again with the same words: new photos are added, photos that are gone are
taken out, what is known is not read again. When the rows have grown or shrunk
by more than a fifth since the embedder was solved, it is solved anew; before
that new rows go through the old one. Stopped in any way, the same command goes
on.

Exit codes: 0 done, files that cannot be used are counted; 1 refused, with one
line that says why; 2 the command line; 143 stopped by SIGTERM, 130 by Ctrl-C.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
import contextlib
import functools
import hashlib
import json
import os
import pathlib
import resource
import shutil
import time
from typing import Any

from experiments.index_stages import lines, memory
from experiments.run import launch, run_record
from experiments.run.index_dir import (
  EMBEDDER,
  FEATURES,
  GALLERY,
  INDEX,
  MEMORY,
  MODEL,
  UNTAGGED,
  WORK,
  read,
)
from input_pipeline import open_source
from input_pipeline.datasets import own_photos
from pinpoint_jax import types
from pinpoint_jax.disk import files, lock

BACKBONE = 'efficientnet_lite0_tiles'
_VERSION = 1
FLAGS = (
    launch.Flag('out', None, 'Folder for all that is made; the same one when '
                'it is run again.'),
    launch.Flag('street', '', 'Folders of street views, between commas.'),
    launch.Flag('root', '', 'Of tfds:NAME: the folder that prepare_tfds '
                'wrote.'),
    launch.Flag('split', '', 'Of tfds:NAME: which split, main without it.'),
    launch.Flag('backbone', '', f'Model of pictures: {BACKBONE}, the default; '
                f'the folder of a SigLIP 2; demo or thumbnail.'),
)
WAYS = (('out',),)


def main(run: launch.Run) -> None:
  """Look, then bring DIR up to date."""
  launch.exit_on_signals('; run the same command again to go on')
  streets = [name for name in run.flags['street'].split(',') if name]
  if not run.words and not streets:
    raise ValueError('no photo is named: pinpoint index PHOTOS... --out=DIR; '
                     'see --help')
  source = open_source.of_words(
      [*run.words, *streets], run.flags['root'], run.flags['split'])
  out = pathlib.Path(run.flags['out'])
  _check_ours(out)
  if not out.exists():
    out.mkdir(mode=0o700, parents=True)  # It knows where somebody lives.
  with lock.hold(out):
    index = _Index(out, run.flags['backbone'])
    print('looking at the photos …', flush=True)
    with index.timed('looking'):
      scan = own_photos.of_data_set(
          source, open_source.licence_of(run.words[0])) if source else (
              own_photos.scan(
                  run.words, streets, memory.load(out / MEMORY),
                  functools.partial(memory.save, out / MEMORY)))
    for line in lines.of_scan(scan):
      print(line, flush=True)
    if not scan.tagged:
      raise ValueError(
          f'none of the photos says where it was taken ({len(scan.untagged):,} '
          f'without GPS, {len(scan.refused):,} unreadable): at least 1 with '
          f'GPS in its EXIF is needed')
    index.update(scan)
    _write_untagged(out / UNTAGGED, scan.untagged)
    print(lines.advice(out, scan), flush=True)


def _check_ours(out: pathlib.Path) -> None:
  """Refuses a folder with somebody's own files in it."""
  if out.is_dir() and not (out / INDEX).exists():
    names = sorted(path.name for path in out.iterdir()
                   if path.name not in (lock.NAME, MEMORY)
                   and not path.name.startswith('.'))
    if names:
      raise ValueError(f'--out={out} holds {names[0]!r} and no {INDEX}: name '
                       f'an empty or a new folder')


def _write_untagged(path: pathlib.Path, paths: Sequence[str]) -> None:
  if paths:
    files.write_csv(path, [('path',), *((name,) for name in paths)])
  else:
    path.unlink(missing_ok=True)


class _Index:
  """What lies in DIR, and how it is brought up to date."""

  def __init__(self, out: pathlib.Path, backbone: str):
    """Begins DIR, or goes on with it; refuses another backbone."""
    self._out = out
    self._saved = read(out)
    if backbone and os.path.exists(backbone):
      backbone = os.path.abspath(backbone)
    before = backbone or BACKBONE
    if (out / FEATURES).is_dir():
      before = self._saved.get('backbone', before)
    if backbone and backbone != before:
      raise ValueError(f'--backbone={backbone}: {out} was made with {before}, '
                       f'whose features do not compare; choose another --out')
    self._backbone = before
    self._num_removed = 0
    self._seconds: dict[str, dict[str, float]] = {}

  @contextlib.contextmanager
  def timed(self, stage: str) -> Iterator[None]:
    """Notes what a stage takes."""
    wall_s, cpu_s = time.monotonic(), _cpu_s()
    yield
    self._seconds[stage] = {'wall': round(time.monotonic() - wall_s, 2),
                            'cpu': round(_cpu_s() - cpu_s, 2)}

  def update(self, scan: own_photos.Scan) -> None:
    """Brings everything up to date, and index.json last."""
    wanted = _fingerprint(scan)
    if self._is_done(wanted):
      print(f'nothing has changed: {self._out}', flush=True)
      return
    self._save({'complete': False} | {name: value for name, value in
                self._saved.items() if name != 'photos'})
    facts = self._made(scan)
    self._save({'complete': True, 'photos': wanted, **facts,
                'seconds': self._seconds, 'versions': run_record.versions()})
    shutil.rmtree(self._out / WORK, ignore_errors=True)

  def _is_done(self, wanted: str) -> bool:
    return (self._saved.get('complete', False)
            and self._saved.get('photos') == wanted
            and all((self._out / name).is_dir()
                    for name in (GALLERY, MODEL, EMBEDDER, FEATURES)))

  def _save(self, entries: dict[str, Any]) -> None:
    files.write_json(self._out / INDEX, entries | {
        'version': _VERSION, 'backbone': self._backbone})

  def _made(self, scan: own_photos.Scan) -> dict[str, Any]:
    """All stages in turn; what is there already stays."""
    # Not at the head: where nothing has changed jax is not needed.
    from experiments.index_stages import models
    out = self._out
    kept = self._features(scan)
    stores = {source: part.store for source, part in kept.items()}
    if not stores:
      raise ValueError('none of the tagged photos can be decoded: at least 1 '
                       'is needed')
    with self.timed('embedder'):
      own = models.embedder(out / EMBEDDER, stores)
    print(lines.of_embedder(own, sum(map(len, stores.values()))), flush=True)
    judged = None
    if not models.is_model_of(out / MODEL, own):
      with self.timed('days left out'):
        judged = models.judge(own, stores, out / WORK)
    with self.timed('gallery'):
      change = models.gallery(out / GALLERY, own.trained, stores, out / WORK)
    print(f'gallery   {sum(map(len, stores.values())):,} pictures, '
          f'{change.num_added:,} new, '
          f'{change.num_removed + self._num_removed:,} taken out', flush=True)
    if judged is not None:
      with self.timed('model'):
        models.export(out / MODEL, out / EMBEDDER, own, stores, judged,
                      self._backbone, out / WORK)
    figures = models.figures(out / MODEL)
    for line in lines.of_model(figures, stores):
      print(line, flush=True)
    return {'counts': self._counts(scan, kept),
            'embedder': {'fingerprint': own.trained.fingerprint,
                         'rows': own.num_rows, 'pair_km': own.pair_km},
            **figures}

  def _features(self, scan: own_photos.Scan) -> dict[str, Any]:
    """Features of each source that has photos."""
    from experiments.index_stages import features
    from pinpoint_jax.features import backbones
    kept = {}
    for source in types.SOURCES:
      with self.timed(f'features of {source}s'):
        kept[source] = features.update(
            self._out / FEATURES / source, scan, source,
            lambda: backbones.load(self._backbone),
            self._forget)
    for part in filter(None, kept.values()):
      for reason, count in sorted(Counter(
          entry[1] for entry in part.failed.values()).items()):
        print(f'note: {count:,} tagged photos give no feature: {reason}',
              flush=True)
    return {source: part for source, part in kept.items() if part}

  def _forget(self, ids: Sequence[str]) -> None:
    """Photos that are gone, or have changed, leave the gallery first."""
    from experiments.index_stages import models
    self._num_removed += models.remove(self._out / GALLERY, ids)

  def _counts(self, scan: own_photos.Scan,
              kept: dict[str, Any]) -> dict[str, Any]:
    reasons = Counter(entry.reason for entry in scan.refused)
    for part in kept.values():
      reasons.update(entry[1] for entry in part.failed.values())
    return {'in_gallery': {source: len(part.store)
                           for source, part in kept.items()},
            'days': len({photo.origin for photo in scan.tagged}),
            'untagged': len(scan.untagged), 'unreadable': dict(reasons),
            'undated': scan.num_undated, 'left_out': dict(scan.left_out)}


def _fingerprint(scan: own_photos.Scan) -> str:
  text = json.dumps([(x.id, x.source, x.digest, x.latlng_deg, x.origin)
                     for x in scan.tagged])
  return hashlib.sha256(text.encode()).hexdigest()[:16]


def _cpu_s() -> float:
  """Of this process and of those that it has waited for."""
  used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF,
                                              resource.RUSAGE_CHILDREN)]
  return sum(one.ru_utime + one.ru_stime for one in used)


def run() -> None:
  """Entry of the binary and of `pinpoint index`."""
  launch.run(main, FLAGS, WAYS, takes_words=True)


if __name__ == '__main__':
  run()
