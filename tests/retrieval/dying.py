"""Takes down and compacts in children that die at their n-th file operation.

  python -m tests.retrieval.dying GALLERY WORK STRIDE

After every death GALLERY's copy is the old gallery or the new one, whole, and
the same operation ends well. Prints how many deaths each operation had.
"""

import os
import pathlib
import shutil
import signal
import sys

import numpy as np
from pinpoint_jax.geo import places
from pinpoint_jax.retrieval import gallery as galleries
from pinpoint_jax.retrieval import gallery_files as files
from pinpoint_jax.retrieval import gallery_verify, living

_EVENTS = ('open', 'os.rename', 'os.remove', 'os.mkdir', 'os.rmdir',
           'shutil.rmtree')
OPERATIONS = {'remove': lambda path: living.remove(path, np.array(['p5'])),
              'compact': living.compact}


def die_at(number: int, path: pathlib.Path) -> None:
  """From now on the n-th operation on a file in `path` is the last."""
  left = [number]

  def hook(event: str, args: tuple) -> None:
    if event in _EVENTS and (str(path) in str(args[0])
                             or event in ('os.remove', 'os.rmdir')):
      left[0] -= 1
      if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
  sys.addaudithook(hook)


def survives(operation, path: pathlib.Path, number: int) -> bool:
  """Runs it in a child; whether the child lived to its end."""
  child = os.fork()
  if not child:
    sys.stderr = open(os.devnull, 'w')
    die_at(number, path)
    operation(path)
    os._exit(0)
  _, status = os.waitpid(child, 0)
  assert status in (0, signal.SIGKILL), status
  return status == 0


def check(path: pathlib.Path, expected: set[str]) -> str:
  """Fingerprint of a gallery that is whole and one of the expected."""
  found = galleries.open_gallery(path)
  gallery_verify.check_sums(found)
  assert found.fingerprint() in expected
  return found.fingerprint()


def main(gallery: pathlib.Path, work: pathlib.Path, stride: int) -> None:
  """Each operation, dying ever later by `stride`, until it lives."""
  places.lookup(np.zeros((1, 2)))  # Once, for all children.
  sys.stderr = open(os.devnull, 'w')
  for name, operation in OPERATIONS.items():
    before = files.fingerprint(files.read_manifest(gallery))
    shutil.copytree(gallery, work)
    operation(work)
    after = files.fingerprint(files.read_manifest(work))
    number, deaths, seen = 1, 0, set()
    while True:
      shutil.rmtree(work)
      shutil.copytree(gallery, work)
      lived = survives(operation, work, number)
      seen.add(check(work, {before, after}))
      if lived:
        break
      number, deaths = number + stride, deaths + 1
    assert seen == {before, after}
    operation(work)
    check(work, {after})
    assert not files.leftovers(work, files.read_manifest(work))
    shutil.rmtree(work)
    print(f'{name} {deaths}')
    operation(gallery)


if __name__ == '__main__':
  main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3]))
