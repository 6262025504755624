"""The answer to one photo, in plain values: what users and files are given."""

from collections.abc import Mapping
import dataclasses
import math
from typing import Any

from jaxtyping import Float
import numpy as np
from pinpoint_jax.answer import density as densities

# Half way round the Earth: nothing is farther away.
FARTHEST_KM = 20_015.2
# Shares of photos whose radius is written into files.
RADIUS_SHARES = (0.5, 0.8, 0.9, 0.95)


@dataclasses.dataclass(frozen=True)
class Place:
  """The city nearest to an answer, and where that lies.

  Attributes:
    city: its name.
    region: first administrative level; '' where there is none.
    country: two letters of ISO 3166.
    dist_km: from the answer to the city.
  """

  city: str
  region: str
  country: str
  dist_km: float


@dataclasses.dataclass(frozen=True)
class Candidate:
  """A gallery row that the photo may have been taken at.

  Attributes:
    id: of the row.
    source: 'photo' or 'street'.
    latlng_deg: where it is.
    channels: the searches that proposed it, of types.CHANNELS.
    score: log-odds among the candidates, up to a constant.
    share: of the probability among the candidates, before calibration.
  """

  id: str
  source: str
  latlng_deg: tuple[float, float]
  channels: tuple[str, ...]
  score: float
  share: float


@dataclasses.dataclass(frozen=True)
class Evidence:
  """A gallery row near the answer that looks like the photo.

  Attributes:
    id: of the row.
    source: 'photo' or 'street'.
    latlng_deg: where it is.
    dist_km: from the answer.
    similarity: cosine of the two features.
    author: who took it; '' unknown.
    licence: under which it may be shown; '' unknown.
    sequence: the drive that it is of, or of own photos the day; '' unknown.
  """

  id: str
  source: str
  latlng_deg: tuple[float, float]
  dist_km: float
  similarity: float
  author: str = ''
  licence: str = ''
  sequence: str = ''


@dataclasses.dataclass(frozen=True)
class Reach:
  """How far from an answer the truth may lie.

  Attributes:
    log_km: knots of the curve of chances, ascending.
    chances: P(error < km) at each knot, ascending from 0 to 1.
    levels: where the errors of calibration photos lie on their own curves,
      ascending.
  """

  log_km: Float[np.ndarray, 'k']
  chances: Float[np.ndarray, 'k']
  levels: Float[np.ndarray, 'n'] = dataclasses.field(repr=False)

  def radius_km(self, share: float) -> float:
    """Holds for at least that share of photos like the calibration's."""
    if not 0 < share < 1:
      raise ValueError(f'share={share}: a share of photos lies between 0 and 1')
    rank = math.ceil((len(self.levels) + 1) * share)
    if rank > len(self.levels):  # Too few photos to promise so much.
      return FARTHEST_KM
    level = self.levels[rank - 1]
    return float(np.exp(np.interp(level, self.chances, self.log_km)))


@dataclasses.dataclass(frozen=True)
class Radii:
  """What a file holds of a `Reach`: its radii, by RADIUS_SHARES."""

  km: Mapping[float, float]

  def radius_km(self, share: float) -> float:
    """As that of the `Reach`, for the shares in the file alone."""
    if share not in self.km:
      raise ValueError(f'share={share}: the file holds the radii of '
                       f'{sorted(self.km)}')
    return self.km[share]


@dataclasses.dataclass(frozen=True)
class Answer:
  """Where one photo was taken, and what says so.

  Attributes:
    id: of the photo: its path, or the name that it was given.
    latlng_deg: the place; None without an answer, for which `warnings` has the
      reason.
    task: 'photo' or 'street': what the photo was taken for.
    system: what chose the place.
    confidence: calibrated P(error < km), by km; empty without calibration.
    reach: how far off the truth may be; None without calibration.
    candidates: the best first.
    evidence: rows of both sources near the answer, the most similar first.
    places: the city nearest to the answer.
    warnings: what a reader has to know before believing it.
    exif_latlng_deg: where the file says that it was taken, which no model
      reads; None unless it was asked for.
    density: how likely every place is, `answer.density((lat, lng))` per km²;
      None without calibration, and in answers read from a file.
    areas: the likeliest circles; empty unless they were asked for.
    abstained: why the answer is too unsure to count, '' if it is not; None if
      nobody said how sure it has to be.
  """

  id: str
  latlng_deg: tuple[float, float] | None
  task: str
  system: str
  confidence: Mapping[int, float]
  reach: Reach | Radii | None
  candidates: tuple[Candidate, ...]
  evidence: tuple[Evidence, ...]
  places: Place | None
  warnings: tuple[str, ...]
  exif_latlng_deg: tuple[float, float] | None = dataclasses.field(
      default=None, repr=False)
  density: densities.Density | None = dataclasses.field(
      default=None, repr=False, compare=False)
  areas: tuple[densities.Area, ...] = ()
  abstained: str | None = None

  def radius_km(self, share: float = 0.9) -> float | None:
    """Radius that holds the truth of that share of such photos; None: unknown.
    """
    return None if self.reach is None else self.reach.radius_km(share)

  def as_dict(self) -> dict[str, Any]:
    """What JSON can hold; EXIF GPS, areas and abstention only where they were
    asked for."""
    entries = dataclasses.asdict(dataclasses.replace(
        self, reach=None, density=None))
    del entries['reach'], entries['density']
    for name in ('exif_latlng_deg', 'areas'):
      if not getattr(self, name):
        del entries[name]
    if self.abstained is None:
      del entries['abstained']
    entries['confidence'] = {f'{km}km': share
                             for km, share in self.confidence.items()}
    entries['radius_km'] = {} if self.reach is None else {
        f'{share:g}': self.reach.radius_km(share) for share in RADIUS_SHARES}
    return entries


def from_dict(entries: Mapping[str, Any]) -> Answer:
  """The answer that `as_dict` was called on, its reach as `Radii`.

  A figure that is None, as JSON has it for what is not finite, is NaN.
  """
  def pair(values: Any) -> tuple[float, float] | None:
    if values is None:
      return None
    lat, lng = values
    return float(lat), float(lng)
  def number(value: Any) -> float:
    return math.nan if value is None else float(value)
  def row(kind: type, values: Mapping[str, Any]) -> Any:
    columns = {name: tuple(value) if isinstance(value, (list, tuple))
               else value for name, value in values.items()}
    return kind(**{name: math.nan if value is None else value
                   for name, value in columns.items()})
  radii = {float(share): number(km)
           for share, km in entries['radius_km'].items()}
  return Answer(
      id=entries['id'], latlng_deg=pair(entries['latlng_deg']),
      task=entries['task'], system=entries['system'],
      confidence={int(name.removesuffix('km')): number(share)
                  for name, share in entries['confidence'].items()},
      reach=Radii(radii) if radii else None,
      candidates=tuple(row(Candidate, c) for c in entries['candidates']),
      evidence=tuple(row(Evidence, e) for e in entries['evidence']),
      places=entries['places'] and row(Place, entries['places']),
      warnings=tuple(entries['warnings']),
      exif_latlng_deg=pair(entries.get('exif_latlng_deg')),
      areas=tuple(row(densities.Area, a) for a in entries.get('areas', ())),
      abstained=entries.get('abstained'))
