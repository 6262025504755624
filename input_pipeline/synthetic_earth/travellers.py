"""Photographers: where they go and what they take.

An author makes a few visits, most of them to a sight drawn by fame, the others
to a spot in a city drawn by population, and takes a burst of photos at each.
"""

import dataclasses

from input_pipeline.synthetic_earth import randomness
from input_pipeline.synthetic_earth import world as worlds
from jaxtyping import Float, Int
import numpy as np

_MAX_VISITS = 6
_MAX_BURST = 6
_SIGHT_SHARE = 0.7
_SIGHT_SPREAD_KM = 0.15
_SPOT_SPREAD_KM = 4.0
_STEP_KM = 0.06
_MAX_QUERIES_PER_AUTHOR = 3


@dataclasses.dataclass(frozen=True)
class Taken:
  """Photos or frames as they were taken, one row each.

  Attributes:
    stream: keeps the random streams and the names of authors apart.
    serials: numbers of the photos in the stream, [n].
    authors: numbers of the authors or drives, [n].
    sessions: numbers of the bursts or drives, [n].
    cities: index of the city in its region, [n].
    landmarks: index of the sight in its region, -1 for none, [n].
    latlng_deg: where, [n, 2].
  """

  stream: str
  serials: Int[np.ndarray, 'n']
  authors: Int[np.ndarray, 'n']
  sessions: Int[np.ndarray, 'n']
  cities: Int[np.ndarray, 'n']
  landmarks: Int[np.ndarray, 'n']
  latlng_deg: Float[np.ndarray, 'n 2']

  def __len__(self) -> int:
    return len(self.serials)

  def take(self, rows: Int[np.ndarray, 'm']) -> 'Taken':
    """The rows [m], in that order."""
    return Taken(
        self.stream, self.serials[rows], self.authors[rows],
        self.sessions[rows], self.cities[rows], self.landmarks[rows],
        self.latlng_deg[rows])


def travel(seed: int, region: worlds.Region, stream: str, num: int) -> Taken:
  """The first `num` photos of as many authors as it takes."""
  key = (stream, seed)
  # Every author takes at least one photo.
  author = np.repeat(np.arange(num), 1 + randomness.below(
      _MAX_VISITS, 'visits', *key, np.arange(num)))[:num]
  visit = np.arange(len(author))
  session = np.repeat(visit, 1 + randomness.below(
      _MAX_BURST, 'burst', *key, visit))[:num]
  landmark, city, spot = _spots(key, region, visit)
  serial = np.arange(num)
  east, north = (_STEP_KM * randomness.bell('step', axis, *key, serial)
                 for axis in ('east', 'north'))
  return Taken(stream, serial, author[session], session, city[session],
               landmark[session], worlds.moved(spot[session], east, north))


def _spots(key: tuple[str, int], region: worlds.Region,
           visit: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Sight (or -1), city and place of each visit."""
  at_sight = randomness.uniform('at sight', *key, visit) < _SIGHT_SHARE
  sight = region.draw_landmark('sight', *key, visit)
  city = np.where(at_sight, region.landmark_city[sight],
                  region.draw_city('city', *key, visit))
  centre = np.where(at_sight[:, None], region.landmark_latlng_deg[sight],
                    region.latlng_deg[city])
  spread_km = np.where(at_sight, _SIGHT_SPREAD_KM, _SPOT_SPREAD_KM)
  east, north = (spread_km * randomness.bell('spot', axis, *key, visit)
                 for axis in ('east', 'north'))
  return (np.where(at_sight, sight, -1), city,
          worlds.moved(centre, east, north))


def held_out(seed: int, taken: Taken, num: int) -> Int[np.ndarray, 'q']:
  """About `num` or more rows to ask about; their authors keep others.

  One in seven is the last photo of a burst whose rest stays; the others are
  whole visits, so that an author's gallery photos may lie elsewhere.
  """
  key = (taken.stream, seed)
  visits = np.unique(taken.sessions)
  share = 5 * num / len(taken)
  chosen = randomness.uniform('held out', *key, visits) < share
  whole = randomness.uniform('whole', *key, visits) < 0.6
  _, firsts = np.unique(taken.authors, return_index=True)
  first_visit = np.isin(taken.sessions, taken.sessions[firsts])
  last = np.append(np.diff(taken.sessions) != 0, True)
  row_chosen = chosen[taken.sessions] & (whole[taken.sessions] | last)
  return np.flatnonzero(row_chosen & ~first_visit)


def few_per_author(taken: Taken) -> Int[np.ndarray, 'q']:
  """Rows of the first few photos of each author."""
  _, starts, counts = np.unique(
      taken.authors, return_index=True, return_counts=True)
  nth = np.arange(len(taken)) - np.repeat(starts, counts)
  return np.flatnonzero(nth < _MAX_QUERIES_PER_AUTHOR)
