"""The page of `make bench`: targets, parts, and how costs grow with rows."""

from collections.abc import Iterator, Sequence
import json
import math
import os
import pathlib
import platform
from typing import Any

import numpy as np
from pinpoint_jax.disk import files
from pinpoint_jax.report import svg, tables

from benchmarks import large_gallery_bench
from benchmarks import parts as parts_lib
from benchmarks import targets as targets_lib

_HEAD = '''# Benchmarks, side by side

`make bench` writes this page; {machine}. Peers and ours take turns in
one run, so that a busy machine is busy for both, and only ratios count: × above
1 is ours faster. Busy before are the cores that other jobs used just before a
part began: above {busy:g} times are upper bounds, which can show that a target
is met and cannot show that it is missed. Times in ms, s and minutes are of one
machine: a second one with a processor of the same name took 1.5 times as long
for the same rerankers. What is met here by less than that is missed there.
Ratios are of a processor, too: on a slower AMD EPYC training was .82 × of
PyTorch, on an Intel Xeon with AVX-512 approximate search .44 × of faiss
([search.md](search.md)).

'''
# Cores from which on a time shows nothing against us.
_BUSY, _TIMES = .5, ('ms', 's', 'minutes')
_GROWTH = '''## Cost by the size of the gallery

Synthetic Earth 2 at feature level (synthetic). A query's three lists of 12, CPU
ms, from {low:,} to {high:,} rows on one kind of processor ({processor}): the
{power:.2f}th power of the rows.

![CPU ms of a query by rows, beside a line in proportion to the rows]({plot})

'''
_STYLE = ('<style>text{font:11px sans-serif;fill:#555}path,polyline{fill:none;'
          'stroke:#888}.grid{stroke:#ddd}.c0{stroke:#3a6ea5;stroke-width:2}'
          '.c1{stroke:#999;stroke-dasharray:4 3}'
          'text.c0{stroke:none;fill:#3a6ea5}text.c1{stroke:none}</style>')


def read(path: pathlib.Path) -> Any:
  """A file of JSON; None where there is none."""
  return json.loads(path.read_text()) if path.exists() else None


def target_rows(targets: Sequence[targets_lib.Target], results: dict[str, Any],
                record: dict[str, dict]) -> Iterator[tuple[str, ...]]:
  """A line for each target: what was measured, and whether it is met."""
  for target in targets:
    bound = f'{"≥" if target.at_least else "≤"} {target.bound:g} {target.unit}'
    result = results.get(target.part)
    if result is None:
      yield (str(target.step), target.about, bound, '–', '–', 'not measured',
             '')
      continue
    try:
      figure = float(target.read_fn(result))
    except (KeyError, StopIteration, TypeError) as error:
      yield (str(target.step), target.about, bound, '–', '–', 'not measured',
             f'{target.part} has no {error}'.strip())
      continue
    ratio = target.ratio(figure)
    busy = record.get(target.part, {}).get('busy_before', 0.) > _BUSY
    verdict = ('met' if ratio >= 1 else 'not shown: busy machine'
               if busy and target.unit in _TIMES else '**missed**')
    yield (str(target.step), target.about, bound,
           f'{figure:.3g} {target.unit}'.strip(),
           f'{ratio:.2f}' if figure > 0 else '–', verdict,
           '' if ratio >= 1 else target.reason)


def part_rows(parts: Sequence[parts_lib.Part],
              record: dict[str, dict]) -> Iterator[tuple[str, ...]]:
  """A line for each part: how it ended and what it took."""
  for part in parts:
    one = record.get(part.name, {'ended': 'not run'})
    figure = lambda name, one=one: str(one.get(name, '–'))
    yield (part.name, part.about, one['ended'], f'{part.minutes:g}',
           *map(figure, ('wall_s', 'cpu_s', 'peak_gib', 'busy_before',
                          'processor', 'git')))


def growth_plot(sizes: Sequence[dict]) -> str:
  """CPU ms of a query by rows, and what growth in proportion would be."""
  rows = np.asarray([one['rows'] for one in sizes], float)
  cost = np.asarray([one['one_query_cpu_ms'] for one in sizes], float)
  line = cost[0] * rows / rows[0]
  low, high = (10.**math.floor(math.log10(min(cost.min(), line.min()))),
               10.**math.ceil(math.log10(max(cost.max(), line.max()))))
  frame = svg.Frame(
      svg.Axis('rows of the gallery', float(rows[0]), float(rows[-1]),
               tuple((float(x), f'{x:,.0f}') for x in rows), log=True),
      svg.Axis('CPU ms of a query', low, high, tuple(
          (10.**x, f'{10.**x:g}') for x in range(
              round(math.log10(low)), round(math.log10(high)) + 1)),
               log=True), right=90)
  picture = svg.plot('CPU ms of a query by rows of the gallery', frame, [
      svg.line(frame, rows, line, 'c1'), svg.line(frame, rows, cost, 'c0'),
      *svg.end_labels(frame, [(float(cost[-1]), 'measured', 'c0'),
                              (float(line[-1]), 'in proportion', 'c1')])])
  return picture.replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" ',
                         1).replace('>', f'>{_STYLE}', 1)


def text(parts: Sequence[parts_lib.Part], record: dict[str, dict],
         results: dict[str, Any], plot: str) -> str:
  """The page as Markdown; `plot` is the name of the picture."""
  rows = list(target_rows(targets_lib.TARGETS, results, record))
  met, missed = (sum(row[5] == word for row in rows)
                 for word in ('met', '**missed**'))
  spent = sum(one.get('wall_s', 0) for one in record.values()) / 60
  cores = len(os.sched_getaffinity(0))
  page = _HEAD.format(machine=f'{platform.machine()}, {cores} cores',
                      busy=_BUSY)
  page += (f'{len(rows)} targets: {met} met, {missed} missed, '
           f'{len(rows) - met - missed} not measured or not shown. Parts that '
           f'ran took\n{spent:.0f} minutes; the limits of all add up to '
           f'{sum(part.minutes for part in parts):.0f}.\n\n## Targets\n\n')
  page += tables.grid(('step', 'what', 'target', 'measured',
                       'times as good', '', 'why'), rows)
  sizes = (results.get('large_gallery') or {}).get('sizes', [])
  alike = large_gallery_bench.alike(sizes)
  if len(alike) > 1:
    page += '\n' + _GROWTH.format(
        low=alike[0]['rows'], high=alike[-1]['rows'],
        processor=alike[0]['processor'],
        power=results['large_gallery']['growth'], plot=plot)
    page += tables.grid(
        ('rows', 'raw', 'built, s', 'CPU s', 'verified, s', 'peak GiB',
         'bytes a row', 'index, bytes a row', 'one query ms', 'CPU ms',
         'in a batch, CPU ms', 'recall', 'processor'),
        [(f'{one["rows"]:,}', one['raw'], *(f'{one[name]:.4g}' for name in (
            'built_s', 'built_cpu_s', 'verified_s', 'peak_gib',
            'bytes_per_row', 'index_bytes_per_row', 'one_query_ms',
            'one_query_cpu_ms', 'batch_cpu_ms', 'recall')), one['processor'])
         for one in sizes], 0)
  page += '\n## Parts\n\n' + tables.grid(
      ('part', 'what', 'ended', 'limit, min', 'wall s', 'CPU s', 'peak GiB',
       'busy before, cores', 'processor', 'revision'),
      list(part_rows(parts, record)))
  return page


def write(page: pathlib.Path, out: pathlib.Path,
          parts: Sequence[parts_lib.Part], record: dict[str, dict]) -> None:
  """Writes the page, and the picture beside it."""
  results = {part.name: read(out / f'{part.name}.json') for part in parts
             if record.get(part.name, {}).get('ended') == 'done'}
  plot = page.with_name(f'{page.stem}_growth.svg')
  _put(page, text(parts, record, results, plot.name))
  sizes = large_gallery_bench.alike(
      (results.get('large_gallery') or {}).get('sizes', []))
  if len(sizes) > 1:
    _put(plot, growth_plot(sizes))


def _put(path: pathlib.Path, words: str) -> None:
  path.parent.mkdir(parents=True, exist_ok=True)
  with files.atomic(path) as file:
    file.write(words.encode())
