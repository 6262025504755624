"""Confidence over several worlds: each is judged alone, then they are joined.

  held-out answers of a world ─▶ fitted on the calibration photos, judged on the
                                 queries ─▶ a row of figures ─┐
  those of other worlds ─▶ rows ──────────────────────────────┴▶ mean and range
"""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

import numpy as np
from pinpoint_jax.answer import calibration as calibrations
from pinpoint_jax.answer import held_out
from pinpoint_jax.evals import calibrators, confidence, metrics, promises, radii

SHARES = (.5, .8, .9, .95)


@dataclasses.dataclass(frozen=True)
class Asked:
  """Answers of one world that are judged together.

  Attributes:
    name: of the query set.
    known: what the answers are calibrated on.
    asked: the answers.
    blind: which of the photos show nothing of their place; None where that is
      not known.
  """

  name: str
  known: held_out.HeldOut
  asked: held_out.HeldOut
  blind: np.ndarray | None = None


def judged(some: Asked, num_resamples: int = 0) -> dict[str, Any]:
  """All figures of one query set of one world."""
  fitted = held_out.calibration_of(some.known)
  promised = promises.of(fitted, some.asked, SHARES)
  row = {'queries': some.name, **confidence.figures(promised, num_resamples),
         **promises.likelihood(promises.log_per_km2(fitted, some.asked))}
  for share, column in zip(SHARES, promised.radius_km.T):
    for number, rows in enumerate(_thirds(promised)):
      row[f'inside@{share:g}_third{number + 1}'] = float(
          (some.asked.dist_km <= column)[rows].mean())
  row['accepted'] = confidence.accepted(promised.sure(25), promised.right(25))
  row['largest_rise_of_risk'] = _largest_rise(row['accepted'])
  row['confidently_wrong'] = len(confidence.confidently_wrong(promised))
  if some.blind is not None:
    row |= _detection(fitted, some)
  return row


def compared(some: Asked) -> dict[str, Any]:
  """Ways to calibrate and to make radii, on the same photos."""
  both = held_out.joined([some.known, some.asked])
  row: dict[str, Any] = {'queries': some.name}
  for name, calibrator in calibrators.CALIBRATORS.items():
    chances = calibrators.out_of_fold(
        calibrator, both.signals, both.dist_km, both.clusters)
    for i, km in enumerate(metrics.THRESHOLDS_KM):
      right = both.dist_km < km
      row[f'{name}/ece@{km}km'] = confidence.ece(chances[:, i], right)
      row[f'{name}/brier@{km}km'] = confidence.brier(chances[:, i], right)
      for figure in ('ece', 'brier'):  # Of the same photos: paired.
        row[f'{name}/{figure}_over_beta@{km}km'] = (
            row[f'{name}/{figure}@{km}km'] - row[f'beta/{figure}@{km}km'])
  fitted = calibrations.fit(
      some.known.signals, some.known.dist_km, some.known.clusters)
  hard = _parts(fitted.chances(some.asked.signals)[:, 1])
  for name, way in radii.WAYS.items():
    for share in SHARES[1:]:
      radius = way(some.known, some.asked, share)
      inside = some.asked.dist_km <= radius
      row[f'{name}/inside@{share:g}'] = float(inside.mean())
      row[f'{name}/mean_km@{share:g}'] = float(radius.mean())
      row[f'{name}/median_km@{share:g}'] = float(np.median(radius))
      for number, rows in enumerate(hard):
        row[f'{name}/inside@{share:g}_third{number + 1}'] = float(
            inside[rows].mean())
  return row


def joined(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
  """Mean, smallest and largest of each figure over worlds, and how many."""
  numbers = [name for name, value in rows[0].items()
             if isinstance(value, int | float)]
  return {'queries': rows[0]['queries'], 'num_worlds': len(rows), **{
      name: {'mean': float(np.mean(values)), 'low': float(min(values)),
             'high': float(max(values)), 'sd': float(np.std(values, ddof=1))
             if len(values) > 1 else 0.}
      for name in numbers for values in [[row[name] for row in rows]]}}


def pooled(worlds: Sequence[Asked]) -> confidence.Promises:
  """Promises of all worlds, each calibrated on its own photos."""
  parts = [promises.of(held_out.calibration_of(some.known), some.asked, SHARES)
           for some in worlds]
  whole = lambda name: np.concatenate([getattr(part, name) for part in parts])
  return confidence.Promises(
      whole('chances'), whole('dist_km'), whole('radius_km'), SHARES,
      np.concatenate([[f'{number} {name}' for name in part.clusters]
                      for number, part in enumerate(parts)]))


def _thirds(promised: confidence.Promises) -> list[np.ndarray]:
  return _parts(promised.sure(25))


def _parts(sure: np.ndarray) -> list[np.ndarray]:
  """Rows of the hardest third, the middle one, the easiest."""
  return np.array_split(np.argsort(sure, kind='stable'), 3)


def _largest_rise(accepted: Sequence[Mapping[str, float]]) -> float:
  """By how much risk ever grows from one level to the next; 0 is never."""
  risks = [entry['risk'] for entry in accepted]
  return max([0., *np.diff(risks).tolist()])


def _detection(fitted: calibrations.Calibration,
               some: Asked) -> dict[str, float]:
  """How well photos without a sign of place are told from the others."""
  chances, alike = fitted.chances(some.asked.signals), some.asked.signals.alike
  area = lambda score: confidence.roc_area(score[some.blind],
                                           score[~some.blind])
  guess = chances[:, metrics.THRESHOLDS_KM.index(200)] < .1
  return {'blind_share': float(some.blind.mean()),
          **{f'blind_area_by_{km}km': area(-chances[:, i])
             for i, km in enumerate(metrics.THRESHOLDS_KM)},
          'blind_area_by_likeness': area(-alike),
          'guess_of_blind': float(guess[some.blind].mean()),
          'guess_of_seeing': float(guess[~some.blind].mean()),
          'right_of_blind@25km': float(
              (some.asked.dist_km < 25)[some.blind].mean())}
