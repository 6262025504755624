"""Bytes that a compiled program moves through the main memory, loops and all.

XLA's own count takes the body of a loop once. Here every instruction that is no
part of a fusion reads its operands and writes its result, as often as it runs;
what lies in a nearer memory is not counted. Of an operand that is only sliced
the slices count, of a result that is updated in place the update.
"""

from collections.abc import Callable

from benchmarks import pod_hlo

# They move nothing by themselves.
_FREE = ('parameter', 'constant', 'tuple', 'get-tuple-element', 'bitcast',
         'while', 'conditional', 'call', 'iota', 'after-all', 'partition-id',
         'replica-id', 'opt-barrier', 'async-start')
_Use = Callable[[pod_hlo.Instruction], int]


def hbm_bytes(program: pod_hlo.Program) -> int:
  """Read and written in a step, on each device."""
  times = program.times(lambda one: one.opcode not in _FREE)
  inner = {called for computation in program.computations.values()
           for one in computation.values() for called, role in one.calls()
           if role == 'to_apply' or one.opcode == 'fusion'}
  return sum(
      times[name] * _moved(program, computation, one)
      for name, computation in program.computations.items()
      if times[name] and name not in inner for one in computation.values())


def _moved(program: pod_hlo.Program, computation: pod_hlo.Computation,
           one: pod_hlo.Instruction) -> int:
  if one.opcode in _FREE or one.opcode.endswith(('-done', '-update')):
    return 0
  read = sum(_read(program, computation, one, place)
             for place, name in enumerate(one.operands)
             if name in computation)
  return read + _written(program, computation, one)


def _read(program: pod_hlo.Program, computation: pod_hlo.Computation,
          one: pod_hlo.Instruction, place: int) -> int:
  """Of one operand, what is in the main memory and is looked at."""
  operand = computation[one.operands[place]]
  whole = _in_hbm(operand)
  if not whole:
    return 0
  if one.opcode == 'dynamic-slice' and place == 0:
    return min(whole, _size(one))
  if one.opcode == 'dynamic-update-slice' and place == 0:
    return 0
  if one.opcode == 'fusion':
    [fused] = [name for name, _ in one.calls()]
    return min(whole, _used(program, fused, place))
  return whole


def _used(program: pod_hlo.Program, fused: str, place: int) -> int:
  """Bytes of a fusion's operand that its instructions look at."""
  computation = program.computations[fused]
  [parameter] = [one for one in computation.values()
                 if one.opcode == 'parameter' and one.number == place]
  return _uses(program, computation, parameter)


def _uses(program: pod_hlo.Program, computation: pod_hlo.Computation,
          value: pod_hlo.Instruction) -> int:
  total = 0
  for one in computation.values():
    for place in (at for at, name in enumerate(one.operands)
                  if name == value.name):
      if one.opcode == 'dynamic-slice' and place == 0:
        total += _size(one)
      elif one.opcode == 'dynamic-update-slice' and place == 0:
        continue
      elif one.opcode == 'bitcast':
        total += _uses(program, computation, one)
      elif one.opcode == 'fusion':
        [fused] = [name for name, _ in one.calls()]
        total += _used(program, fused, place)
      else:
        return _size(value)
  return total


def _written(program: pod_hlo.Program, computation: pod_hlo.Computation,
             one: pod_hlo.Instruction) -> int:
  if one.opcode == 'dynamic-update-slice':
    return min(_in_hbm(one), _size(computation[one.operands[1]]))
  if one.opcode == 'fusion':
    [fused] = [program.computations[name] for name, _ in one.calls()]
    [root] = [inside for inside in fused.values() if inside.is_root]
    parts = ([fused[name] for name in root.operands]
             if root.opcode == 'tuple' else [root])
    return sum(_updated(fused, part)
               for part, array in zip(parts, one.arrays) if array.in_hbm)
  arrays = one.arrays
  if one.opcode.endswith('-start'):
    arrays = arrays[:1]  # copy-start: its destination comes first.
  return sum(array.num_bytes for array in arrays if array.in_hbm)


def _updated(fused: pod_hlo.Computation, part: pod_hlo.Instruction) -> int:
  while part.opcode == 'bitcast' and part.operands[0] in fused:
    part = fused[part.operands[0]]
  if part.opcode == 'dynamic-update-slice':
    return _size(fused[part.operands[1]])
  return _size(part)


def _size(one: pod_hlo.Instruction) -> int:
  return sum(array.num_bytes for array in one.arrays)


def _in_hbm(one: pod_hlo.Instruction) -> int:
  return sum(array.num_bytes for array in one.arrays if array.in_hbm)
