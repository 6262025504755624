"""Inserts, deletes and searches 4:4:1 in children that are killed at random.

  python -m tests.retrieval.living_loop FOLDER

Every step may be taken again: a new child goes through all of them from the
first. Leaves FOLDER/g and the ids that must be in it, FOLDER/left.txt.
"""

import os
import pathlib
import random
import signal
import sys
import time

import numpy as np
from pinpoint_jax.geo import places
from pinpoint_jax.retrieval import gallery as galleries
from pinpoint_jax.retrieval import living

from tests.retrieval import tiny_gallery as tiny

ROUNDS, KILLS = 2, 4


def plan() -> tuple[list[tuple[str, list[str]]], list[str]]:
  """Steps, and the ids that are left after them."""
  chance, left, steps = random.Random(0), [], []
  for number in range(4 * ROUNDS):
    added = tiny.names(f'r{number}_', 6)
    steps.append(('insert', added))
    left += added
    gone = chance.sample(left, 3)
    steps.append(('delete', gone))
    left = [name for name in left if name not in gone]
    if number % 4 == 3:
      steps.append(('search', sorted(left)))
  return steps, left


def run(path: pathlib.Path) -> None:
  """All steps, those taken before in no time; searches what is new."""
  acted = False
  for step, ids in plan()[0]:
    if step == 'search':
      if acted:
        found = tiny.search(galleries.open_gallery(path))
        assert {i for names, _ in found for i in names} <= set(ids)
    else:
      acted = insert(path, ids) if step == 'insert' else delete(path, ids)


def insert(path: pathlib.Path, ids: list[str]) -> bool:
  """Adds the store with those ids, unless it is there."""
  store = path.parent / 'stores' / ids[0]
  if not (path / 'manifest.json').exists():
    tiny.build(path, [store])
    return True
  if (galleries.open_gallery(path).find(np.array(ids)) >= 0).all():
    return False
  tiny.add(path, [store])
  return True


def delete(path: pathlib.Path, ids: list[str]) -> bool:
  """Takes them down, unless they are."""
  return living.remove(path, np.array(ids)).num_removed > 0


def main(folder: pathlib.Path) -> None:
  """Kills some children, and lets the next one end."""
  steps, left = plan()
  (folder / 'left.txt').write_text('\n'.join(left))
  for step, ids in steps:
    if step == 'insert':
      tiny.make_store(folder / 'stores' / ids[0], ids)
  places.lookup(np.zeros((1, 2)))
  chance, killed = random.Random(1), 0
  while True:
    child = os.fork()
    if not child:
      sys.stderr = open(os.devnull, 'w')
      run(folder / 'g')
      os._exit(0)
    if killed < KILLS:
      time.sleep(chance.uniform(.2, 1.5))
      os.kill(child, signal.SIGKILL)
      killed += 1
    _, status = os.waitpid(child, 0)
    if status == 0:
      break
    assert status == signal.SIGKILL, status
  print(f'killed {killed} times; {len(steps)} steps')


if __name__ == '__main__':
  main(pathlib.Path(sys.argv[1]))
