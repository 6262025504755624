"""The table of docs/pods.md, from the results of pod_compile."""

from collections.abc import Mapping, Sequence
import pathlib
import re
from typing import Any

from pinpoint_jax.disk import files
from pinpoint_jax.report import tables

from benchmarks import pod_cases, pod_chips

_BEGIN, _END = '<!-- pods: begin -->', '<!-- pods: end -->'
_HEAD = ('step', 'slice', 'peak GiB', 'of it arguments', 'TFLOP',
         'HBM GB', 'between chips', 'computed ms', 'bound')
_SHORT = {'all-reduce': 'reduce', 'all-gather': 'gather',
          'reduce-scatter': 'scatter', 'all-to-all': 'all to all',
          'collective-permute': 'permute'}


def line(record: Mapping[str, Any]) -> str:
  """One line for a person who waits."""
  return f'{record["name"]}: ' + ', '.join(
      f'{name} {value}' for name, value in zip(_HEAD[2:], _cells(record)[2:])
      ) + f' ({record["cpu_s"]:.0f} CPU s)'


def table(records: Sequence[Mapping[str, Any]]) -> str:
  """All cases as Markdown, also those that have not been compiled."""
  by_name = {record['name']: record for record in records}
  return tables.grid(list(_HEAD), [
      _cells(by_name.get(case.name, case.record()))
      for case in pod_cases.CASES])


def write(path: pathlib.Path, records: Sequence[Mapping[str, Any]]) -> None:
  """Replaces the table of the page."""
  text = path.read_text(encoding='utf-8')
  if _BEGIN not in text or _END not in text:
    raise ValueError(f'{path}: has no place for the table, {_BEGIN} … {_END}')
  with files.atomic(path) as file:
    file.write(replaced(text, table(records)).encode())


def replaced(page: str, text: str) -> str:
  """The page with that table."""
  return re.sub(f'{_BEGIN}.*{_END}', lambda _: f'{_BEGIN}\n{text}\n{_END}',
                page, flags=re.DOTALL)


def _cells(record: Mapping[str, Any]) -> list[str]:
  first = [f'{record["step"]} {record["preset"]} {record["size"]:,}'.replace(
      '  ', ' '), record['topology']]
  if 'does_not_fit' in record:
    return [*first, 'does not fit', *[''] * (len(_HEAD) - 3)]
  if 'memory' not in record:
    return [*first, 'not compiled yet', *[''] * (len(_HEAD) - 3)]
  memory, computed = record['memory'], record['computed']
  return [*first, f'{memory["peak"] / pod_chips.GIB:.2f}',
          f'{memory["argument"] / pod_chips.GIB:.2f}',
          f'{record["flops"] / 1e12:.3f}',
          f'{record["hbm_bytes"] / 1e9:.2f}',
          _moved(record['collectives']),
          f'{1e3 * computed["seconds"]:.2f}', computed['bound']]


def _moved(collectives: Mapping[str, Any]) -> str:
  return ', '.join(
      f'{kind["count"]} {_SHORT.get(name, name)} '
      f'{kind["bytes"] / 2**20:.3g} MiB'
      for name, kind in collectives.items()) or 'none'
