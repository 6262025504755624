"""Tables of worlds that are done, from what their answers rest on."""

import json

from experiments import measure_confidence
from experiments.run import launch
from pinpoint_jax.answer import held_out
import pytest

from tests.fixtures import tiny_held_out


def run(out, **changes):
  values = {flag.name: flag.default for flag in measure_confidence.FLAGS}
  values |= {'out': str(out), 'size': 'tiny', 'variants': 'default',
             'judge_only': True}
  measure_confidence.main(launch.Run(None, values | changes, None, ()))


def done(folder, seed):
  folder.mkdir()
  for mode, split in [
      *(('combined', split) for split in measure_confidence.SPLITS),
      ('street', 'query_photo_new'), ('photo', 'query_street')]:
    # The tiny world has as many queries.
    held_out.save(folder / f'{mode}_{split}.npz', tiny_held_out.make(60, seed))
  (folder / 'done').touch()


@pytest.mark.slow
def test_worlds_that_are_done_become_tables(tmp_path, capsys, monkeypatch):
  monkeypatch.setattr(measure_confidence, '_RESAMPLES', 10)
  for seed in (0, 3):
    done(tmp_path / f'default_{seed}', seed)
  run(tmp_path)
  figures = json.loads((tmp_path / 'confidence.json').read_text())
  photos, street = figures['judged']
  assert photos['num_worlds'] == street['num_worlds'] == 2
  assert photos['queries'] == 'query_photo_new, default'
  assert 0 < photos['blind_share']['mean'] < 1 and 'blind_share' not in street
  assert 'alone' in figures['shifted'][0]['queries']
  text = (tmp_path / 'confidence.md').read_text()
  assert text in capsys.readouterr().out
  assert text.count('\n## ') + 1 == 9 and 'nan' not in text


def test_no_world_is_an_error_in_one_line(tmp_path):
  with pytest.raises(ValueError, match='no world of variant default is done'):
    run(tmp_path)
