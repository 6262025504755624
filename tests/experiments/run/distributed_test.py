"""A workdir that some host does not share is refused, and only then."""

import pathlib

from experiments.run import distributed
import jax
from pinpoint_jax.parallel import arrays
import pytest


@pytest.fixture
def two(monkeypatch):
  """As process 1 of two; the other has written to a folder of its own."""
  monkeypatch.setattr(jax, 'process_count', lambda: 2)
  monkeypatch.setattr(jax, 'process_index', lambda: 1)
  monkeypatch.setattr(arrays, 'by_first', lambda decide: 1234)
  monkeypatch.setattr(arrays, 'any_process', lambda flag: flag)
  monkeypatch.setattr(distributed, '_SHARED_SECONDS', 0.0)


@pytest.mark.parametrize('text', [None, '', '77'])
def test_a_folder_of_its_own_is_refused(two, tmp_path, text):
  if text is not None:
    (tmp_path / 'shared.txt').write_text(text)
  with pytest.raises(ValueError, match=f'--workdir={tmp_path}: not every '
                     'process sees the files'):
    distributed.check_shared(tmp_path)


def test_a_shared_folder_passes(two, tmp_path):
  (tmp_path / 'shared.txt').write_text('1234')
  distributed.check_shared(tmp_path)


def test_one_process_writes_nothing(tmp_path):
  distributed.check_shared(pathlib.Path(tmp_path))
  assert not list(tmp_path.iterdir())
