"""What a compiled program sends between devices."""

from collections.abc import Sequence
import dataclasses
import math
import re

from benchmarks import pod_hlo

KINDS = ('all-reduce', 'all-gather', 'reduce-scatter', 'all-to-all',
         'ragged-all-to-all', 'collective-permute', 'collective-broadcast')
_GROUPS_LISTED = re.compile(r'replica_groups=\{\{([\d,]*)\}')
_GROUPS_NAMED = re.compile(r'replica_groups=mesh\[([^\]]*)\] \{([^}]*)\}')
_GROUPS_IOTA = re.compile(r'replica_groups=\[(\d+),(\d+)\]<=')


@dataclasses.dataclass(frozen=True)
class Collective:
  """One collective instruction and what it moves on each device.

  Attributes:
    kind: of KINDS.
    times: how often a step runs it.
    num_bytes: of its whole result, of its operand for a reduce-scatter, once.
    group: devices that take part in one exchange.
  """

  kind: str
  times: int
  num_bytes: int
  group: int

  @property
  def sent_bytes(self) -> float:
    """Bytes that a device sends each time, by the ring algorithm."""
    share = (self.group - 1) / self.group
    if self.kind == 'all-reduce':
      return 2 * share * self.num_bytes
    if self.kind in ('collective-permute', 'collective-broadcast'):
      return float(self.num_bytes)
    return share * self.num_bytes


def of(program: pod_hlo.Program, num_devices: int) -> list[Collective]:
  """Every collective of a program with how often it runs."""
  times = program.times(lambda one: bool(_kind(one)))
  return [Collective(_kind(one), times[name], *_size(one, num_devices))
          for name, computation in program.computations.items() if times[name]
          for one in computation.values() if _kind(one)]


def by_kind(found: Sequence[Collective]) -> dict[str, dict[str, float]]:
  """Count, bytes and sent bytes a step of each kind."""
  result = {}
  for kind in KINDS:
    of_kind = [one for one in found if one.kind == kind]
    if of_kind:
      result[kind] = {
          'count': sum(one.times for one in of_kind),
          'bytes': sum(one.times * one.num_bytes for one in of_kind),
          'sent_bytes': sum(one.times * one.sent_bytes for one in of_kind)}
  return result


def _kind(one: pod_hlo.Instruction) -> str:
  kind = one.opcode.removesuffix('-start')
  return kind if kind in KINDS else ''


def _size(one: pod_hlo.Instruction, num_devices: int) -> tuple[int, int]:
  """Bytes of one exchange, and how many devices take part."""
  started = one.opcode.endswith('-start')
  sizes = [array.num_bytes for array in one.arrays
           if not (started and array.is_context)]
  if started and _kind(one) != 'all-reduce':
    sizes = sizes[len(sizes) // 2:]  # Operands come first.
  group = _group(one.text, num_devices)
  return sum(sizes) * (group if _kind(one) == 'reduce-scatter' else 1), group


def _group(text: str, num_devices: int) -> int:
  if axes := _GROUPS_NAMED.search(text):
    sizes = dict(re.findall(r"'(\w+)'=(\d+)", axes[1]))
    return math.prod(int(sizes[name]) for name in re.findall(
        r"'(\w+)'", axes[2]))
  if listed := _GROUPS_LISTED.search(text):
    return listed[1].count(',') + 1
  if iota := _GROUPS_IOTA.search(text):
    return int(iota[2])
  return num_devices
