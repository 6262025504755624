r"""The page of a run: how far its answers can be trusted, where, and where not.

  pinpoint report --run=runs/demo --out=runs/demo/report
  pinpoint report --model=MODEL --gallery=GALLERY \
    --queries=STORE[,STORE] --out=OUT

Answers photos of known place and writes OUT/report.html, one file that opens
offline: errors, maps, calibration, risk over coverage, figures by continent,
country and gallery density, the best, the worst and the confidently wrong
answers with what spoke for them, and seconds by stage. OUT/confidence.json has
the figures; errors.svg, reliability.svg, coverage.svg and risk.svg are plots.

--run names a folder that `make demo` wrote. Of each query set --photos are
answered, evenly spread over it. The photos must be in no training set and in no
calibration set: these figures are of photos that it has not seen.
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import json
import pathlib
import time

from experiments.run import launch, run_record
import numpy as np
from pinpoint_jax.answer import predict, records
from pinpoint_jax.evals import confidence, promises
from pinpoint_jax.features import store as stores
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.geo import distance, neighbors, places
from pinpoint_jax.report import page_records, run_page

FLAGS = (
    launch.Flag('run', None, 'Folder of a finished demo: stands for model, '
                'gallery and queries.'),
    launch.Flag('model', None, 'Model directory.'),
    launch.Flag('gallery', None, 'Gallery directory.'),
    launch.Flag('queries', None, 'Feature stores of photos of known place, at '
                'most four, between commas.'),
    launch.Flag('out', None, 'Folder to write.'),
    launch.Flag('photos', 1000, 'Of each set, evenly spread over it.'),
    launch.Flag('num_resamples', 200, 'Of the bootstrap by author.'),
    launch.Flag('search', 'exact', 'exact, or index.'),
)
WAYS = (('run', 'out'), ('model', 'gallery', 'queries', 'out'))
_MOST_SETS, _CARDS = 4, 2
# Cards of confidently wrong answers, and rows of evidence on a card.
_WRONG, _EVIDENCE = 6, 3
_NEAR_KM = 25


def main(run: launch.Run) -> None:
  """Answer, judge, write."""
  options, costs = run.flags, _costs_of(run.flags['run'])
  model, gallery, queries = _named(options)
  if len(queries) > _MOST_SETS:
    raise ValueError(f'--queries names {len(queries)} stores: a page shows at '
                     f'most {_MOST_SETS}')
  with _timed('open the model', costs):
    opened = predict.Pinpoint.load(model, gallery, options['search'])
    index = neighbors.SphereIndex(galleries.open_gallery(gallery).latlng_deg)
  sets, cards = [], []
  for path in queries:
    with _timed(f'answer {_name(path)}', costs):
      asked = _Asked(opened, path, options['photos'])
    with _timed(f'judge {_name(path)}', costs):
      sets.append(asked.judged(index, options['num_resamples']))
      cards.append(asked.cards(sets[-1].promises))
  shown = page_records.RunPage(
      f'How good are the answers of {pathlib.Path(model).name}?',
      _note(queries), sets, {caption: [card for some in cards
                                       for card in some[caption]]
                             for caption in cards[0]}, costs)
  out = pathlib.Path(options['out'])
  out.mkdir(parents=True, exist_ok=True)
  run_record.write_json(out / 'confidence.json', [
      {'queries': some.name, 'num_missing': some.num_missing, **some.figures,
       'seconds': costs} for some in sets])
  (out / 'report.html').write_text(run_page.page(shown), encoding='utf-8')
  for name, drawn in run_page.drawings(shown).items():
    (out / f'{name}.svg').write_text(drawn, encoding='utf-8')
  print(f'figures  {out / "confidence.json"}\npage     {out / "report.html"}')


class _Asked:
  """Photos of one store and the answers to them."""

  def __init__(self, opened: predict.Pinpoint, path: str, most: int):
    store = stores.open_store(path)
    if most < 1 or not len(store):
      raise ValueError(f'{path}: {min(most, len(store))} photos: a page needs '
                       f'one at least; see --photos')
    rows = np.unique(np.linspace(
        0, len(store) - 1, min(most, len(store))).astype(int))
    task = store.manifest['source']
    answers = list(opened.stream_features(
        store, task=task if task in opened.tasks else None, rows=rows.tolist()))
    kept = [i for i, answer in enumerate(answers) if answer.confidence]
    if not kept:
      raise ValueError(f'{path}: no answer has a confidence: export the model '
                       f'with --calibrate; the first says '
                       f'{"; ".join(answers[0].warnings)!r}')
    self.name, self._store, self._num = _name(path), store, len(answers)
    self._answers = [answers[i] for i in kept]
    self._truth = store.photos.latlng_deg[rows[kept]]
    self._clusters = store.photos.clusters[rows[kept]]

  def judged(self, index: neighbors.SphereIndex,
             num_resamples: int) -> page_records.RunSet:
    """The answers beside the truth."""
    given = self._answers
    promised = confidence.Promises(
        np.asarray([[*answer.confidence.values()] for answer in given]),
        distance.haversine_km(np.asarray(
            [answer.latlng_deg for answer in given]), self._truth),
        np.asarray([[answer.radius_km(share) for share in records.RADIUS_SHARES]
                    for answer in given]),
        records.RADIUS_SHARES, self._clusters)
    figures = confidence.figures(promised, num_resamples)
    if given[0].density is not None:
      figures |= promises.likelihood(np.asarray([
          answer.density.log_per_km2(self._truth[i:i + 1])[0]
          for i, answer in enumerate(given)]))
    near = index.within_km(self._truth, _NEAR_KM)
    return page_records.RunSet(
        self.name, self._truth,
        places.load_cities().countries[places.nearest(self._truth)],
        np.diff(near.offsets), promised, figures, len(self._store),
        self._num - len(given))

  def cards(self, promised: confidence.Promises,
            ) -> dict[str, list[page_records.Card]]:
    """The best, the worst, and the confidently wrong."""
    order = np.argsort(promised.dist_km, kind='stable')
    wrong = confidence.confidently_wrong(promised)
    groups = {
        'The best answers': order[:_CARDS],
        'The worst answers': order[::-1][:_CARDS],
        f'Confidently wrong: sure of 200 km by {confidence.SURE:.0%}, and '
        f'farther off': wrong[:_WRONG]}
    return {caption: [self._card(int(i), float(promised.dist_km[i]))
                      for i in rows] for caption, rows in groups.items()}

  def _card(self, i: int, dist_km: float) -> page_records.Card:
    answer = self._answers[i]
    nothing = page_records.Picture(b'', 'no picture: a feature')
    return page_records.Card(
        self.name, answer, tuple(self._truth[i].tolist()), dist_km, nothing,
        [(row, nothing) for row in answer.evidence[:_EVIDENCE]])


def _named(options: Mapping[str, str | None]) -> tuple[str, str, list[str]]:
  """Model, gallery and query stores."""
  if options['run'] is None:
    return (options['model'], options['gallery'],
            [path for path in options['queries'].split(',') if path])
  folder = pathlib.Path(options['run'])
  queries = sorted(str(path) for path in folder.glob('features/query_*/store'))
  if not queries or not (folder / 'model').is_dir():
    raise ValueError(f'--run={folder} is no finished demo: it has '
                     f'{len(queries)} query sets in features/ and '
                     f'{"a" if (folder / "model").is_dir() else "no"} model/; '
                     f'name --model, --gallery and --queries')
  return (str(folder / 'model'), str(folder / 'gallery' / 'both_combined'),
          queries)


def _costs_of(folder: str | None) -> dict[str, float]:
  """Seconds of the stages of a demo, as its results.json has them."""
  path = pathlib.Path(folder or '') / 'results.json'
  if folder is None or not path.is_file():
    return {}
  rows = json.loads(path.read_text(encoding='utf-8'))
  return dict(rows[0]['provenance'].get('seconds_by_stage', {})) if rows else {}


@contextlib.contextmanager
def _timed(stage: str, costs: dict[str, float]) -> Iterator[None]:
  print(f'{stage} …', flush=True)
  started = time.monotonic()
  yield
  costs[stage] = round(time.monotonic() - started, 1)


def _name(path: str) -> str:
  where = pathlib.Path(path).resolve()
  return where.parent.name if where.name == 'store' else where.name


def _note(queries: Sequence[str]) -> str:
  """Says so where the photos are synthetic."""
  made = {stores.open_store(path).manifest['backbone'] for path in queries}
  return ('Synthetic Earth is synthetic: its photos are made up, and these '
          'figures say nothing about real photographs.') if any(
              'synthetic_earth' in name for name in made) else ''


def run() -> None:
  """Entry of the binary and of `pinpoint report`."""
  launch.run(main, FLAGS, WAYS)


if __name__ == '__main__':
  run()
