"""Prints test lines ÷ source lines and fails below the house's floor."""

import pathlib
import sys

FLOOR = 0.65
ROOT = pathlib.Path(__file__).resolve().parent.parent


def count(*folders: str) -> int:
  """Non-blank lines of Python below `folders`."""
  files = [f for folder in folders for f in (ROOT / folder).rglob('*.py')]
  return sum(bool(line.strip()) for f in files
             for line in f.read_text().splitlines())


def main() -> None:
  """Counts, prints, judges."""
  tests = count('tests')
  source = count('pinpoint_jax', 'input_pipeline', 'experiments')
  ratio = tests / source
  print(f'test lines ÷ source lines: {tests} ÷ {source} = {ratio:.2f} '
        f'(floor {FLOOR}'
        f'{", NOT reached" if ratio < FLOOR else ""})')
  sys.exit(ratio < FLOOR)


if __name__ == '__main__':
  main()
