"""Whether a photo fits a claimed place, in plain values."""

from collections.abc import Mapping
import dataclasses
from typing import Any, Literal

from pinpoint_jax.answer import records

# A photo is doubtful where its p-value is at most the level.
Word = Literal['consistent', 'doubtful', 'unjudged']


@dataclasses.dataclass(frozen=True)
class Verdict:
  """How one photo fits one claimed place.

  'consistent' does not say that the photo was taken there: many places fit
  most photos, and `fitting_share` says how many.

  Attributes:
    id: of the photo.
    latlng_deg: the claimed place.
    word: 'doubtful' where p_value <= level; 'unjudged' where the photo cannot
      be read or the gallery has no photo near the place.
    p_value: of photos like the calibration's, the share that fit their true
      place no better; None where there is no answer to compare with.
    level: share of true claims that may be called doubtful.
    statistic: log-odds of the place; None where p_value is.
    parts: what each kind of evidence adds to the statistic, by its name.
    fitting_share: of other places of the gallery, those that the photo is
      consistent with too; None where p_value is.
    dist_km: from the place to the photo's own answer; None without one.
    num_near: gallery photos within 200 km of the place.
    place: the city nearest to the claimed place.
    supporting: gallery photos within 25 km of the place, the most alike first.
    alternatives: candidates elsewhere, the best first.
    answer: the photo's own answer, with its evidence.
    warnings: what a reader has to know before believing it.
  """

  id: str
  latlng_deg: tuple[float, float]
  word: Word
  p_value: float | None
  level: float
  statistic: float | None
  parts: Mapping[str, float]
  fitting_share: float | None
  dist_km: float | None
  num_near: int
  place: records.Place
  supporting: tuple[records.Evidence, ...]
  alternatives: tuple[records.Candidate, ...]
  answer: records.Answer
  warnings: tuple[str, ...]

  def as_dict(self) -> dict[str, Any]:
    """What JSON can hold."""
    shallow = {field.name: getattr(self, field.name)
               for field in dataclasses.fields(self)}
    return shallow | {
        'latlng_deg': list(self.latlng_deg), 'parts': dict(self.parts),
        'place': dataclasses.asdict(self.place),
        'supporting': [dataclasses.asdict(row) for row in self.supporting],
        'alternatives': [dataclasses.asdict(row) for row in self.alternatives],
        'answer': self.answer.as_dict(), 'warnings': list(self.warnings)}
