"""The table of a sweep in the order of a figure."""

import json

from experiments.run import run_record
from experiments.sweeps import items, table
from ml_collections import config_dict
import pytest

LOSSES = {0: 0.5, 1: None, 2: -2.0, 3: 0.75}


@pytest.fixture
def swept(tmp_path):
  """Four items, of which one is not done."""
  listed = []
  for index, loss in LOSSES.items():
    config = config_dict.create(seed=index)
    item = items.Item(index, {'seed': index}, config,
                      tmp_path / f'{index:03d}_seed-{index}')
    item.folder.mkdir()
    if loss is not None:
      run_record.write_json(item.folder / 'run.json', {
          'config_hash': item.config_hash, 'git': 'abc'})
      run_record.write_json(item.folder / 'figures.json', {'loss': loss})
    listed.append(item)
  return listed


@pytest.mark.parametrize('sort, order', [
    ('', [0, 1, 2, 3]), ('loss', [3, 0, 2, 1]), ('-loss', [2, 0, 3, 1])])
def test_items_in_the_order_of_a_figure(swept, tmp_path, sort, order):
  table.collect(swept, tmp_path, sort)
  rows = json.loads((tmp_path / 'table.json').read_text())
  assert [row['index'] for row in rows] == order
  lines = (tmp_path / 'table.md').read_text().splitlines()[2:]
  assert [int(line.split('|')[1]) for line in lines] == order
  assert lines[order.index(2)].endswith('| done | 2 | -2 |')


def test_a_figure_that_none_has_is_refused(swept, tmp_path):
  with pytest.raises(ValueError, match="--sort=los: .* did you mean 'loss'"):
    table.collect(swept, tmp_path, 'los')
  with pytest.raises(ValueError, match='none is done yet'):
    table.collect(swept[1:2], tmp_path, 'loss')
