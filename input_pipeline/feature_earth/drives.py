"""Street-view drives: eight frames along a road, evenly over the towns."""

from input_pipeline.feature_earth import geography, pictures
from input_pipeline.synthetic_earth import drives, randomness
from jaxtyping import Int
import numpy as np

FRAMES = drives.FRAMES


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
    places = drives.paths(
        (stream, self._seed), self._earth.region.latlng_deg[town])
    latlng_deg = places.reshape(-1, 2)[:num]
    drive = np.repeat(np.arange(len(town)), FRAMES)[:num]
    return pictures.Pictures(
        stream, stream, drive, drive, self._earth.sight_in_view(latlng_deg),
        latlng_deg, latlng_deg)
