"""What the demo's page gathers, from small files made by hand."""

import json

from experiments.configs import demo as demo_config
from experiments.demo_stages import page, page_answers
import numpy as np
from pinpoint_jax.answer import records

from tests.fixtures import tiny_answers


def evidence(*rows):
  """(source, similarity), the most similar first."""
  return [records.Evidence(f'{source}{i}', source, (0., 0.), 1., similarity)
          for i, (source, similarity) in enumerate(rows)]


def ids(rows):
  return [row.id for row in rows]


def test_three_rows_of_both_sources():
  rows = evidence(('photo', .9), ('photo', .8), ('photo', .7), ('street', .1))
  assert ids(page_answers.supporting(rows)) == ['photo0', 'photo1', 'street3']


def test_rows_of_one_source_where_there_is_no_other():
  rows = evidence(('street', .9), ('street', .8), ('street', .7),
                  ('street', .6))
  assert ids(page_answers.supporting(rows)) == ['street0', 'street1', 'street2']
  assert page_answers.supporting([]) == []


def test_promises_by_hand():
  answers = [tiny_answers.answer(radius_km=12.)] * 4
  some = page_answers.Answered(
      'query_street', 'street', [0, 1, 2, 3], np.zeros((4, 2)), answers,
      np.asarray([5., 12., 24., 300.]))
  (promises,) = page_answers._promises(some)
  assert promises.chances.tolist() == [.625] * 4
  assert promises.right.tolist() == [True, True, True, False]
  # A radius comes out of a logarithm.
  assert promises.inside[.9] in (.25, .5)


def test_answers_without_calibration_promise_nothing():
  answer = tiny_answers.answer(radius_km=None)
  some = page_answers.Answered('query_street', 'street', [0],
                               np.zeros((1, 2)), [answer],
                               np.asarray([5.]))
  assert page_answers._promises(some) == []


def test_what_a_run_has_not_written_is_left_out(tmp_path):
  assert page.query_sets(tmp_path, []) == []
  assert page.trainings(tmp_path) == []
  assert page_answers.answered(
      demo_config.get_config('quick'), tmp_path) == ([], '', [])


def test_curves_of_what_was_logged(tmp_path):
  folder = tmp_path / 'reranker' / 'both' / 'interaction_photo'
  folder.mkdir(parents=True)
  lines = [{'step': step, 'validation/geoscore': 10. * step,
            'validation/linear_geoscore': 5.} for step in (5, 10)]
  lines.insert(1, {'step': 7, 'loss': 1.})
  lines.append({'step': 12, 'validation/geoscore': float('nan')})
  (folder / 'metrics.jsonl').write_text(
      ''.join(json.dumps(line) + '\n' for line in lines))
  (training,) = page.trainings(tmp_path)
  assert [trace.name for trace in training.traces] == [
      'interaction', 'linear part']
  assert training.traces[0].x.tolist() == [5, 10]
  assert training.traces[0].y.tolist() == [50, 100]


def test_a_page_of_rows_alone_is_written(tmp_path):
  path = page.write(demo_config.get_config('quick'), tmp_path, [], [])
  text = path.read_text(encoding='utf-8')
  assert 'Synthetic Earth is synthetic' in text and '<article' not in text
