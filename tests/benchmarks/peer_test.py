"""The other side of a comparison answers line by line."""

import sys

import pytest

from benchmarks import peer

ECHO = """
import sys
print('ready', sys.argv[1], flush=True)
for line in sys.stdin:
  if line == 'end\\n':
    break
  print('heard', line, end='', flush=True)
"""


@pytest.fixture
def echo(tmp_path, monkeypatch):
  monkeypatch.setattr(peer, 'SCRIPTS', tmp_path)
  (tmp_path / 'echo.py').write_text(ECHO)
  return 'echo.py'


def test_it_speaks_first_then_a_line_for_a_line(echo):
  with peer.asked(sys.executable, echo, 'a_word') as ask:
    assert ask() == 'ready a_word'
    assert [ask('one'), ask('two')] == ['heard one', 'heard two']


def test_one_that_stops_is_named(echo):
  with peer.asked(sys.executable, echo, 'a_word') as ask:
    ask()
    with pytest.raises(RuntimeError, match=f'echo.py stopped; run it with '
                       f'{sys.executable}'):
      ask('end')


def test_a_peer_takes_the_kernels_that_numpy_takes(monkeypatch):
  libraries = [{'internal_api': 'openmp', 'architecture': None},
               {'internal_api': 'openblas', 'architecture': 'SkylakeX'}]
  monkeypatch.setattr(peer.threadpoolctl, 'threadpool_info',
                      lambda: libraries)
  monkeypatch.setenv('KEPT', 'yes')
  environment = peer.environment()
  assert (environment['OPENBLAS_CORETYPE'], environment['KEPT']) == (
      'SkylakeX', 'yes')
  libraries.pop()
  monkeypatch.delenv('OPENBLAS_CORETYPE', raising=False)
  assert 'OPENBLAS_CORETYPE' not in peer.environment()
