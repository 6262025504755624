"""Answers that a model is too unsure of are marked, not dropped.

'0.8@25km' keeps answers whose calibrated chance of being within 25 km is 0.8 or
more: of those at most a fifth is farther off, if the calibration holds. Risk
over coverage (evals/confidence.py) says how many photos that leaves.
"""

from collections.abc import Mapping
import dataclasses
import re

from pinpoint_jax.answer import signals

_FORM = re.compile(r'(\d*\.?\d+)@(\d+)km')


@dataclasses.dataclass(frozen=True)
class Threshold:
  """How sure an answer has to be.

  Attributes:
    chance: the least P(error < km).
    km: one of signals.THRESHOLDS_KM.
  """

  chance: float
  km: int

  def reason(self, confidence: Mapping[int, float], task: str) -> str:
    """Why an answer to a photo of that task is none; '' if it is one."""
    if not confidence:
      return (f'not calibrated for {task}: nothing is known of how sure this '
              f'answer is')
    chance = confidence[self.km]
    if chance >= self.chance:
      return ''
    return (f'too unsure: within {self.km} km with a chance of {chance:.2g}, '
            f'{self.chance:g} is asked for')


def parse(text: str) -> Threshold | None:
  """A threshold as a user writes it; '' is none."""
  if not text:
    return None
  parts = _FORM.fullmatch(text)
  if not parts or int(parts[2]) not in signals.THRESHOLDS_KM or not (
      0 < float(parts[1]) <= 1):
    raise ValueError(f'abstain={text}: give a chance above 0 and up to 1, and '
                     f'one of {signals.THRESHOLDS_KM} km, as in 0.8@25km')
  return Threshold(float(parts[1]), int(parts[2]))
