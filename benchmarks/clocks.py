"""How long things take, as the benchmarks of answers tell it."""

from collections.abc import Callable
import time

import numpy as np

from benchmarks import gallery_bench


def quantiles(run: Callable[[int], object], most: int = 201,
              least: int = 3, seconds: float = 8.) -> dict:
  """Milliseconds of run(0), run(1), …; the first is not counted."""
  run(0)
  taken, begun = [], time.perf_counter()
  while len(taken) < most and (
      len(taken) < least or time.perf_counter() - begun < seconds):
    taken.append(timed(lambda: run(len(taken))))
  return dict(**gallery_bench.milliseconds(np.asarray(taken)), runs=len(taken))


def timed(run: Callable[[], object]) -> tuple[float, float]:
  """Seconds of wall and of CPU, of all threads together."""
  wall, cpu = time.perf_counter(), time.process_time()
  run()
  return time.perf_counter() - wall, time.process_time() - cpu


def seconds_of(run: Callable[[], object], enough: float = 10.) -> dict:
  """The best of three, or of fewer where they take long; compiled before."""
  taken = []
  while len(taken) < 3 and sum(wall for wall, _ in taken) < enough:
    taken.append(timed(run))
  wall, cpu = min(taken)
  return dict(wall_s=wall, cpu_s=cpu)


def a_query(seconds: dict, num: int) -> dict:
  """Milliseconds of one of so many queries."""
  return {name.replace('_s', '_ms'): 1e3 * value / num
          for name, value in seconds.items()}
