"""The command that tunes indices, on a small gallery."""

from experiments import tune_index
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import indexes, writer
from pinpoint_jax.models import embedder_files
from pinpoint_jax.search import ann_engines
import pytest

from tests.fixtures import tiny_gallery as tiny

pytestmark = pytest.mark.slow

def test_tunes_every_index_and_keeps_what_it_found(binary, tmp_path):
  trained = tiny.trained()
  embedder_files.save(tmp_path / 'model', trained.model, trained.params,
                      trained.inputs, 'card')
  store = tiny.make_store(tmp_path / 's', tiny.names('p', 60))
  writer.build(tmp_path / 'g', embedder_files.load(tmp_path / 'model'),
               [store], tiny.SETTINGS, encoder=tiny.encoder())
  indexes.build(tmp_path / 'g', smallest=10, report_fn=str)
  words = ('--recall=0.9', '--k=5', '--num_queries=20')
  done = binary('tune_index', f'--gallery={tmp_path / "g"}', *words)
  assert done.returncode == 0, done.stderr
  assert done.stdout.count('<- kept') == 3
  indices = indexes.load(galleries.open_gallery(tmp_path / 'g'))
  assert len(indices) == 3
  for index in indices.values():
    assert index.tuning['reason'] in done.stdout
    assert index.tuning['engines']['scann']['recall'] >= 0.9
  queries = tiny.make_store(tmp_path / 'q', tiny.names('q', 30), 'street')
  done = binary('tune_index', f'--gallery={tmp_path / "g"}', *words,
                f'--queries={queries}', f'--model={tmp_path / "model"}')
  assert done.returncode == 0, done.stderr


def test_refuses_a_gallery_without_an_index(binary, tmp_path):
  store = tiny.make_store(tmp_path / 's', tiny.names('p', 9))
  tiny.build(tmp_path / 'g', [store])
  done = binary('tune_index', f'--gallery={tmp_path / "g"}')
  assert done.returncode == 1
  assert 'has no index; small galleries are searched' in done.stderr
  done = binary('tune_index', f'--gallery={tmp_path / "g"}', '--queries=x')
  assert 'belong together' in done.stderr


def test_refuses_an_engine_that_does_not_exist():
  with pytest.raises(ValueError, match="engine 'annoy': choices are"):
    tune_index._engines('scann, annoy')
  assert tune_index._engines('') == ann_engines.installed()
