"""The plots of a page of results, from plain arrays: one function each."""

from collections.abc import Mapping, Sequence
import dataclasses

from jaxtyping import Bool, Float
import numpy as np
from pinpoint_jax.report import svg

THRESHOLDS_KM = (1, 25, 200, 750, 2500)
SHARE = svg.Axis('share of the photos', 0., 1., tuple(
    (i / 5, f'{20 * i} %') for i in range(6)))
ERROR_KM = svg.Axis(
    'error in km', .1, 20_000., ((.1, '0.1'), (1., '1'), (25., '25'),
                                 (200., '200'), (2500., '2500'),
                                 (20_000., '20000')), log=True)
# Points of a curve of errors, bins of photos, and what a bin needs.
_CURVE, _BINS, _LEAST, _MEDIAN_OF = 121, 10, 5, 20
# Two-sided 95 % of a normal.
_Z = 1.959964
_BAR, _GAP = 8., 10.


@dataclasses.dataclass(frozen=True)
class Bars:
  """One system's bars: its figures and their 95 % intervals, as shares.

  Attributes:
    name: of the system.
    look: class of its colour.
    shares: within each of THRESHOLDS_KM.
    intervals: of each, low and high; None where there is none.
  """

  name: str
  look: str
  shares: Sequence[float]
  intervals: Sequence[Sequence[float] | None]


@dataclasses.dataclass(frozen=True)
class Tenth:
  """Photos whose confidence lies in one tenth.

  Attributes:
    confidence: its mean.
    right: share of the photos that are right.
    count: how many photos.
    interval: of `right`, Wilson's at 95 %.
  """

  confidence: float
  right: float
  count: int
  interval: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Trace:
  """A line of a plot: its name, the class of its colour, and its points."""

  name: str
  look: str
  x: Float[np.ndarray, 'n']
  y: Float[np.ndarray, 'n']


def accuracy(title: str, systems: Sequence[Bars], marked: str) -> str:
  """Five groups of bars; those of the marked system say their value."""
  frame = svg.Frame(svg.Axis('km from the true place, at most', 0., 5., ()),
                    SHARE)
  left, right = (frame.x_at(end) for end in (0., 5.))
  step = (right - left) / len(THRESHOLDS_KM)
  width = min(_BAR, (step - _GAP) / max(len(systems), 1))
  marks = []
  for i, km in enumerate(THRESHOLDS_KM):
    begin = left + i * step + (step - width * len(systems)) / 2
    marks.append(svg.text(left + (i + .5) * step, svg.HEIGHT - 26, str(km)))
    for j, system in enumerate(systems):
      at, share = begin + j * width, system.shares[i]
      interval = system.intervals[i]
      marks.append(svg.bar(
          frame, at + .5, width - 1, share, system.look,
          f'{system.name}, {km} km: {percent(share, interval)}'))
      if interval is not None:
        marks.append(svg.whisker(frame, at + width / 2, *interval))
      if system.name == marked:
        top = share if interval is None else interval[1]
        marks.append(svg.text(
            at + width / 2, frame.y_at(top) - 4,
            f'{100 * share:.0f}', look='value'))
  return svg.plot(title, frame, marks)


def percent(share: float, interval: Sequence[float] | None) -> str:
  """57.8 % [56.1, 59.7]; without an interval the figure alone."""
  words = f'{100 * share:.1f}\N{NO-BREAK SPACE}%'
  return words if interval is None else (
      f'{words} [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]')


def errors(title: str,
           systems: Mapping[str, tuple[str, Float[np.ndarray, '_']]]) -> str:
  """Share of photos below each error: {name: (look, errors in km)}."""
  frame = svg.Frame(ERROR_KM, SHARE)
  x = np.geomspace(ERROR_KM.low, ERROR_KM.high, _CURVE)
  return svg.plot(title, frame, [
      svg.line(frame, x, below(dist_km, x), look)
      for look, dist_km in systems.values()])


def below(dist_km: Float[np.ndarray, 'n'],
          km: Float[np.ndarray, 'k']) -> Float[np.ndarray, 'k']:
  """Share of the distances that are smaller than each of `km`."""
  return np.searchsorted(np.sort(dist_km), km, side='left') / len(dist_km)


def neighbours(title: str, nearest_km: Float[np.ndarray, 'n'],
               dist_km: Float[np.ndarray, 'n'], look: str,
               num_dots: int) -> str:
  """Each photo's error over how far the nearest gallery row is, and medians.

  num_dots: photos that are drawn, evenly spread; medians are of all.
  """
  frame = svg.Frame(dataclasses.replace(
      ERROR_KM, label='km to the nearest gallery row', low=.01, high=200.,
      ticks=((.01, '0.01'), (.1, '0.1'), (1., '1'), (10., '10'),
             (100., '100'))), dataclasses.replace(
                 ERROR_KM, low=.01, ticks=(
                     (.01, '0.01'), (1., '1'), (25., '25'), (200., '200'),
                     (2500., '2500'))))
  rows = np.unique(np.linspace(
      0, len(dist_km) - 1, min(num_dots, len(dist_km))).astype(int))
  order = np.argsort(nearest_km, kind='stable')
  bins = np.array_split(
      order, max(1, min(_BINS, len(order) // _MEDIAN_OF)))
  medians = [svg.line(frame, *(np.asarray([np.median(values[part])
                                           for part in bins])
                               for values in (nearest_km, dist_km)),
                      'median')] if len(bins) > 1 else []
  return svg.plot(title, frame, [
      svg.points(frame, nearest_km[rows], dist_km[rows], f'faint {look}'),
      *medians])


def reliability(title: str, sets: Sequence[tuple[
    str, Float[np.ndarray, '_'], Bool[np.ndarray, '_']]]) -> str:
  """Confidence against the share that was right: (look, chances, right)."""
  frame = svg.Frame(dataclasses.replace(
      SHARE, label='confidence of being within 25 km'), dataclasses.replace(
          SHARE, label='share within 25 km'))
  marks = [_diagonal(frame)]
  for number, (look, chances, right) in enumerate(sets):
    bins = tenths(chances, right)
    x = np.asarray([tenth.confidence for tenth in bins])
    share = np.asarray([tenth.right for tenth in bins])
    marks.append(svg.line(frame, x, share, f'thin {look}'))
    for tenth in bins:
      # Beside each other, where sets have tenths at one place.
      across = frame.x_at(tenth.confidence)
      marks.append(svg.whisker(
          frame, across + 2. * (number - 1), *tenth.interval, look))
    marks.append(svg.points(frame, x, share, f'big {look}'))
  return svg.plot(title, frame, marks)


def tenths(chances: Float[np.ndarray, 'n'],
           right: Bool[np.ndarray, 'n']) -> list[Tenth]:
  """By confidence; tenths with fewer than five photos are left out."""
  tenth = np.minimum((chances * _BINS).astype(int), _BINS - 1)
  bins = []
  for number in range(_BINS):
    inside = tenth == number
    if (count := int(inside.sum())) >= _LEAST:
      share = float(right[inside].mean())
      bins.append(Tenth(float(chances[inside].mean()), share, count,
                        wilson(share, count)))
  return bins


def wilson(share: float, count: int) -> tuple[float, float]:
  """95 % interval of a share of so many independent photos."""
  middle = (share + _Z ** 2 / (2 * count)) / (1 + _Z ** 2 / count)
  half = _Z / (1 + _Z ** 2 / count) * np.sqrt(
      share * (1 - share) / count + _Z ** 2 / (4 * count ** 2))
  return max(0., float(middle - half)), min(1., float(middle + half))


def coverage(title: str, sets: Sequence[tuple[
    str, Mapping[float, float], int]]) -> str:
  """Promised share of a radius against the share inside it: (look, shares
  {promised: inside}, photos)."""
  frame = svg.Frame(dataclasses.replace(
      SHARE, label='share that the radius promises'), dataclasses.replace(
          SHARE, label='share inside the radius'))
  marks = [_diagonal(frame)]
  for number, (look, shares, count) in enumerate(sets):
    x, inside = np.asarray([*shares]), np.asarray([*shares.values()])
    marks.append(svg.line(frame, x, inside, f'thin {look}'))
    for promised, share in shares.items():
      across = frame.x_at(promised) + 2. * (number - 1)
      marks.append(svg.whisker(frame, across, *wilson(share, count), look))
    marks.append(svg.points(frame, x, inside, f'big {look}'))
  return svg.plot(title, frame, marks)


def risk(title: str, sets: Sequence[tuple[
    str, Float[np.ndarray, '_'], Float[np.ndarray, '_']]]) -> str:
  """Share that is wrong among those answered: (look, coverage, risk)."""
  frame = svg.Frame(dataclasses.replace(
      SHARE, label='share answered, the surest first'), dataclasses.replace(
          SHARE, label='of these 25 km off or more'))
  return svg.plot(title, frame, [
      svg.line(frame, *_thinned(coverage, risk), look)
      for look, coverage, risk in sets])


def _thinned(*columns: Float[np.ndarray, 'n']) -> list[
    Float[np.ndarray, '_']]:
  """At most _CURVE points of a line, both ends among them."""
  num = len(columns[0])
  rows = np.unique(np.linspace(0, num - 1, min(num, _CURVE)).astype(int))
  return [column[rows] for column in columns]


def training(title: str, label: str, traces: Sequence[Trace]) -> str:
  """A figure over the steps of trainings, each named beside its end."""
  values = np.concatenate([trace.y for trace in traces])
  steps = max(float(trace.x.max()) for trace in traces)
  right = 14 + round(6.6 * max(len(trace.name) for trace in traces))
  frame = svg.Frame(
      svg.Axis('step', 0., steps, _round_ticks(0., steps, 4)),
      _fitting(label, float(values.min()), float(values.max())), right)
  return svg.plot(title, frame, [
      *(mark for trace in traces for mark in (
          svg.line(frame, trace.x, trace.y, trace.look),
          svg.points(frame, trace.x, trace.y, f'big {trace.look}'))),
      *svg.end_labels(frame, [(float(trace.y[-1]), trace.name, trace.look)
                              for trace in traces])])


def _diagonal(frame: svg.Frame) -> str:
  ends = np.asarray([0., 1.])
  return svg.line(frame, ends, ends, 'ideal-line')


def _fitting(label: str, low: float, high: float) -> svg.Axis:
  """An axis from below the least value to above the greatest."""
  room = (high - low or abs(high) or 1.) * .08
  low, high = low - room, high + room
  return svg.Axis(label, low, high, _round_ticks(low, high, 5))


def _round_ticks(low: float, high: float,
                 most: int) -> tuple[tuple[float, str], ...]:
  """Up to `most` round values between the two."""
  rough = (high - low) / most
  power = 10. ** np.floor(np.log10(rough))
  step = next(power * size for size in (1, 2, 5, 10) if power * size >= rough)
  values = np.arange(np.ceil(low / step - 1e-9), high / step + 1e-9)
  digits = max(0, -int(np.floor(np.log10(step) + 1e-9)))
  # Adding 0 makes -0 a plain 0.
  return tuple((value * step, f'{value * step + 0.:.{digits}f}')
               for value in values.tolist())
