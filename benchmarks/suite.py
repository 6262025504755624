r"""Every benchmark, one after the other, and the page of what came out.

  python -m benchmarks.suite --out=benchmarks/results/suite \
    --page=docs/results/benchmarks.md \
    --search_python=.venv-peers/bin/python \
    --torch_python=.venv-parity/bin/python

Each part (parts.py) runs in a process of its own and is ended when its minutes
are over. OUT/record.json says how each ended; run again, the command goes on
with what is not done. --only=NAME,NAME runs some; --again runs what is done,
too. Without a peer's python the parts that need it are left out, and said to
be. The page lists every target (targets.py) with what was measured, met or not.
"""

import argparse
from collections.abc import Sequence
import pathlib
import sys
import time

from experiments.run import run_record

from benchmarks import parts, stages, suite_page


def command(part: parts.Part, python: str, out: pathlib.Path) -> list[str]:
  """What is run for a part."""
  peer = [f'--peer_python={python}'] if part.peer else []
  return [sys.executable, '-m', f'benchmarks.{part.module}', *part.args, *peer,
          f'--out={out / part.name}.json']


def wanted(part: parts.Part, before: dict | None, only: Sequence[str],
           again: bool) -> bool:
  """Whether a part is to be run: named, and not done with the same words."""
  if only and part.name not in only:
    return False
  done = before is not None and before['ended'] == 'done' and (
      before['args'] == list(part.args))
  return again or not done


def run_part(part: parts.Part, python: str, out: pathlib.Path) -> dict:
  """Runs one part; what the record says of it."""
  busy = stages.busy_cores()
  took = stages.run(command(part, python, out), 60 * part.minutes,
                    out / 'logs' / f'{part.name}.txt')
  return took | dict(
      args=list(part.args), busy_before=round(busy, 1),
      processor=stages.processor(), git=run_record.git_revision(),
      date=time.strftime('%Y-%m-%d'))


def run(chosen: Sequence[parts.Part], pythons: dict[str, str],
        out: pathlib.Path, only: Sequence[str], again: bool,
        minutes: float = parts.LIMIT_MINUTES) -> dict:
  """Runs what is wanted while there is time; the record of all parts."""
  out.mkdir(parents=True, exist_ok=True)
  path, begun = out / 'record.json', time.monotonic()
  record = suite_page.read(path) or {}
  for part in chosen:
    if not wanted(part, record.get(part.name), only, again):
      continue
    left = minutes - (time.monotonic() - begun) / 60
    if part.peer and not pythons[part.peer]:
      record[part.name] = dict(ended=f'left out: no --{part.peer}_python')
    elif left < part.minutes:
      record[part.name] = dict(ended=f'left out: {left:.0f} minutes were left')
    else:
      print(f'{part.name}: {part.about}, at most {part.minutes:g} minutes …',
            flush=True)
      record[part.name] = run_part(part, pythons.get(part.peer, ''), out)
    print(f'{part.name}: {record[part.name]["ended"]}', flush=True)
    run_record.write_json(path, record)
  return record


def main() -> None:
  """Runs the parts, writes the page; exit code 1 where a part failed."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--out', type=pathlib.Path, required=True)
  parser.add_argument('--page', type=pathlib.Path)
  parser.add_argument('--search_python', default='')
  parser.add_argument('--torch_python', default='')
  parser.add_argument('--only', default='')
  parser.add_argument('--again', action='store_true')
  args = parser.parse_args()
  only = [name for name in args.only.split(',') if name]
  unknown = set(only) - {part.name for part in parts.PARTS}
  if unknown:
    parser.error(f'--only names {sorted(unknown)}: choices are '
                 f'{", ".join(part.name for part in parts.PARTS)}')
  pythons = {'search': args.search_python, 'torch': args.torch_python}
  record = run(parts.PARTS, pythons, args.out, only, args.again)
  if args.page:
    suite_page.write(args.page, args.out, parts.PARTS, record)
  failed = [name for name, one in record.items()
            if one['ended'] in ('failed', 'out of time')]
  if failed:
    sys.exit(f'not done: {", ".join(failed)}; read {args.out / "logs"}, then '
             f'run this again')


if __name__ == '__main__':
  main()
