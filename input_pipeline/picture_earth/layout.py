"""Who stands where: rows of things side by side, none before another."""

from collections.abc import Mapping
import dataclasses


@dataclasses.dataclass(frozen=True)
class Spot:
  """Middle of a thing, the height it stands on, and its size around 1."""

  x: float
  base: float
  size: float


def row(widths: Mapping[str, float], left: float, right: float, base: float,
        limits: tuple[float, float], shift: float) -> dict[str, Spot]:
  """Things in that order between left and right.

  They grow or shrink together, within `limits`; `shift`, 0 to 1, is where the
  space that remains goes.
  """
  if not widths:
    return {}
  total, room = sum(widths.values()), right - left
  size = min(max(room / total, limits[0]), limits[1])
  rest = room - size * total
  gap = rest / (len(widths) + 1)
  x, spots = left + gap * 2 * shift, {}
  for name, width in widths.items():
    spots[name] = Spot(x + size * width / 2, base, size)
    x += size * width + gap
  return spots


def halves(widths: Mapping[str, float]) -> tuple[
    dict[str, float], dict[str, float]]:
  """Things left and right: each goes where there is less so far.

  The first goes left or right by the number of things, so that neither side
  is always the fuller one.
  """
  left, right = {}, {}
  for name, width in widths.items():
    emptier = min((left, right), key=lambda half: sum(half.values()))
    emptier[name] = width
  return (left, right) if len(widths) % 2 else (right, left)
