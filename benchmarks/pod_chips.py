"""What a chip can do, and the seconds that a step takes it at the least.

All seconds are computed, none is measured: the slowest of three, each at the
published peak. A real step is slower.
"""

from collections.abc import Mapping
import dataclasses
import types as pytypes

GIB = 2**30


@dataclasses.dataclass(frozen=True)
class Chip:
  """A TPU chip as its maker publishes it.

  Attributes:
    flops: of bfloat16 products a second.
    hbm_bytes: of memory that a program may use.
    hbm_rate: bytes of memory a second.
    link_rate: bytes that it sends to other chips a second, over all links.
    source: of the figures.
  """

  flops: float
  hbm_bytes: float
  hbm_rate: float
  link_rate: float
  source: str


# A chip sends at half of its bidirectional bandwidth. 15.75 GiB is what the
# compiler for v5e grants; Google's page says 16 GB.
CHIPS: Mapping[str, Chip] = pytypes.MappingProxyType({
    'v5e': Chip(197e12, 15.75 * GIB, 819e9, 200e9,
                'https://docs.cloud.google.com/tpu/docs/v5e'),
    'v5p': Chip(459e12, 95. * GIB, 2765e9, 600e9,
                'https://docs.cloud.google.com/tpu/docs/v5p'),
})


@dataclasses.dataclass(frozen=True)
class Roofline:
  """Seconds of a step by what limits it; `computed`, see above.

  Attributes:
    compute_s: its matrix products at the peak.
    memory_s: its bytes through the memory.
    links_s: what it sends to other chips.
  """

  compute_s: float
  memory_s: float
  links_s: float

  @property
  def seconds(self) -> float:
    """The slowest of the three, as if they overlapped."""
    return max(self.compute_s, self.memory_s, self.links_s)

  @property
  def bound(self) -> str:
    """Which of them it is."""
    return max(('compute', 'memory', 'links'),
               key=lambda name: getattr(self, f'{name}_s'))


def roofline(chip: Chip, flops: float, hbm_bytes: float,
             sent_bytes: float) -> Roofline:
  """Of a step that does so much on each chip."""
  return Roofline(flops / chip.flops, hbm_bytes / chip.hbm_rate,
                  sent_bytes / chip.link_rate)
