"""A compiled program, read from its HLO text: who runs what, how often.

  ENTRY ─▶ fusion, call ─▶ its computation        once for each caller
        ─▶ while ─▶ its body                      as often as it goes round

A loop says how often where the compiler has written it down; else a counter
that begins at a constant, is raised by one and compared with another.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
import dataclasses
import math
import re

_BITS = {'pred': 8, 'token': 0}
_COMPUTATION = re.compile(r'^(ENTRY )?%?([\w.\-]+) \(.*\{\s*$')
_INSTRUCTION = re.compile(r'^\s+(ROOT )?%?([\w.\-]+) = (.*)$')
_ARRAY = re.compile(r'\b([a-z]+\d*(?:e\d+m\d+\w*)?)\[([\d,<=]*)\](\{[^}]*\})?')
_CALLED = re.compile(r'\b(calls|to_apply|body|condition|branch_computations'
                     r'|true_computation|false_computation)='
                     r'(\{[^}]*\}|%?[\w.\-]+)')
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')
_SPACE = re.compile(r'S\((\d+)\)')


@dataclasses.dataclass(frozen=True)
class Array:
  """One array of a result.

  Attributes:
    num_bytes: of its numbers.
    in_hbm: whether it lies in the main memory, not in a nearer one.
    is_context: a word that an asynchronous start hands to its end.
  """

  num_bytes: int
  in_hbm: bool
  is_context: bool


@dataclasses.dataclass(frozen=True)
class Instruction:
  """One line of a computation.

  Attributes:
    name: of the instruction.
    opcode: what it does.
    arrays: of its result.
    operands: names of what it reads.
    text: what follows the operands; the value of a constant or the number of
      a parameter.
    is_root: whether its result is that of the computation.
  """

  name: str
  opcode: str
  arrays: tuple[Array, ...]
  operands: tuple[str, ...]
  text: str
  is_root: bool

  @property
  def number(self) -> int | None:
    """Of a parameter or of a constant that is one whole number."""
    return int(self.text) if re.fullmatch(r'-?\d+', self.text) else None

  def calls(self) -> Iterator[tuple[str, str]]:
    """Computations that it runs, and as what: calls, body, to_apply, …"""
    if self.opcode.endswith(('-done', '-update')):
      return  # Its start has run it.
    for role, names in _CALLED.findall(self.text):
      for name in names.strip('{}').split(','):
        yield name.strip().lstrip('%'), role

  def role(self, name: str) -> str:
    """The computation that it runs in this role."""
    return {role: called for called, role in self.calls()}[name]


Computation = Mapping[str, Instruction]


@dataclasses.dataclass(frozen=True)
class Program:
  """All computations by name; instructions by name, in their order."""

  computations: Mapping[str, Computation]
  entry: str

  def times(self, matters: Callable[[Instruction], bool]) -> Counter[str]:
    """How often a step runs each computation.

    A loop without a known count is refused if `matters` holds for anything in
    it, and else taken to run once.
    """
    times: Counter[str] = Counter()
    def run(name: str, often: int) -> None:
      times[name] += often
      computation = self.computations[name]
      for one in computation.values():
        trips = self._trips(computation, one)
        for called, _ in one.calls():
          if trips is None and self._any(called, matters):
            raise ValueError(f'{one.name}: a loop whose trip count is unknown; '
                             f'what it does cannot be counted')
          run(called, often * (1 if trips is None else trips))
    run(self.entry, 1)
    return times

  def _trips(self, computation: Computation, one: Instruction) -> int | None:
    """Rounds of a loop, None where they are unknown; 1 of anything else."""
    if one.opcode != 'while':
      return 1
    if known := _TRIPS.search(one.text):
      return int(known[1])
    condition, body = (self.computations[one.role(role)]
                       for role in ('condition', 'body'))
    test = _root(condition)
    if test.opcode != 'compare' or 'direction=LT' not in test.text:
      return None
    counter, end = (condition[name] for name in test.operands)
    if counter.opcode != 'get-tuple-element':
      return None
    index = int(re.search(r'index=(\d+)', counter.text)[1])
    raised = body[_root(body).operands[index]]
    begin = computation[computation[one.operands[0]].operands[index]]
    while begin.opcode in ('copy', 'bitcast'):
      begin = computation[begin.operands[0]]
    steps = [body[name].number for name in raised.operands
             if body[name].opcode == 'constant']
    if raised.opcode != 'add' or len(steps) != 1 or None in (
        begin.number, end.number, steps[0]):
      return None
    return -(-(end.number - begin.number) // steps[0])

  def _any(self, name: str, matters: Callable[[Instruction], bool]) -> bool:
    return any(matters(one) or any(self._any(called, matters)
                                   for called, _ in one.calls())
               for one in self.computations[name].values())


def parse(text: str) -> Program:
  """The program of a module's text."""
  computations: dict[str, dict[str, Instruction]] = {}
  entry = name = ''
  for line in text.splitlines():
    if head := _COMPUTATION.match(line):
      name = head[2]
      computations[name] = {}
      entry = name if head[1] else entry
    elif name and (body := _INSTRUCTION.match(line)):
      computations[name][body[2]] = _instruction(body[2], body[3],
                                                 bool(body[1]))
  if not entry:
    raise ValueError('the text has no ENTRY computation: it is no HLO module')
  return Program(computations, entry)


def _root(computation: Computation) -> Instruction:
  return next(one for one in computation.values() if one.is_root)


def _instruction(name: str, line: str, is_root: bool) -> Instruction:
  end = _closing(line) if line.startswith('(') else line.find(' ')
  result, rest = line[:end], line[end:].lstrip()
  opcode = rest.partition('(')[0]
  stop = len(opcode) + _closing(rest[len(opcode):])
  inside = rest[len(opcode) + 1:stop - 1]
  return Instruction(
      name, opcode, tuple(_arrays(result)),
      tuple(re.findall(r'%([\w.\-]+)', inside)),
      inside if opcode in ('parameter', 'constant') else rest[stop:], is_root)


def _closing(line: str) -> int:
  """Where the bracket that opens the line has closed."""
  depth = 0
  for place, letter in enumerate(line):
    depth += {'(': 1, ')': -1}.get(letter, 0)
    if not depth:
      return place + 1
  raise ValueError(f'brackets do not close: {line[:80]}')


def _arrays(result: str) -> Iterator[Array]:
  for dtype, dims, layout in _ARRAY.findall(result):
    bits = _BITS.get(dtype)
    if bits is None:
      bits = int(re.search(r'\d+', dtype)[0])
    sizes = [int(size.lstrip('<=')) for size in dims.split(',') if size]
    space = _SPACE.search(layout)
    yield Array(-(-bits * math.prod(sizes) // 8),
                space is None or space[1] == '0',
                dtype in ('u32', 's32') and not dims)
