"""The command: exports, says how much, refuses in one line."""

import importlib.util

from experiments import export_gallery
from experiments.run import launch
import pytest

from tests.fixtures import tiny_gallery

HAS_CLIENT = importlib.util.find_spec('qdrant_client') is not None
needs_client = pytest.mark.skipif(
    not HAS_CLIENT, reason='pinpoint_jax[qdrant] is not installed')


@pytest.fixture(scope='module')
def gallery(tmp_path_factory):
  folder = tmp_path_factory.mktemp('gallery')
  tiny_gallery.build(folder / 'g', [tiny_gallery.make_store(
      folder / 'a', tiny_gallery.names('a', 20))])
  return folder / 'g'


@pytest.fixture(autouse=True)
def signals(monkeypatch):
  """Those of the process that tests are left as they are."""
  monkeypatch.setattr(launch, 'exit_on_signals', lambda advice: None)


def export(gallery, at, to='qdrant'):
  export_gallery.main(launch.Run(None, {
      'gallery': str(gallery), 'to': to, 'at': str(at), 'collection': 'c',
      'raw': True}, None))


def test_a_server_that_is_not_there_is_one_line(binary, gallery):
  done = binary('export_gallery', f'--gallery={gallery}', '--to=qdrant',
                '--at=http://localhost:9')
  assert done.returncode == 1
  assert done.stderr.startswith(
      'error: Qdrant at http://localhost:9: ' if HAS_CLIENT else
      'error: this needs qdrant_client: pip install "pinpoint_jax[qdrant]"')
  assert done.stderr.count('\n') == 1, done.stderr


def test_where_it_cannot_go(gallery, tmp_path):
  with pytest.raises(ValueError, match=r"--to=milvus: choices are \('qdrant'"):
    export(gallery, tmp_path, 'milvus')
  (tmp_path / 'file').touch()
  with pytest.raises(ValueError, match='--at=.*file is a file'):
    export(gallery, tmp_path / 'file')


@needs_client
def test_into_a_folder_and_again(gallery, tmp_path, capsys):
  for num_written in (20, 0):
    export(gallery, tmp_path / 'q')
    assert (f"20 points in collection 'c' at {tmp_path / 'q'}: {num_written} "
            'written now, 20 read back') in capsys.readouterr().out


@needs_client
def test_a_folder_in_use_is_refused(gallery, tmp_path):
  from pinpoint_jax.gallery import qdrant
  with qdrant.connected(str(tmp_path / 'q')):
    with pytest.raises(OSError, match='Qdrant at .*already accessed'):
      export(gallery, tmp_path / 'q')
