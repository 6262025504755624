"""results.json is read whole or refused in one line."""

import json
import re

import numpy as np
from pinpoint_jax.evals import metrics, results, results_file
import pytest


def row(**changes):
  errors = metrics.Errors(np.asarray([0.5, 10, 100, 5000]),
                          np.asarray(['a:x', 'a:y', 'a:z', 'a:w']))
  setting = results.Setting('evaluate', 'photo', 'full', queries='q')
  return results.row(setting, errors, {'git': 'abc'}, num_resamples=0) | changes


def test_rows_of_a_file_and_of_its_folder(tmp_path):
  (tmp_path / 'results.json').write_text(json.dumps([row()]))
  for path in (tmp_path, tmp_path / 'results.json'):
    assert results_file.read(path) == [row()]


@pytest.mark.parametrize('text, complaint', [
    ('[]', 'has no row of figures'),
    ('{"a": 1}', 'has no row of figures'),
    ('[3]', "row 0 is '3', not a set of figures"),
    ('[{"queries"', 'is no results.json'),
    ('[' * 10**5, 'is no results.json'),
    ('\ud800', 'is no results.json'),
    (json.dumps([row(), {'queries': 'q'}]), "row 1 has no 'table'"),
    (json.dumps([row(metrics={})]), 'row 0 has acc@1km None, not a number'),
    (json.dumps([row(metrics=7)]), 'row 0 has metrics'),
    (json.dumps([row(metrics=row()['metrics'] | {'acc@1km': 31.})]),
     'row 0 has acc@1km 31.0, not a share'),
    (json.dumps([row(metrics=row()['metrics'] | {'mean_km': np.nan})]),
     'a figure is NaN'),
])
def test_what_is_no_result_is_refused(tmp_path, text, complaint):
  path = tmp_path / 'results.json'
  path.write_bytes(text.encode('utf-8', 'surrogatepass'))
  with pytest.raises(ValueError, match=re.escape(complaint)) as refused:
    results_file.read(path)
  assert str(path) in str(refused.value) and '\n' not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
  with pytest.raises(ValueError, match=r'gone/results\.json|gone is not there'):
    results_file.read(tmp_path / 'gone')
