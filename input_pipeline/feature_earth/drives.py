"""Street-view drives: eight frames along a road, evenly over the towns."""

from input_pipeline.feature_earth import (
  exact,
  geography,
  pictures,
  randomness,
)
from jaxtyping import Float, Int
import numpy as np

FRAMES = 8
_REACH_KM = 8.0  # Of a start from its town, along each axis.
_BEND = 0.25
_MIN_STEP_KM, _MAX_STEP_KM = 0.1, 1.0


class Drives:
  """The street views of one seeded world."""

  def __init__(self, seed: int, earth: geography.Geography):
    self._seed, self._earth = seed, earth

  def round_trip(self, stream: str, first: int,
                 num: int) -> pictures.Pictures:
    """`num` frames of the drives from number `first` on, town after town.

    Every town has been visited as often as any other, give or take one.
    """
    number = first + np.arange(-(-num // FRAMES))
    rounds, turns = np.divmod(number, len(self._earth.countries))
    town = np.empty_like(number)
    for nth in np.unique(rounds).tolist():
      here = rounds == nth
      town[here] = self._order(nth)[turns[here]]
    return self._frames(stream, town, num)

  def anywhere(self, stream: str, num: int) -> pictures.Pictures:
    """`num` frames of drives near towns drawn alike."""
    number = np.arange(-(-num // FRAMES))
    return self._frames(stream, randomness.below(
        len(self._earth.countries), 'town', stream, self._seed, number), num)

  def _order(self, nth: int) -> Int[np.ndarray, 't']:
    """The order in which round number `nth` goes through the towns."""
    return np.argsort(randomness.bits(
        'round', self._seed, nth, np.arange(len(self._earth.countries))),
        kind='stable')

  def _frames(self, stream: str, town: Int[np.ndarray, 'd'],
              num: int) -> pictures.Pictures:
    """Frames of a drive near each of the towns."""
    places = _paths((stream, self._seed), self._earth.town_deg[town])
    latlng_deg = places.reshape(-1, 2)[:num]
    drive = np.repeat(np.arange(len(town)), FRAMES)[:num]
    return pictures.Pictures(
        stream, stream, drive, drive, self._earth.sight_in_view(latlng_deg),
        latlng_deg, latlng_deg)


def _paths(key: tuple[str, int], centre_deg: Float[np.ndarray, 'd 2']) -> Float[
    np.ndarray, 'd f 2']:
  """Places of the frames of each drive: a start, then bends and steps."""
  number = np.arange(len(centre_deg))
  x, y = (_REACH_KM * (2 * randomness.uniform('start', axis, *key, number) - 1)
          for axis in ('x', 'y'))
  dx, dy = (randomness.bell('way', axis, *key, number) for axis in ('x', 'y'))
  frames = []
  for frame in range(FRAMES):
    length = np.sqrt(dx * dx + dy * dy) + 1e-9
    dx, dy = dx / length, dy / length
    frames.append(exact.moved(centre_deg, x, y))
    step_km = _MIN_STEP_KM + (_MAX_STEP_KM - _MIN_STEP_KM) * randomness.uniform(
        'frame', *key, number, frame)
    x, y = x + dx * step_km, y + dy * step_km
    dx = dx + _BEND * randomness.bell('bend', 'x', *key, number, frame)
    dy = dy + _BEND * randomness.bell('bend', 'y', *key, number, frame)
  return np.stack(frames, 1)
