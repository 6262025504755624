r"""Flips one bit of one artefact, runs a binary that reads it, and judges.

  python -m tests.flips.bit_flips --num=200 --seed=0    (make flips)
  python -m tests.flips.bit_flips --seed=0 --only=17 --all
                                      one flip, every reader

The flips take turns over the kinds of files; a quarter of them hit the first
256 bytes, where headers are. Of the binaries that read the file each flip gets
verify, where that is one of them, and another one by chance; with --all it
gets every one. Each run works on a fresh copy of all artefacts at the same
path: whatever differs from the clean run is the bit's doing.

  refused    exit code 1 or 2, one `error:` line that names the file or its
             folder
  harmless   exit code 0, and what is left behind equals the clean run's; a
             damaged file that was not used may lie there as before
  silent     exit code 0, and something differs; or verify calls it sound
  unnamed    refused, but not in one line, or the line names neither
  traceback  a traceback, a signal, another exit code, or no end in 5 minutes

Exit code 1 where anything is silent, unnamed or a traceback.
"""

import argparse
import collections
from collections.abc import Iterator, Sequence
import dataclasses
import fnmatch
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time

# Before jax is imported. One thread, or the parent could not be forked.
os.environ['JAX_PLATFORMS'] = 'cpu'
os.environ['JAX_NUM_CPU_DEVICES'] = '1'
os.environ['OPENBLAS_NUM_THREADS'] = '1'

import jax

from tests.flips import artefacts, forked_runs

GOOD, BAD = ('refused', 'harmless'), ('silent', 'unnamed', 'traceback')
# Kind of file by the first pattern that fits its path in the world.
KINDS = (('stores/*/manifest.json', 'store manifest'),
         ('stores/queries/*', 'query store'),
         ('stores/*', 'training store'),
         ('*/manifest.json', 'gallery manifest'),
         ('*/segments/*', 'gallery segment'),
         ('*/removed-*', 'deleted rows'),
         ('*/neighbours/*', 'neighbour lists'),
         ('*/index/*', 'index'),
         ('embedder/*', 'model'), ('full/*', 'model'), ('light/*', 'model'),
         ('*', 'other'))
_HEAD = 256


@dataclasses.dataclass(frozen=True)
class Flip:
  """One bit of one file, and who reads the file.

  Attributes:
    number: of the flip; with the seed it is all there is to know.
    name: of the file, relative to the world.
    kind: of the file, as KINDS calls it.
    byte: from the file's beginning.
    bit: 0 is the lowest.
    consumers: to run.
  """

  number: int
  name: str
  kind: str
  byte: int
  bit: int
  consumers: tuple[str, ...]

  def __str__(self) -> str:
    return f'{self.name} byte {self.byte} bit {self.bit}'


@dataclasses.dataclass(frozen=True)
class Verdict:
  """What one consumer made of one flip."""

  flip: Flip
  consumer: str
  outcome: str
  why: str
  seconds: float


class Bench:
  """A clean world, and a fresh copy of it for every run.

  Attributes:
    clean: the artefacts as they were made.
    left: by consumer, what it leaves behind in a clean world.
  """

  def __init__(self, folder: pathlib.Path) -> None:
    self.clean = folder / 'clean'
    self._world, self._out = folder / 'world', folder / 'out'
    self._said = folder / 'said'
    self.left: dict[str, artefacts.Left] = {}
    artefacts.make(self.clean, folder / 'scratch')

  def learn(self, consumers: Sequence[str]) -> None:
    """Runs each twice on clean files; refuses one that does not repeat."""
    for name in consumers:
      lefts = []
      for _ in range(2):
        done = self._run(name, None)
        if done.code:
          raise RuntimeError(f'{name} ended with {done.code} on clean files:\n'
                             f'{done.stderr}')
        lefts.append(self._left(name))
      if lefts[0] != lefts[1]:
        raise RuntimeError(f'{name} differs from run to run on clean files: '
                           f'{_differing(*lefts)}')
      self.left[name] = lefts[0]

  def judge(self, flip: Flip, name: str) -> Verdict:
    """Runs one consumer on a copy with the bit flipped."""
    done = self._run(name, flip)
    outcome, why = self._outcome(flip, name, done)
    return Verdict(flip, name, outcome, why, done.seconds)

  def _run(self, name: str, flip: Flip | None) -> forked_runs.Done:
    for folder in (self._world, self._out):
      shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(self.clean, self._world)
    if flip is not None:
      path = self._world / flip.name
      path.write_bytes(flipped(path.read_bytes(), flip))
    consumer = artefacts.CONSUMERS[name]
    return forked_runs.run(
        consumer.module, consumer.words(self._world, self._out), self._said)

  def _left(self, name: str) -> artefacts.Left:
    return artefacts.CONSUMERS[name].left(self._world, self._out)

  def _outcome(self, flip: Flip, name: str,
               done: forked_runs.Done) -> tuple[str, str]:
    said = done.stderr.strip().splitlines() or ['nothing on stderr']
    if 'Traceback' in done.stderr or done.code not in (0, 1, 2):
      return 'traceback', f'exit code {done.code}: {said[-1]}'
    if done.code:
      return self._refusal(flip, said)
    if name in artefacts.VERIFIED:
      return 'silent', done.stdout.strip().replace(str(self._world), '')
    try:
      left = self._left(name) | self._kept(flip, name)
    except (OSError, ValueError, KeyError, TypeError) as error:
      return 'silent', f'what it left cannot be read: {error}'
    differing = _differing(self.left[name], left)
    return ('silent', f'differs: {differing}') if differing else (
        'harmless', '')

  def _refusal(self, flip: Flip, said: Sequence[str]) -> tuple[str, str]:
    errors = [line for line in said if line.startswith('error:')]
    if len(errors) != 1:
      return 'unnamed', f'{len(errors)} error lines: {said[-1]}'
    names = (str(self._world / flip.name), pathlib.Path(flip.name).name,
             str(self._world / artefacts.root_of(flip.name)))
    line = errors[0].replace(f'{self._world}/', '')
    named = any(name in errors[0] for name in names)
    return 'refused' if named else 'unnamed', line

  def _kept(self, flip: Flip, name: str) -> artefacts.Left:
    """The damaged file counts as clean where it lies there as it was."""
    gallery, _, inner = flip.name.partition('/')
    before = self.left[name]
    if (name not in artefacts.CHANGES or gallery != 'gallery'
        or inner not in before):
      return {}
    path = self._world / flip.name
    damaged = flipped((self.clean / flip.name).read_bytes(), flip)
    same = path.exists() and path.read_bytes() == damaged
    return {inner: before[inner]} if same else {}


def flipped(data: bytes, flip: Flip) -> bytes:
  """The bytes of a file with that bit the other way."""
  changed = bytearray(data)
  changed[flip.byte] ^= 1 << flip.bit
  return bytes(changed)


def _differing(left: artefacts.Left, right: artefacts.Left) -> str:
  names = [name for name in sorted({*left, *right})
           if left.get(name) != right.get(name)]
  return ', '.join(names[:3]) + (', …' if len(names) > 3 else '')


def flips(clean: pathlib.Path, numbers: Sequence[int], seed: int,
          every: bool) -> Iterator[Flip]:
  """The flips of these numbers, each drawn for itself."""
  by_kind: dict[str, list[str]] = {}
  for path in sorted(clean.rglob('*')):
    name = str(path.relative_to(clean))
    if (path.is_file() and path.stat().st_size and artefacts.readers(name)
        and path.name not in artefacts.RECORDS):
      by_kind.setdefault(kind_of(name), []).append(name)
  kinds = sorted(by_kind)
  for number in numbers:
    rng = random.Random(f'{seed}/{number}')
    kind = kinds[number % len(kinds)]
    name = rng.choice(by_kind[kind])
    size = (clean / name).stat().st_size
    byte = rng.randrange(min(size, _HEAD) if rng.random() < .25 else size)
    bit, consumers = rng.randrange(8), artefacts.readers(name)
    if not every:
      chosen = rng.choice([name for name in consumers
                           if name not in artefacts.VERIFIED])
      consumers = tuple(name for name in consumers
                        if name == chosen or name in artefacts.VERIFIED)
    yield Flip(number, name, kind, byte, bit, consumers)


def kind_of(name: str) -> str:
  """Kind of a file, by its path in the world."""
  return next(kind for pattern, kind in KINDS
              if fnmatch.fnmatchcase(name, pattern))


def table(verdicts: Sequence[Verdict], column: str) -> str:
  """How often each outcome occurred, by consumer or by kind of file."""
  counts = collections.Counter(
      (_row(verdict, column), verdict.outcome) for verdict in verdicts)
  rows = [*sorted({row for row, _ in counts}), 'total']
  for (_, outcome), count in list(counts.items()):
    counts['total', outcome] += count
  width = max(map(len, rows)) + 2
  lines = [column.ljust(width) + ''.join(f'{o:>11}' for o in (*GOOD, *BAD))]
  lines += [row.ljust(width) + ''.join(
      f'{counts[row, outcome]:>11}' for outcome in (*GOOD, *BAD))
            for row in rows]
  return '\n'.join(lines)


def _row(verdict: Verdict, column: str) -> str:
  return (verdict.consumer if column == 'consumer' else verdict.flip.kind)


def main() -> None:
  """Makes the artefacts, flips, judges, prints."""
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
  parser.add_argument('--num', type=int, default=200, help='How many flips.')
  parser.add_argument('--seed', type=int, default=0, help='Of the flips.')
  parser.add_argument('--only', type=int, help='This flip alone.')
  parser.add_argument('--all', action='store_true',
                      help='Run every reader of the file.')
  flags = parser.parse_args()
  numbers = range(flags.num) if flags.only is None else [flags.only]
  forked_runs.warm(artefacts.MODULES)
  with tempfile.TemporaryDirectory(prefix='bit_flips_') as folder:
    verdicts = _all(pathlib.Path(folder), numbers, flags.seed, flags.all)
  bad = [verdict for verdict in verdicts if verdict.outcome in BAD]
  for verdict in bad:
    print(f'{verdict.outcome}: flip {verdict.flip.number}, '
          f'{verdict.consumer}, {verdict.flip}: {verdict.why}')
  print(f'\n{table(verdicts, "consumer")}\n\n{table(verdicts, "file")}')
  sys.exit(bool(bad))


def _all(folder: pathlib.Path, numbers: Sequence[int], seed: int,
         every: bool) -> list[Verdict]:
  # Each run loads what the first of its kind has compiled.
  jax.config.update('jax_compilation_cache_dir', str(folder / 'compiled'))
  jax.config.update('jax_persistent_cache_min_compile_time_secs', 0)
  begun = time.monotonic()
  bench = Bench(folder)
  drawn = list(flips(bench.clean, numbers, seed, every))
  bench.learn(sorted({name for flip in drawn for name in flip.consumers}))
  print(f'artefacts and clean runs: {time.monotonic() - begun:.0f} s',
        flush=True)
  verdicts = []
  for flip in drawn:
    for name in flip.consumers:
      verdict = bench.judge(flip, name)
      print(f'{flip.number:4} {verdict.outcome:9} {name:21} {flip}  '
            f'({verdict.seconds:.1f} s)', flush=True)
      verdicts.append(verdict)
  print(f'{len(verdicts)} runs in {time.monotonic() - begun:.0f} s\n')
  return verdicts


if __name__ == '__main__':
  main()
