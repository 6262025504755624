"""Two processes that evaluate together write what one process writes."""

import json
import sys

from experiments import evaluate as evaluation_binary
from experiments.configs import evaluate as configs
import pytest

from tests.fixtures import processes, tiny_training
from tests.fixtures import tiny_gallery as tiny

pytestmark = pytest.mark.slow
_FUSION = '8,6,8'


@pytest.fixture(scope='module')
def parts(tmp_path_factory):
  """A model, a gallery of both sources, a query set."""
  folder = tmp_path_factory.mktemp('parts')
  tiny.saved_with_gallery(folder)
  tiny.make_store(folder / 'q', tiny.names('q', 30))
  return folder


def together(parts, workdir):
  """(exit code, output, errors) of each process."""
  return processes.ended(processes.start(
      2, lambda coordinator, index: [
          sys.executable, '-m', 'experiments.evaluate',
          '--config=experiments/configs/evaluate.py:quick',
          f'--workdir={workdir}', f'--config.model={parts / "model"}',
          f'--config.gallery={parts / "g"}',
          f'--config.queries={parts / "q"}',
          f'--config.fusion.photo={_FUSION}',
          '--config.distributed.num_processes=2',
          f'--config.distributed.coordinator={coordinator}',
          f'--config.distributed.process_id={index}'],
      tiny_training.environment()))


def figures(workdir):
  rows = json.loads((workdir / 'results.json').read_text())
  return [{name: value for name, value in row.items() if name != 'provenance'}
          for row in rows]


def test_they_write_what_one_writes(parts, tmp_path):
  config = configs.get_config('quick')
  config.model, config.gallery = str(parts / 'model'), str(parts / 'g')
  config.queries, config.fusion.photo = str(parts / 'q'), _FUSION
  evaluation_binary.write(config, tmp_path / 'one')
  (first, said, errors), (second, silent, _) = together(parts, tmp_path / 'two')
  assert first == second == 0, errors
  assert 'retrieval' in said and silent == ''
  assert figures(tmp_path / 'two') == figures(tmp_path / 'one')
  assert (tmp_path / 'two' / 'predictions.csv').read_bytes() == (
      tmp_path / 'one' / 'predictions.csv').read_bytes()
  assert 'process_id = 0' in (tmp_path / 'two' / 'config.txt').read_text()
