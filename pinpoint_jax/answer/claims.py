"""Is a photo consistent with a claimed place?

  photo, place ─▶ what speaks for the place ─▶ statistic ─▶ p-value, verdict
               ─▶ the same of other places: how much the photo says at all
               ─▶ gallery photos near the place; better candidates elsewhere
"""

from collections.abc import Iterator, Sequence
import dataclasses
from typing import Any

from jaxtyping import Float
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.answer import answerer as answerers
from pinpoint_jax.answer import (
  claim_calibration,
  claim_columns,
  claim_reader,
  claim_records,
  evidence,
  moved_places,
  records,
)
from pinpoint_jax.answer import writer as writers
from pinpoint_jax.geo import coords, distance

# Other places that each photo is compared with.
_NUM_OTHERS = 50
# A photo that fits so many of them says nothing.
_SAYS_LITTLE = 0.5
# Kinds of evidence, by what the names of their columns begin with.
_KINDS = {'answer': ('beyond', 'mass'), 'image': ('image',),
          'location': ('location',), 'raw': ('raw',), 'region': ('region',)}


class Judge:
  """Judges claims of place by a model over one open gallery."""

  def __init__(self, answering: answerers.Answerer):
    """Reads nothing yet."""
    self.answerer = answering
    self._reader = claim_reader.Reader(answering)
    self._others: dict[str, list[claim_reader.Pool]] = {}

  def check(self, level: float, tasks: Sequence[str]) -> None:
    """Refuses a model that cannot judge, and a level that it cannot keep."""
    if not 0 < level < 1:
      raise ValueError(f'level={level}: the share of true claims that may be '
                       f'called doubtful lies between 0 and 1, as 0.05')
    for task in tasks:
      claims = self.calibration(task)
      if level < claims.least_p:
        raise ValueError(
            f'level={level}: {task} claims were calibrated on '
            f'{len(claims.levels):,} photos, and no p-value is below '
            f'{claims.least_p:.2g}: choose a higher level')

  def verdicts(self, task: types.Source, ids: Sequence[str],
               features: Float[np.ndarray, 'b d'],
               latlng_deg: Float[np.ndarray, 'b 2'], level: float,
               top_k: int = 5) -> list[claim_records.Verdict]:
    """One for each row of features of that task, and its claimed place."""
    writer, good = writers.of_features(
        self.answerer, task, features, self.answerer.request(top_k))
    verdicts = [without(latlng_deg[row], level, writers.without(
        name, task, writers.NO_FEATURE)) for row, name in enumerate(ids)]
    for i, row in enumerate(good):
      answer = writer.answer(i, ids[row])
      verdicts[row] = without(latlng_deg[row], level, answer)
      if answer.latlng_deg is not None:
        case = _Case(self, task, writer.take(i), self.pool(latlng_deg[row]),
                     level, verdicts[row])
        verdicts[row] = case.verdict()
    return verdicts

  def statistics(self, task: types.Source, writer: writers.Writer,
                 pools: Sequence[claim_reader.Pool]) -> Float[
                     np.ndarray, 'm']:
    """How well places fit the one photo of a writer, which has an answer."""
    return self.calibration(task).statistic(
        self.columns(task, writer, pools))

  def columns(self, task: types.Source, writer: writers.Writer,
              pools: Sequence[claim_reader.Pool]) -> Float[np.ndarray, 'm c']:
    """claim_columns.NAMES of those places."""
    parts = self._reader.parts(task, writer.queries, writer.scored, [pools],
                               writer.mask)
    calibration = self.answerer.model.calibration[task]
    return parts.columns(calibration.heights(writer.scored.signals))[0]

  def others(self, task: types.Source) -> list[claim_reader.Pool]:
    """Places that every photo of the task is compared with."""
    if task not in self._others:
      places = moved_places.places_of(self.answerer.opened.gallery, task)
      self._others[task] = [self.pool(places[i]) for i in blocks.evenly_spread(
          len(places), _NUM_OTHERS)]
    return self._others[task]

  def pool(self, latlng_deg: Float[np.ndarray, '2']) -> claim_reader.Pool:
    """The gallery rows around a place."""
    return self._reader.pool(latlng_deg)

  def supporting(self, writer: writers.Writer,
                 latlng_deg: Float[np.ndarray, '2'],
                 ) -> tuple[records.Evidence, ...]:
    """Gallery photos near a place that are most like a writer's one photo."""
    return self.answerer.evidence.among(
        writer.queries, self._reader.rows_within(latlng_deg, evidence.NEAR_KM),
        latlng_deg, writer.mask)

  def calibration(self, task: str) -> claim_calibration.ClaimCalibration:
    """What says how true claims look; refuses a model or gallery without."""
    part = self.answerer.model.calibration.get(task)
    if part is None or part.claims is None:
      raise ValueError(
          f'this model cannot judge claims about {task} photos: it was '
          f'exported by an earlier version, or without enough photos in '
          f'--calibrate: export it again with experiments.export_model; '
          f'own photos, 40 or more of 6 or more days: index them into another '
          f'folder')
    known = self._reader.known(task)
    if not np.array_equal(part.claims.known, known):
      raise ValueError(
          f'claims were calibrated on a gallery with '
          f'{_named(part.claims.known)}, this one has {_named(known)}: export '
          f'the model again with it')
    return part.claims


@dataclasses.dataclass(frozen=True)
class _Case:
  """One photo, which has an answer, and one claimed place."""

  judge: Judge
  task: types.Source
  writer: writers.Writer
  pool: claim_reader.Pool
  level: float
  draft: claim_records.Verdict

  def verdict(self) -> claim_records.Verdict:
    """The draft, completed."""
    claims = self.judge.calibration(self.task)
    columns = self.judge.columns(self.task, self.writer, [self.pool])
    statistic = claims.statistic(columns)
    p_value = float(claims.p_values(statistic)[0])
    here = np.asarray(self.draft.latlng_deg)
    fitting = self._fitting_share(claims)
    answer = self.draft.answer
    return dataclasses.replace(
        self.draft, word='unjudged' if not self.pool.num_near else
        'doubtful' if p_value <= self.level else 'consistent',
        p_value=p_value, statistic=float(statistic[0]),
        parts=_by_kind(claims.parts(columns)[0]), fitting_share=fitting,
        dist_km=float(distance.haversine_km(
            here, np.asarray(answer.latlng_deg))),
        num_near=self.pool.num_near, supporting=self.judge.supporting(
            self.writer, self.pool.latlng_deg),
        alternatives=tuple(
            candidate for candidate in answer.candidates
            if distance.haversine_km(here, np.asarray(candidate.latlng_deg))
            > evidence.NEAR_KM),
        warnings=(*answer.warnings, *self._warnings(fitting)))

  def _fitting_share(
      self, claims: claim_calibration.ClaimCalibration) -> float | None:
    """Of places elsewhere, those that the photo is consistent with."""
    elsewhere = [pool for pool in self.judge.others(self.task)
                 if distance.haversine_km(pool.latlng_deg, self.pool.latlng_deg)
                 > claim_reader.REACH_KM]
    if not elsewhere:
      return None
    p_values = claims.p_values(self.judge.statistics(
        self.task, self.writer, elsewhere))
    return float((p_values > self.level).mean())

  def _warnings(self, fitting: float | None) -> Iterator[str]:
    if not self.pool.num_near:
      yield (f'outside the gallery\'s reach: it has no photo within '
             f'{claim_reader.REACH_KM} km of the claimed place and cannot '
             f'judge the claim')
    if fitting is not None and fitting >= _SAYS_LITTLE:
      yield (f'says little: the photo is consistent with {fitting:.0%} of '
             f'other places, too')


def checked_places(places: Any) -> Float[np.ndarray, 'b 2']:
  """Claimed places in degrees; refuses what is none, by its row."""
  try:
    latlng_deg = np.asarray(places, np.float64).reshape(-1, 2)
  except (TypeError, ValueError) as error:
    raise ValueError(f'claims: a place is a pair of numbers, lat and lng in '
                     f'degrees ({error})') from error
  coords.check_latlng_deg(latlng_deg, 'claims', allow_null_island=True)
  null = np.flatnonzero((latlng_deg == 0).all(axis=1))
  if len(null):
    raise coords.BadCoordinates(
        f'claims: {len(null)} of {len(latlng_deg)} rows are at (0, 0), where '
        f'failed geotagging puts photos, the first is row {null[0]}: correct '
        f'them or leave them out')
  return latlng_deg


def with_problem(verdict: claim_records.Verdict,
                 problem: str) -> claim_records.Verdict:
  """The verdict on a photo that cannot be read, for that reason."""
  answer = dataclasses.replace(verdict.answer, warnings=(problem,))
  return dataclasses.replace(verdict, answer=answer, warnings=(problem,))


def without(latlng_deg: Float[np.ndarray, '2'], level: float,
            answer: records.Answer) -> claim_records.Verdict:
  """The verdict on a photo that cannot be judged, for the answer's reason."""
  place = (float(latlng_deg[0]), float(latlng_deg[1]))
  return claim_records.Verdict(
      answer.id, place, 'unjudged', None, level, None, {}, None, None, 0,
      writers.nearest_place(place), (), (), answer, answer.warnings)


def _by_kind(parts: Float[np.ndarray, 'c']) -> dict[str, float]:
  return {kind: float(sum(
      value for name, value in zip(claim_columns.NAMES, parts.tolist())
      if name.startswith(starts))) for kind, starts in _KINDS.items()}


def _named(known: Float[np.ndarray, 'k']) -> str:
  return ', '.join(name for name, has in zip(claim_columns.CHANNELS, known)
                   if has) or 'nothing'
