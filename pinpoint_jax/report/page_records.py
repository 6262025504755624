"""What the page of a demo shows, gathered: plain records, no files."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

from jaxtyping import Bool, Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import records
from pinpoint_jax.evals import confidence
from pinpoint_jax.report.plots import Trace


@dataclasses.dataclass(frozen=True)
class Picture:
  """A small picture; `webp` is empty where a run has no pictures."""

  webp: bytes
  words: str


@dataclasses.dataclass(frozen=True)
class Card:
  """One photo, its answer, and three photos that speak for it.

  Attributes:
    queries: name of its query set.
    source: 'photo' or 'street': what it is.
    answer: what the model says; it has a place.
    truth_deg: where the photo was taken.
    error_km: between the two.
    picture: of the photo.
    evidence: rows of answer.evidence that are shown, with their pictures.
  """

  queries: str
  source: str
  answer: records.Answer
  truth_deg: tuple[float, float]
  error_km: float
  picture: Picture
  evidence: Sequence[tuple[records.Evidence, Picture]]


@dataclasses.dataclass(frozen=True)
class QuerySet:
  """The photos of one query set, and how far every system was off.

  Attributes:
    name: of the set.
    latlng_deg: true places.
    nearest_km: from each to the nearest row of the gallery.
    errors: km of each photo, by system.
  """

  name: str
  latlng_deg: Float[np.ndarray, 'n 2']
  nearest_km: Float[np.ndarray, 'n']
  errors: Mapping[str, Float[np.ndarray, 'n']]


@dataclasses.dataclass(frozen=True)
class Promises:
  """What answers to photos of one set promised, and what came true.

  Attributes:
    queries: name of the set.
    chances: confidence of being within 25 km.
    right: whether the answer was.
    inside: share of the photos within the radius, by the share it promises.
  """

  queries: str
  chances: Float[np.ndarray, 'n']
  right: Bool[np.ndarray, 'n']
  inside: Mapping[float, float]


@dataclasses.dataclass(frozen=True)
class RunSet:
  """Answers to the photos of one query set of a run.

  Attributes:
    name: of the set.
    latlng_deg: true places.
    countries: two letters of the country of each true place.
    num_near: gallery rows within 25 km of each true place.
    dist_km: from each answer to the truth.
    promises: chances and radii; None of answers that promise nothing.
    figures: of these, as evals.confidence gives them.
    num_photos: of the set, some of which are shown here.
    num_missing: photos shown here that have no answer.
  """

  name: str
  latlng_deg: Float[np.ndarray, 'n 2']
  countries: types.Strings
  num_near: Int[np.ndarray, 'n']
  dist_km: Float[np.ndarray, 'n']
  promises: confidence.Promises | None
  figures: Mapping[str, Any]
  num_photos: int
  num_missing: int


@dataclasses.dataclass(frozen=True)
class RunPage:
  """The page of a run.

  Attributes:
    title: what was run on what.
    note: what a reader has to know first; '' for nothing.
    sets: at most four.
    cards: captions of groups of photos, with the cards of each.
    costs: seconds by stage.
    rows: of results.json, all systems.
    missing: what a run has no data for, and which command has it.
  """

  title: str
  note: str
  sets: Sequence[RunSet]
  cards: Mapping[str, Sequence[Card]]
  costs: Mapping[str, float]
  rows: Sequence[Mapping[str, Any]] = ()
  missing: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Training:
  """A figure over the steps of trainings."""

  title: str
  label: str
  traces: Sequence[Trace]


@dataclasses.dataclass(frozen=True)
class Page:
  """All of it; a part that a run has no data for is empty.

  Attributes:
    rows: of results.json.
    claims: rows of claims.json.
    cards: photos and their answers.
    how_chosen: which photos these are.
    sets: errors by query set.
    promises: confidence by query set.
    calibration: what the confidence was calibrated on.
    trainings: curves.
    remarks: sentences about this run.
    table: where the long table is, as a link.
  """

  rows: Sequence[Mapping[str, Any]]
  claims: Sequence[Mapping[str, Any]]
  cards: Sequence[Card] = ()
  how_chosen: str = ''
  sets: Sequence[QuerySet] = ()
  promises: Sequence[Promises] = ()
  calibration: str = ''
  trainings: Sequence[Training] = ()
  remarks: Sequence[str] = ()
  table: str = 'table.html'
