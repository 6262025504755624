"""The items of a sweep as a list, and their figures as one table."""

import collections
import difflib
import json
import math
import pathlib
from typing import Any

from experiments.run import config_file, run_record
from experiments.sweeps import items as sweep_items
from experiments.sweeps import states as sweep_states
from pinpoint_jax.disk import files
from pinpoint_jax.report import tables

Row = dict[str, Any]


def listing(items: list[sweep_items.Item], binary: str) -> str:
  """One line per item and one that counts the states."""
  states = [sweep_states.state(item) for item in items]
  lines = [f'{item.index:>5}  {state:<8}  {item.folder.name}  '
           + ' '.join(f'{k}={v!r}' for k, v in item.overrides.items())
           for item, state in zip(items, states)]
  counts = collections.Counter(states)
  lines.append(f'{len(items)} items of {binary}: '
               + ', '.join(f'{counts[name]} {name}' for name in counts))
  return '\n'.join([*lines, *_notes(items)])


def collect(items: list[sweep_items.Item], workdir: pathlib.Path,
            sort: str = '') -> str:
  """Writes table.json, .csv and .md; returns the text to print.

  sort: the figure whose largest comes first, after a minus the smallest; items
  without it come last.
  """
  items, rows = _sorted(items, [_row(item) for item in items], sort)
  run_record.write_json(workdir / 'table.json', rows)
  head, body = _grid(items, rows)
  text = tables.grid(head, body)
  files.write_csv(workdir / 'table.csv', [head, *body])
  with files.atomic(workdir / 'table.md') as file:
    file.write(text.encode())
  missing = [f'{row["index"]} ({row["state"]})' for row in rows
             if row['state'] != 'done']
  lines = [f'{len(missing)} of {len(rows)} items are missing'
           + (f': {", ".join(missing)}' if missing else '')]
  revisions = {row['git'] for row in rows if row['state'] == 'done'}
  if len(revisions) > 1:
    lines.append(f'note: the figures come from several revisions of the code, '
                 f'{", ".join(sorted(revisions))}')
  return '\n'.join([text, *lines, *_notes(items),
                    f'written to {workdir}/table.json, .csv, .md'])


def _sorted(items: list[sweep_items.Item], rows: list[Row], sort: str,
            ) -> tuple[list[sweep_items.Item], list[Row]]:
  """Both in the order of a figure."""
  if not sort:
    return items, rows
  name = sort.removeprefix('-')
  known = sorted({key for row in rows for key in row['figures']})
  if name not in known:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    raise ValueError(f'--sort={sort}: no item that is done has such a figure; '
                     + (f'did you mean {close[0]!r}?' if close else
                        'none is done yet'))
  sign = 1 if sort.startswith('-') else -1
  def place(pair: tuple[sweep_items.Item, Row]) -> tuple[bool, float]:
    value = pair[1]['figures'].get(name)
    return value is None, sign * (value or 0.0)
  ordered = sorted(zip(items, rows), key=place)
  return [item for item, _ in ordered], [row for _, row in ordered]


def _notes(items: list[sweep_items.Item]) -> list[str]:
  return [f'note: the sweep has no item of the folder {name}'
          for name in sweep_items.strays(items)]


def _row(item: sweep_items.Item) -> Row:
  state = sweep_states.state(item)
  row = {'index': item.index, 'name': item.folder.name, 'state': state,
         'config_hash': item.config_hash, 'overrides': item.overrides}
  if state != 'done':
    return row | {'git': None, 'figures': {}}
  record = json.loads((item.folder / 'run.json').read_text(encoding='utf-8'))
  return row | {'git': record['git'], 'figures': _figures(item)}


def _figures(item: sweep_items.Item) -> dict[str, int | float]:
  path = item.folder / sweep_states.FIGURES
  try:
    figures = json.loads(path.read_text(encoding='utf-8'))
    good = isinstance(figures, dict) and all(
        type(v) in (int, float) and math.isfinite(v) for v in figures.values())
  except ValueError:
    good = False
  if not good:
    raise ValueError(f'{path}: not one table of names and finite numbers; '
                     f'--index={item.index} --again writes it again')
  return figures


def _grid(items: list[sweep_items.Item],
          rows: list[Row]) -> tuple[list[str], list[list[Any]]]:
  """Head and cells; a key that an item leaves alone shows its config's."""
  keys = list(dict.fromkeys(key for row in rows for key in row['overrides']))
  names = list(dict.fromkeys(name for row in rows for name in row['figures']))
  head = ['index', 'state', *(f'config.{key}' for key in keys), *names]
  body = []
  for item, row in zip(items, rows):
    leaves = config_file.flatten(item.config)
    body.append([row['index'], row['state'], *(leaves[key] for key in keys),
                 *(row['figures'].get(name, '') for name in names)])
  return head, body
