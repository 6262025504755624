"""Answers of a model to photos of known place, and what they promised."""

from experiments.report_stages import queries as queries_lib
import numpy as np
from pinpoint_jax import blocks
from pinpoint_jax.answer import evidence, predict, records
from pinpoint_jax.evals import confidence, promises, query_sets
from pinpoint_jax.features import store as stores
from pinpoint_jax.geo import distance, neighbors, places
from pinpoint_jax.report import page_records

# Cards of confidently wrong answers.
_WRONG = 6


class Answered:
  """Photos of one store and the answers to them."""

  def __init__(self, opened: predict.Pinpoint, path: str, most: int):
    store = stores.open_store(path)
    if most < 1 or not len(store):
      raise ValueError(f'{path}: {min(most, len(store))} photos: a page needs '
                       f'one at least; see --photos')
    rows = blocks.evenly_spread(len(store), most)
    task = store.manifest['source']
    answers = list(opened.stream_features(
        store, task=task if task in opened.tasks else None, rows=rows.tolist()))
    kept = [i for i, answer in enumerate(answers) if answer.confidence]
    if not kept:
      raise ValueError(f'{path}: no answer has a confidence: export the model '
                       f'with --calibrate; the first says '
                       f'{"; ".join(answers[0].warnings)!r}')
    self._name, self._store = query_sets.name_of(store.path), store
    self._num = len(answers)
    self._answers = [answers[i] for i in kept]
    self._truth = store.photos.latlng_deg[rows[kept]]
    self._clusters = store.photos.clusters[rows[kept]]

  def judged(self, index: neighbors.SphereIndex,
             num_resamples: int) -> page_records.RunSet:
    """The answers beside the truth."""
    given = self._answers
    dist_km = distance.haversine_km(np.asarray(
        [answer.latlng_deg for answer in given]), self._truth)
    promised = confidence.Promises(
        np.asarray([[*answer.confidence.values()] for answer in given]),
        dist_km,
        np.asarray([[answer.radius_km(share) for share in records.RADIUS_SHARES]
                    for answer in given]),
        records.RADIUS_SHARES, self._clusters)
    figures = confidence.figures(promised, num_resamples)
    if given[0].density is not None:
      figures |= promises.likelihood(np.asarray([
          answer.density.log_per_km2(self._truth[i:i + 1])[0]
          for i, answer in enumerate(given)]))
    return page_records.RunSet(
        self._name, self._truth,
        places.load_cities().countries[places.nearest(self._truth)],
        index.count_within_km(self._truth, evidence.NEAR_KM), dist_km,
        promised, figures, len(self._store), self._num - len(given))

  def cards(self, promised: confidence.Promises,
            ) -> dict[str, list[page_records.Card]]:
    """The best, the worst, and the confidently wrong."""
    wrong = confidence.confidently_wrong(promised)
    groups = queries_lib.extremes(promised.dist_km) | {
        f'Confidently wrong: sure of 200 km by {confidence.SURE:.0%}, and '
        f'farther off': wrong[:_WRONG]}
    return {caption: [queries_lib.card(
        self._name, self._store.manifest['source'], self._answers[i],
        self._truth[i], float(promised.dist_km[i])) for i in rows.tolist()]
            for caption, rows in groups.items()}
