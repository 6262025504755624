"""What processes agree on, and parts that they compute: three real ones."""

import numpy as np
from pinpoint_jax.parallel import processes
import pytest

from tests.fixtures import processes as children
from tests.fixtures import tiny_training

_PROCESS = '''
import contextlib, pathlib
import numpy as np
from pinpoint_jax.parallel import processes
me, folder = jax.process_index(), pathlib.Path(sys.argv[1])
def refuse(*_):
  raise OSError(f'{me} refuses')
def said(work):
  try:
    return work()
  except (OSError, ValueError) as error:
    return str(error)
print(processes.any_process(me == 1, False))
print(processes.by_first(lambda: 7 + me), said(lambda: processes.by_first(
    refuse)))
print(said(lambda: processes.together(refuse if me == 2 else lambda: me)))
def one_writes():
  with contextlib.suppress(FileNotFoundError):
    return 'found ' + (folder / 'one').read_text()
  (folder / 'one').write_text(str(me))
  return 'made'
print(processes.first_then_all(one_writes))
shared = processes.from_first({'a': np.array([.1 + me]), 'b': np.int64(me)})
print(shared['a'][0].item(), shared['b'].item())
@contextlib.contextmanager
def held():
  print('held by', me)
  yield
with processes.held_by_first(held()):
  # 2**40 and a hundredth: neither outlives 32 bits.
  numbers, sizes = 2**40 + np.arange(10).reshape(5, 2), []
  def compute(at):
    sizes.append(at.stop - at.start)
    return numbers[at] + me * 0
  for given in (numbers, numbers / 100):
    joined = processes.in_parts(lambda at: compute(at) * 0 + given[at], 5)
    assert joined.dtype == given.dtype and (joined == given).all(), joined
  print(sizes, processes.in_parts(lambda at: np.full(1, 5, 'u1'), 1))
'''


@pytest.mark.slow
def test_three_processes_are_of_one_mind(tmp_path):
  ended = children.ended(children.start_script(
      3, _PROCESS, str(tmp_path), env=tiny_training.environment()))
  for index, (code, said, errors) in enumerate(ended):
    assert code == 0, errors
    first, third = index == 0, index == 2
    assert said.splitlines() == [
        '(True, False)',
        '7 ' + ('0 refuses' if first else
                'process 0 could not go on: its own error says why'),
        '2 refuses' if third else
        'another process could not go on: its own error says why',
        'made' if first else 'found 0',
        '0.1 0', *(['held by 0'] if first else []), '[2, 2] [5]']


def test_one_process_asks_itself():
  assert processes.any_process(True, False) == (True, False)
  assert processes.by_first(lambda: 3) == 3
  assert processes.first_then_all(lambda: 'x') == 'x'
  assert processes.together(lambda: 'x') == 'x'
  rows = np.arange(5)
  assert (processes.in_parts(lambda at: rows[at], 5) == rows).all()


def test_lines_of_gloo_are_dropped_though_its_threads_mix_them():
  line = ('[Gloo] Rank {} is connected to 3 peer ranks. '
          'Expected number of connected peer ranks is : 3')
  mixed = line.format('[Gloo] Rank 10').replace(
      ' is connected', ' is connected to  is connected', 1)
  for gloo in (line.format(0) + '\n', mixed + '3\n\n',
               '[Gloo] Rank [Gloo] Rank 1\n is connected to 3 peer ranks. '
               'Expected number of connected peer ranks is : 3\n'):
    assert children.without_gloo(gloo) == ''
    assert children.without_gloo(f'a\n{gloo}step 4/9\n') == 'a\nstep 4/9\n'
  assert children.without_gloo('[Gloo] Rank step 4/9\n') == 'step 4/9\n'
