"""What must hold of every step on every slice.

  fits      a chip's peak is within its memory
  scales    the same work on more chips of a kind needs no more of each
  gradients no more is summed over chips than the gradient, and a tenth
  gallery   what moves between chips in a search are answers, never rows
"""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import pod_chips

# Of the gradient, for the norm, the loss and other small sums.
_SUMMED = 1.1
# Rows and scores, sent and received.
_ANSWERS = 2


def broken(records: Sequence[Mapping[str, Any]]) -> list[str]:
  """A line for each rule that a record breaks."""
  lines = [line for record in records for line in _of_one(record)]
  for record in records:
    for larger in records:
      lines += _of_two(record, larger)
  return lines


def _of_one(record: Mapping[str, Any]) -> list[str]:
  name, lines = record['name'], []
  if 'does_not_fit' in record:
    return [] if record['too_large'] else [
        f'{name}: does not fit: {record["does_not_fit"]}']
  if record['too_large']:
    return [f'{name}: fits, although pod_cases says that it is too large']
  room, peak = pod_chips.CHIPS[record['kind']].hbm_bytes, (
      record['memory']['peak'])
  if peak > room:
    lines.append(f'{name}: {peak / pod_chips.GIB:.2f} GiB a chip, which has '
                 f'{room / pod_chips.GIB:.2f}')
  moved = record['collectives']
  summed = moved.get('all-reduce', {'bytes': 0})['bytes']
  if record['gradient_bytes'] and summed > _SUMMED * record['gradient_bytes']:
    lines.append(f'{name}: all-reduces {summed:,.0f} bytes, the gradient has '
                 f'{record["gradient_bytes"]:,}')
  if record['gallery_bytes']:
    sent = sum(kind['bytes'] for kind in moved.values())
    if sent > _ANSWERS * record['answer_bytes']:
      lines.append(f'{name}: moves {sent:,.0f} bytes between chips, the '
                   f'answers have {record["answer_bytes"]:,}: rows of the '
                   f'gallery')
  return lines


def _of_two(record: Mapping[str, Any],
            larger: Mapping[str, Any]) -> list[str]:
  """Where the second is the same work on more chips of the kind."""
  same = all(record[key] == larger[key]
             for key in ('step', 'preset', 'size', 'kind'))
  if not same or larger['chips'] <= record['chips'] or (
      'memory' not in record or 'memory' not in larger):
    return []
  few, many = record['memory']['peak'], larger['memory']['peak']
  return [] if many <= few else [
      f'{larger["name"]}: {many:,} bytes a chip, on {record["chips"]} chips '
      f'{few:,}: grows with the slice']
