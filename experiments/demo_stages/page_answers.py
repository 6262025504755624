"""Answers of the demo's own model, for the page: six photos, all promises."""

from collections.abc import Sequence
import dataclasses
import pathlib

from experiments.demo_stages import models, page_pictures
from jaxtyping import Float
from ml_collections import config_dict
import numpy as np
from pinpoint_jax.answer import predict, records
from pinpoint_jax.features import store as stores
from pinpoint_jax.geo import distance
from pinpoint_jax.report import page_records, page_words

# Photos of each set that are answered, evenly spread over it.
PER_SET = 500
# Where the two photos of a set lie among these, by error.
_RANKS = (.3, .7)
_EVIDENCE = 3
CALIBRATION = (
    'Confidence and radii were calibrated on other photos (the splits '
    'calibrate_photo and calibrate_street), answered without the gallery rows '
    'of their own authors and drives, and are checked here on the query sets.')


@dataclasses.dataclass(frozen=True)
class Answered:
  """Answers to photos of one query set; photos without a place are left out.

  Attributes:
    queries: name of the set.
    source: 'photo' or 'street'.
    rows: of its store.
    truth_deg: true places.
    answers: of the model.
    dist_km: their errors.
  """

  queries: str
  source: str
  rows: Sequence[int]
  truth_deg: Float[np.ndarray, 'n 2']
  answers: Sequence[records.Answer]
  dist_km: Float[np.ndarray, 'n']


def answered(config: config_dict.ConfigDict, workdir: pathlib.Path) -> tuple[
    list[page_records.Card], str, list[page_records.Promises]]:
  """Cards, how their photos were chosen, and what came of all promises."""
  if not (workdir / 'model').is_dir():
    return [], '', []
  pinpoint = predict.Pinpoint.load(
      workdir / 'model', workdir / 'gallery' / 'both_combined')
  pictures = page_pictures.Pictures(config, workdir)
  cards, promises = [], []
  for queries in page_words.QUERIES:
    some = _answered(pinpoint, workdir, queries)
    if some.answers:
      cards += _cards(some, pictures)
      promises += _promises(some)
  chosen = (
      f'Two of each query set, neither the best nor the worst: of up to '
      f'{PER_SET} photos, evenly spread over the set, those at '
      f'{_RANKS[0]:.0%} and {_RANKS[1]:.0%} of the way from the smallest '
      f'error to the largest.')
  return cards, chosen if cards else '', promises


def _answered(pinpoint: predict.Pinpoint, workdir: pathlib.Path,
              queries: str) -> Answered:
  store = stores.open_store(models.store(workdir, queries))
  rows = np.unique(np.linspace(
      0, len(store) - 1, min(PER_SET, len(store))).astype(int))
  answers = list(pinpoint.stream_features(store, rows=rows))
  kept = [i for i, answer in enumerate(answers) if answer.latlng_deg]
  places = np.asarray([answers[i].latlng_deg for i in kept],
                      np.float64).reshape(-1, 2)
  truth = store.photos.latlng_deg[rows[kept]]
  return Answered(queries, store.manifest['source'], rows[kept].tolist(),
                  truth, [answers[i] for i in kept],
                  distance.haversine_km(places, truth))


def _cards(some: Answered, pictures: page_pictures.Pictures,
           ) -> list[page_records.Card]:
  order = np.argsort(some.dist_km, kind='stable')
  at = [int(order[round(rank * (len(order) - 1))]) for rank in _RANKS]
  cards = []
  for i in dict.fromkeys(at):
    answer = some.answers[i]
    evidence = [(row, pictures.of_gallery(row.source, row.id))
                for row in supporting(answer.evidence)]
    cards.append(page_records.Card(
        some.queries, some.source, answer, tuple(some.truth_deg[i].tolist()),
        float(some.dist_km[i]),
        pictures.of(some.queries, some.rows[i], answer.id), evidence))
  return cards


def supporting(evidence: Sequence[records.Evidence],
               num: int = _EVIDENCE) -> list[records.Evidence]:
  """The most similar rows, among them the best of each source there is."""
  best = list({row.source: row for row in reversed(evidence)}.values())
  kept = best + [row for row in evidence if row not in best]
  return [row for row in evidence if row in kept[:num]]


def _promises(some: Answered) -> list[page_records.Promises]:
  rows = [i for i, answer in enumerate(some.answers)
          if answer.confidence and answer.reach is not None]
  if not rows:
    return []
  dist_km = some.dist_km[rows]
  chances = np.asarray([some.answers[i].confidence[25] for i in rows],
                       np.float64)
  inside = {share: float(np.mean(dist_km <= [
      some.answers[i].radius_km(share) for i in rows]))
            for share in records.RADIUS_SHARES}
  return [page_records.Promises(some.queries, chances, dist_km < 25, inside)]
