"""Street-view drives: frames along a road, spread evenly over the cities."""

from input_pipeline.synthetic_earth import randomness, travellers
from input_pipeline.synthetic_earth import world as worlds
from jaxtyping import Float, Int
import numpy as np

FRAMES = 8
_REACH_KM = 8.0
_BEND = 0.25
_MIN_STEP_KM, _MAX_STEP_KM = 0.1, 1.0


def drive(seed: int, region: worlds.Region, stream: str, num: int,
          city_share: float = 1.0) -> travellers.Taken:
  """`num` frames; drives go round the first `city_share` of a shuffled list."""
  key = (stream, seed)
  num_drives = -(-num // FRAMES)
  city = _round_robin(seed, region, stream, num_drives, city_share)
  latlng_deg = paths(key, region.latlng_deg[city])
  number = np.repeat(np.arange(num_drives), FRAMES)[:num]
  return travellers.Taken(
      stream, np.arange(num), number, number, city[number],
      np.full(num, -1), latlng_deg.reshape(-1, 2)[:num])


def _round_robin(seed: int, region: worlds.Region, stream: str, num: int,
                 share: float) -> Int[np.ndarray, 'd']:
  cities = np.arange(len(region.cities))
  # The list is the same for all streams, so that a share of it is a share of
  # what another stream visits.
  order = np.argsort(
      randomness.bits('round', region.name, seed, cities), kind='stable')
  order = order[:max(1, int(share * len(order)))]
  rounds = np.arange(num) // len(order)
  within = randomness.bits('turn', stream, seed, rounds[:, None], order)
  ranks = np.argsort(within, 1, kind='stable')
  return order[ranks[np.arange(num), np.arange(num) % len(order)]]


def paths(key: tuple[str, int],
           centre_deg: np.ndarray) -> Float[np.ndarray, 'd f 2']:
  """Places of the frames of each drive: a start, then bends and steps."""
  number = np.arange(len(centre_deg))
  x, y = (_REACH_KM * (2 * randomness.uniform('start', axis, *key, number) - 1)
          for axis in ('x', 'y'))
  dx, dy = (randomness.bell('way', axis, *key, number) for axis in ('x', 'y'))
  frames = []
  for frame in range(FRAMES):
    length = np.sqrt(dx * dx + dy * dy) + 1e-9
    dx, dy = dx / length, dy / length
    frames.append(worlds.moved(centre_deg, x, y))
    step_km = _MIN_STEP_KM + (_MAX_STEP_KM - _MIN_STEP_KM) * randomness.uniform(
        'frame', *key, number, frame)
    x, y = x + dx * step_km, y + dy * step_km
    dx = dx + _BEND * randomness.bell('bend', 'x', *key, number, frame)
    dy = dy + _BEND * randomness.bell('bend', 'y', *key, number, frame)
  return np.stack(frames, 1)
