"""Photographers: where they go, what they take, and how wrong their tags are.

An author makes 1 to 6 visits, half of them to a sight drawn by fame, and takes
1 to 4 photos on each. A visit's photos share one error of the geotag.
"""

import dataclasses

from input_pipeline.feature_earth import (
  exact,
  geography,
  pictures,
  randomness,
  settings,
)
from jaxtyping import Float, Int
import numpy as np

_MAX_VISITS = 6
_MAX_BURST = 4
_CITY_SPREAD_KM = 4.0
_TRACK_SPREAD_KM = 12.0
_STEP_KM = 0.03  # Between photos of one visit, along each axis.
# How far off a visit's geotag is along each axis, and how often: phones with
# a fix, phones without, pins set by hand.
TAG_ERRORS_KM = (0.05, 0.3, 0.8)
TAG_SHARES = (0.70, 0.10, 0.20)


@dataclasses.dataclass(frozen=True)
class _Visits:
  """Sight or -1, place and tagged place of each visit."""

  sights: Int[np.ndarray, 'v']
  spot_deg: Float[np.ndarray, 'v 2']
  latlng_deg: Float[np.ndarray, 'v 2']


class Travellers:
  """The photographers of one seeded world."""

  def __init__(self, seed: int, earth: geography.Geography,
               habits: settings.Settings):
    self._seed, self._earth, self._habits = seed, earth, habits

  def travel(self, stream: str, num: int) -> pictures.Pictures:
    """The first `num` photos of as many authors as it takes."""
    key, numbers = (stream, self._seed), np.arange(num)
    # Every author takes at least one photo.
    author = np.repeat(numbers, 1 + randomness.below(
        _MAX_VISITS, 'visits', *key, numbers))[:num]
    visit = np.repeat(numbers, 1 + randomness.below(
        _MAX_BURST, 'burst', *key, numbers))[:num]
    return self._taken(stream, stream, author[visit], visit,
                       self._visits(key, numbers), visit)

  def others(self, stream: str, gallery: pictures.Pictures, first_visit: int,
             num: int) -> pictures.Pictures:
    """Photos by authors of the gallery: of its visits, and of other visits.

    The other visits are numbered from `first_visit`.
    """
    key, numbers = (stream, self._seed), np.arange(num)
    order = np.argsort(randomness.bits(
        'anchor', *key, np.arange(len(gallery))), kind='stable')
    anchor = order[numbers % len(order)]
    same = randomness.uniform('same', *key, numbers) < self._habits.same_visit
    fresh = self._visits(key, numbers)
    visits = _Visits(
        np.where(same, gallery.sights[anchor], fresh.sights),
        np.where(same[:, None], gallery.spot_deg[anchor], fresh.spot_deg),
        np.where(same[:, None], gallery.latlng_deg[anchor], fresh.latlng_deg))
    return self._taken(
        stream, gallery.stream, gallery.authors[anchor],
        np.where(same, gallery.visits[anchor], first_visit + numbers),
        visits, numbers)

  def mistag(self, photos: pictures.Pictures) -> pictures.Pictures:
    """The photos, a few of them tagged with a town where they were not."""
    key = (photos.stream, self._seed, np.arange(len(photos)))
    wrong = randomness.uniform('wrong', *key) < self._habits.wrong_tags
    town = self._earth.town_deg[self._earth.draw_town('elsewhere', *key)]
    return dataclasses.replace(photos, latlng_deg=np.where(
        wrong[:, None], town, photos.latlng_deg))

  def _visits(self, key: tuple[str, int],
              numbers: Int[np.ndarray, 'v']) -> _Visits:
    chance = randomness.uniform('where', *key, numbers)
    at_sight = chance < self._habits.at_sight
    off_track = chance >= self._habits.at_sight + self._habits.in_city
    sight = self._earth.draw_sight('sight', *key, numbers)
    town = np.where(
        off_track,
        randomness.below(len(self._earth.countries), 'track', *key, numbers),
        self._earth.draw_town('city', *key, numbers))
    spread_km = np.where(off_track, _TRACK_SPREAD_KM, _CITY_SPREAD_KM)
    spot_deg = np.where(
        at_sight[:, None], self._earth.sight_deg[sight], _scattered(
            self._earth.town_deg[town], spread_km, 'spot', *key, numbers))
    kind = np.searchsorted(
        np.cumsum(TAG_SHARES[:-1]), randomness.uniform('tag', *key, numbers))
    error_km = np.asarray(TAG_ERRORS_KM)[kind]
    return _Visits(np.where(at_sight, sight, -1), spot_deg, _scattered(
        spot_deg, error_km, 'error', *key, numbers))

  def _taken(self, stream: str, owner_stream: str, authors: np.ndarray,
             numbers: np.ndarray, visits: _Visits,
             of_visit: np.ndarray) -> pictures.Pictures:
    """Photos around their visits; tags keep the error of the visit."""
    key = (stream, self._seed, np.arange(len(authors)))
    spot_deg, latlng_deg = (
        _scattered(places[of_visit], np.full(len(authors), _STEP_KM), 'step',
                   *key) for places in (visits.spot_deg, visits.latlng_deg))
    return pictures.Pictures(stream, owner_stream, authors, numbers,
                             visits.sights[of_visit], spot_deg, latlng_deg)


def _scattered(latlng_deg: Float[np.ndarray, 'n 2'],
               spread_km: Float[np.ndarray, 'n'],
               *key: randomness.Counter) -> Float[np.ndarray, 'n 2']:
  east, north = (spread_km * randomness.bell(axis, *key)
                 for axis in ('east', 'north'))
  return exact.moved(latlng_deg, east, north)
