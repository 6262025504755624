"""FLOP of a traced program, loops and all.

XLA's own count takes the body of a loop once. Here matrix products are counted
on the jaxpr, where the length of every scan is known: over all devices, with
what a gradient computes again.
"""

from collections.abc import Iterator
import dataclasses
import math
from typing import Any

from jax.extend import core

# Passes of the matrix unit for one product of float32 numbers.
_PASSES = {'HIGHEST': 6, 'HIGH': 3, 'DEFAULT': 1}


@dataclasses.dataclass(frozen=True)
class Flops:
  """Of matrix products, over all devices.

  Attributes:
    useful: two for each multiplication and addition.
    passes: the same, as often as the matrix unit runs for it: a product of
      float32 numbers at HIGHEST precision takes six passes in bfloat16.
  """

  useful: float
  passes: float

  def __add__(self, other: 'Flops') -> 'Flops':
    return Flops(self.useful + other.useful, self.passes + other.passes)

  def __mul__(self, times: int) -> 'Flops':
    return Flops(self.useful * times, self.passes * times)


def of(jaxpr: Any) -> Flops:
  """Of a (closed) jaxpr; a loop without a known length is refused."""
  jaxpr = getattr(jaxpr, 'jaxpr', jaxpr)
  total = Flops(0., 0.)
  for eqn in jaxpr.eqns:
    name = eqn.primitive.name
    if name == 'dot_general':
      total += _product(eqn)
      continue
    inner = [of(part) for part in _jaxprs(eqn.params)]
    if not inner:
      continue
    if name == 'while':
      if any(part.useful for part in inner):
        raise ValueError('a while loop without a known length multiplies '
                         'matrices: its FLOP cannot be told')
    elif name == 'cond':
      total += max(inner, key=lambda part: part.passes)
    else:
      total += sum(inner, Flops(0., 0.)) * _times(eqn)
  return total


def _times(eqn: Any) -> int:
  if eqn.primitive.name == 'scan':
    return eqn.params['length']
  if eqn.primitive.name == 'shard_map':
    return eqn.params['mesh'].size  # Its shapes are those of one device.
  return 1


def _jaxprs(params: dict[str, Any]) -> Iterator[Any]:
  for value in params.values():
    for part in value if isinstance(value, tuple | list) else (value,):
      if isinstance(part, core.Jaxpr | core.ClosedJaxpr):
        yield part


def _product(eqn: Any) -> Flops:
  (summed, _), _ = eqn.params['dimension_numbers']
  left, right = (var.aval for var in eqn.invars)
  depth = math.prod(left.shape[axis] for axis in summed)
  useful = 2. * depth * math.prod(eqn.outvars[0].aval.shape)
  full = all(aval.dtype.itemsize >= 4 for aval in (left, right))
  return Flops(useful, useful * (_passes(eqn.params['precision'])
                                 if full else 1))


def _passes(precision: Any) -> int:
  both = precision if isinstance(precision, tuple) else (precision,)
  return max(_PASSES.get(getattr(one, 'name', 'DEFAULT'), 1) for one in both)
