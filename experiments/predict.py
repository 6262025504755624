r"""Where photos were taken, and the photos that speak for it.

  pinpoint predict PHOTO... --index=DIR
  pinpoint predict PHOTO... --model=MODEL --gallery=GALLERY
  pinpoint predict PHOTO... --model=MODEL --gallery=GALLERY \
    --out=answers.csv,answers.geojson,answers.kml

PHOTO is a file, a folder, a quoted pattern, a CSV with a column path, a feature
store, or tfds:NAME, a data set that prepare_tfds wrote to --root. Without --out
answers are printed; the endings .json, .jsonl, .csv, .geojson and .kml say what
is written, docs/answers.md what is in it.
DIR is what `pinpoint index` made of own photos, MODEL what export_model or
`make demo` wrote, GALLERY what build_gallery did.

An answer has a place, the chance that it is right within 1 to 2500 km, the
radius that holds the truth of 90 % of such photos, and the gallery photos near
it that look like the photo. It is a first guess: check it against these.

--abstain=0.8@25km marks answers that are within 25 km with a chance below 0.8.
They stay in every file, in column `abstained`; copies and sidecars get no
position from them.

GPS that a photo holds is never read by the model, and is shown with --exif
alone. Photos themselves never change: --copies writes copies with the position.

Stopped in any way, run the same command again: what has been answered is kept
beside --out until all is done.

Exit codes: 0 done, photos that cannot be read are listed; 1 refused, or no
photo has an answer; 2 the command line; 143 stopped by SIGTERM, 130 by Ctrl-C.
"""

from collections.abc import Iterator, Sequence
import contextlib
import dataclasses
import json
import pathlib
import shutil
import sys
from typing import Any

from experiments.run import index_dir, launch
from input_pipeline import open_source, photo_paths, sources
from pinpoint_jax.answer import abstention, coarse, predict, records
from pinpoint_jax.disk import files, lock
from pinpoint_jax.features import progress
from pinpoint_jax.features import store as stores
from pinpoint_jax.images import gps_block
from pinpoint_jax.report import (
  answer_files,
  answer_json,
  answer_text,
  photo_copies,
)

FLAGS = (
    launch.Flag('model', None, 'Model directory.'),
    launch.Flag('gallery', None, 'Gallery directory.'),
    launch.Flag('index', '', 'What pinpoint index made: stands for both.'),
    launch.Flag('root', '', 'Of tfds:NAME: the folder that prepare_tfds '
                'wrote.'),
    launch.Flag('split', '', 'Of tfds:NAME: which split, main without it.'),
    launch.Flag('out', '', 'Files to write, between commas: .json, .jsonl, '
                '.csv, .geojson or .kml.'),
    launch.Flag('top_k', 5, 'Candidates in each answer.'),
    launch.Flag('region', '', 'Answers lie in it: country:FR,BE, '
                'admin:US/California, box:south,west,north,east, '
                'circle:lat,lng,km, polygon:file.geojson, not:….'),
    launch.Flag('task', '', 'photo or street, what the photos are; by default '
                'the model decides for each.'),
    launch.Flag('abstain', '', 'How sure an answer has to be, as 0.8@25km: '
                'less sure ones are marked as abstained, with the reason, and '
                'counted.'),
    launch.Flag('coarse', '', 'country or region: say no more than that.'),
    launch.Flag('copies', '', 'Folder for copies of the photos that have the '
                'position in their EXIF.'),
    launch.Flag('sidecars', False, 'Write NAME.xmp with the position beside '
                'each photo.'),
    launch.Flag('areas', False, 'Say, in JSON, which areas are likeliest and '
                'how likely.'),
    launch.Flag('exif', False, 'Show the GPS that the photos hold, apart.'),
    launch.Flag('backbone', '', 'Model of pictures, a name or folder, where '
                'MODEL names none that is here.'),
    launch.Flag('search', 'exact', 'exact, or index: by the index of the '
                'gallery.'),
)
WAYS = (('model', 'gallery'), ('index',))


def main(run: launch.Run) -> None:
  """List, answer, write."""
  options = run.flags
  if not run.words:
    raise ValueError('no photo is named: pinpoint predict PHOTO... ; see '
                     '--help')
  if options['coarse'] and (options['copies'] or options['sidecars']):
    raise ValueError(f'--coarse={options["coarse"]} says no position that '
                     f'--copies or --sidecars could hold: leave one out')
  coarse.check(options['coarse'])
  abstention.parse(options['abstain'])
  if options['coarse'] and options['areas']:
    raise ValueError(f'--coarse={options["coarse"]} says no more than that: '
                     f'leave --areas out')
  photos = _Photos.of(run.words, options['root'], options['split'])
  outs = [pathlib.Path(name) for name in options['out'].split(',') if name]
  for out in outs:
    answer_files.check(out, photos.ids)
  copies = _copies(options, photos)
  opened = predict.Pinpoint.load(*index_dir.model_and_gallery(options),
                                 options['search'], options['backbone'])
  answers = _answered(opened, photos, outs, options)
  for out in outs:
    for note in answer_files.write(out, answers):
      print(f'note: {note}', file=sys.stderr)
  _place(answers, copies, options['sidecars'])
  _finish(answers, outs, options['abstain'])


@dataclasses.dataclass(frozen=True)
class _Photos:
  """What is to be answered: paths, a feature store, or a data set."""

  ids: tuple[str, ...]
  store: stores.FeatureStore | None = None
  source: sources.PhotoSource | None = None

  @classmethod
  def of(cls, words: Sequence[str], root: str, split: str) -> '_Photos':
    """Of the words of a command line; root and split are of a data set."""
    if source := open_source.of_words(words, root, split):
      return cls(tuple(source.photos.ids.tolist()), source=source)
    if any((pathlib.Path(word) / stores.KIND.manifest).exists()
           for word in words):
      if len(words) > 1:
        raise ValueError(f'{words[0]!r} and {len(words) - 1} more: a feature '
                         f'store is answered alone')
      store = stores.open_store(words[0])
      return cls(tuple(store.photos.ids.tolist()), store)
    listing = photo_paths.listed(words)
    for reason, count in sorted(listing.left_out.items()):
      print(f'note: {count:,} left out: {reason}', file=sys.stderr)
    return cls(listing.paths)


def _answered(opened: predict.Pinpoint, photos: _Photos,
              outs: Sequence[pathlib.Path],
              options: dict[str, Any]) -> list[records.Answer]:
  """All answers in order; those of a stopped run are taken from its log."""
  with _log(opened, outs, options) as log:
    known = {answer.id: answer for answer in log.answers} if log else {}
    left = [i for i, name in enumerate(photos.ids) if name not in known]
    if known:
      print(f'{len(photos.ids) - len(left):,} of {len(photos.ids):,} photos '
            f'were answered before', file=sys.stderr)
    shown = progress.Progress(len(left), unit='photos')
    for answer in _stream(opened, photos, left, options):
      answer = _with_areas(coarse.coarse(answer, options['coarse']),
                           options['areas'])
      known[answer.id] = answer
      if log:
        log.append(answer)
      else:
        print(answer_text.text(answer), flush=True)
      shown.add(1)
    shown.finish()
  return [known[name] for name in photos.ids]


def _with_areas(answer: records.Answer, wanted: bool) -> records.Answer:
  """The answer with its areas, if wanted, and without its density: answers are
  kept, and a density is as large as a hundred of them."""
  areas = answer.density.areas() if wanted and answer.density else ()
  return dataclasses.replace(answer, density=None, areas=areas)


def _stream(opened: predict.Pinpoint, photos: _Photos, left: Sequence[int],
            options: dict[str, Any]) -> Iterator[records.Answer]:
  wanted = {'top_k': options['top_k'], 'region': options['region'],
            'task': options['task'] or None, 'abstain': options['abstain']}
  if photos.store is not None:
    return opened.stream_features(photos.store, rows=left, **wanted)
  names = [photos.ids[i] for i in left]
  pictures = names if photos.source is None else map(photos.source.read, left)
  return opened.stream(pictures, ids=names, with_exif=options['exif'],
                       **wanted)


@contextlib.contextmanager
def _log(opened: predict.Pinpoint, outs: Sequence[pathlib.Path],
         options: dict[str, Any]) -> Iterator[answer_json.AnswerLog | None]:
  """Answers so far, in a folder beside the first file."""
  if not outs:
    yield None
    return
  folder = _progress(outs)
  with lock.hold(folder):
    _check_same(folder, {
        'model': opened.fingerprint, 'gallery': opened.gallery_fingerprint,
        **{name: options[name] for name in (
            'top_k', 'region', 'task', 'coarse', 'exif', 'search', 'areas',
            'abstain')}})
    with answer_json.AnswerLog(folder / 'answers.jsonl') as log:
      yield log


def _progress(outs: Sequence[pathlib.Path]) -> pathlib.Path:
  return outs[0].with_name(f'.{outs[0].name}.progress')


def _check_same(folder: pathlib.Path, settings: dict[str, Any]) -> None:
  """Refuses to go on with the answers of another run."""
  about = folder / 'about.json'
  if not about.exists():
    files.write_json(about, settings)
  try:
    before = dict(json.loads(about.read_text(encoding='utf-8')))
  except ValueError as error:
    raise ValueError(f'{about} cannot be read ({error}): remove {folder}, and '
                     f'all photos are answered again') from error
  changes = [f'{name} {before.get(name)!r} → {value!r}'
             for name, value in settings.items() if before.get(name) != value]
  if changes:
    raise ValueError(f'{folder} has the answers of another run '
                     f'({"; ".join(changes)}): remove it, or choose another '
                     f'--out')


def _copies(options: dict[str, Any],
            photos: _Photos) -> list[pathlib.Path] | None:
  """Where the copies go; refused before any photo is answered."""
  if not (options['copies'] or options['sidecars']):
    return None
  if photos.store is not None or photos.source is not None:
    raise ValueError('--copies and --sidecars need files of photos; a feature '
                     'store or a data set has none')
  if not options['copies']:
    return None
  return photo_copies.copy_paths(
      [pathlib.Path(name) for name in photos.ids],
      pathlib.Path(options['copies']))


def _place(answers: Sequence[records.Answer],
           copies: Sequence[pathlib.Path] | None, sidecars: bool) -> None:
  """Writes positions into copies and sidecars; refusals are counted."""
  refused = []
  for i, answer in enumerate(answers):
    if answer.latlng_deg is None or answer.abstained:
      continue
    photo = pathlib.Path(answer.id)
    position = gps_block.Position(answer.latlng_deg, answer.radius_km(0.9))
    try:
      if copies:
        photo_copies.write_copy(photo, copies[i], position)
      if sidecars:
        photo_copies.write_sidecar(
            photo, photo_copies.sidecar_path(photo), position)
    except ValueError as error:
      refused.append(str(error))
  for text in refused:
    print(f'note: {text}', file=sys.stderr)


def _finish(answers: Sequence[records.Answer], outs: Sequence[pathlib.Path],
            threshold: str) -> None:
  """Removes the log, says what was written; no answer at all is an error."""
  if outs:
    shutil.rmtree(_progress(outs))
  without = [answer for answer in answers if answer.latlng_deg is None]
  unsure = [answer for answer in answers if answer.abstained]
  counted = f'{len(answers) - len(without):,} answers' + (
      f', of which {len(unsure):,} abstain' if threshold else '')
  for out in outs:
    print(f'{counted}: {out}')
  if threshold and not outs:
    print(counted)
  if len(without) == len(answers):
    raise ValueError(f'none of {len(answers):,} photos has an answer; the '
                     f'first is {without[0].id!r}: {without[0].warnings[0]}')
  for answer in without:
    print(f'note: {answer.id!r} has no answer: {answer.warnings[0]}',
          file=sys.stderr)


def run() -> None:
  """Entry of the binary and of `pinpoint predict`."""
  launch.run(main, FLAGS, WAYS, takes_words=True)


if __name__ == '__main__':
  run()
