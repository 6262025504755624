"""`experiments.evaluate` as scripts call it."""

import json

import numpy as np
from pinpoint_jax.report import answer_files
import pytest

from tests.fixtures import tiny_answers

# Poles, antimeridian, the same spot, antipodes, a metre and a city away.
TRUTH = [('a', 90.0, 10.0, 'x'), ('b', -16.5, 179.9, 'x'),
         ('c', 48.85, 2.35, 'y'), ('d', 10.0, 20.0, 'y'),
         ('e', 52.5, 13.4, 'z'), ('f', -90.0, 0.0, 'z')]
ANSWERS = [('a', 90.0, -130.0), ('b', -16.5, -179.9), ('c', 48.850009, 2.35),
           ('d', -10.0, -160.0), ('e', 48.1, 11.6), ('f', -89.0, 77.0)]


def write(path, header, rows):
  lines = [header, *(','.join(str(v) for v in row) for row in rows)]
  path.write_text('\n'.join(lines) + '\n')
  return path


@pytest.fixture
def run(binary, tmp_path):
  def evaluate(answers=ANSWERS, truth=TRUTH, *extra):
    done = binary(
        'evaluate',
        f'--predictions={write(tmp_path / "p.csv", "id,lat,lng", answers)}',
        f'--truth={write(tmp_path / "t.csv", "id,lat,lng,author", truth)}',
        f'--out={tmp_path / "r.json"}', *extra)
    out = tmp_path / 'r.json'
    rows = json.loads(out.read_text()) if out.exists() else []
    return done, {row['distance']: row for row in rows}
  return evaluate


def independent_km(lat1, lng1, lat2, lng2):
  """Angle between unit vectors by half their difference (W. Kahan)."""
  def xyz(lat, lng):
    lat, lng = np.radians(lat), np.radians(lng)
    return np.array([np.cos(lat) * np.cos(lng), np.cos(lat) * np.sin(lng),
                     np.sin(lat)])
  a, b = xyz(lat1, lng1), xyz(lat2, lng2)
  return 2 * 6371.0088 * np.arctan2(
      np.linalg.norm(a - b), np.linalg.norm(a + b))


def test_figures_equal_an_independent_computation(run):
  done, rows = run()
  assert done.returncode == 0, done.stderr
  dist_km = np.array([independent_km(t[1], t[2], a[1], a[2])
                      for t, a in zip(TRUTH, ANSWERS)])
  result = rows['haversine']['metrics']
  for threshold in (1, 25, 200, 750, 2500):
    assert result[f'acc@{threshold}km'] == (dist_km < threshold).mean()
  assert result['mean_km'] == pytest.approx(dist_km.mean(), rel=1e-9)
  assert result['median_km'] == pytest.approx(np.median(dist_km), rel=1e-9)
  assert result['geoscore'] == pytest.approx(
      (5000 * np.exp(-dist_km / 1492.7)).mean(), rel=1e-9)
  assert result['acc@1km'] == 2 / 6  # the pole, and the metre in Paris


def test_every_published_kilometre_is_there(run):
  _, rows = run()
  assert set(rows) == {'haversine', 'haversine_6371', 'haversine_6378',
                       'geodesic', 'geodesic_le'}
  ratio = (rows['haversine_6378']['metrics']['mean_km']
           / rows['haversine_6371']['metrics']['mean_km'])
  assert ratio == pytest.approx(6378.137 / 6371)
  row = rows['haversine']
  assert row['num_queries'] == 6
  assert row['system'] == 'unknown' and row['filter'] == 'none'
  assert set(row['provenance']) >= {'config_hash', 'git', 'data', 'model',
                                    'seconds'}
  low, high = row['ci95']['acc@25km']
  assert low <= row['metrics']['acc@25km'] <= high


def test_row_order_is_free(run):
  _, first = run()
  _, second = run(ANSWERS[::-1])
  assert first['geodesic']['metrics'] == second['geodesic']['metrics']


@pytest.mark.parametrize('answers, complaint', [
    (ANSWERS[1:], "1 ids of the truth without a prediction ('a')"),
    ([*ANSWERS, ('zz', 1, 1)], "1 predicted ids that the truth lacks ('zz')"),
    ([*ANSWERS, ANSWERS[0]], "1 duplicate ids: 'a' again in row 6"),
    ([*ANSWERS[:5], ('f', 'nan', 1)], 'not finite: rows 5'),
])
def test_bad_predictions_are_refused_in_one_line(run, answers, complaint):
  done, rows = run(answers)
  assert done.returncode == 1
  assert not rows
  assert complaint in done.stderr
  assert done.stderr.startswith('error: ')
  assert done.stderr.count('\n') == 1


def test_an_answer_at_null_island_is_an_answer_a_truth_is_not(run):
  done, _ = run([*ANSWERS[:5], ('f', 0, 0)])
  assert done.returncode == 0, done.stderr
  done, _ = run(truth=[*TRUTH[:5], ('f', 0, 0, 'z')])
  assert done.returncode == 1 and 'null island' in done.stderr


def test_administrative_columns_are_scored(binary, tmp_path):
  truth = tmp_path / 't.csv'
  truth.write_text(
      'id,latitude,longitude,unique_country,unique_region\n'
      'a,48.85,2.35,FR,Ile-de-France_FR\nb,-33.87,151.2,AU,nan\n')
  answers = write(tmp_path / 'p.csv', 'id,lat,lng',
                  [('a', 48.9, 2.3), ('b', 48.9, 2.3)])
  done = binary('evaluate', f'--predictions={answers}', f'--truth={truth}',
                f'--out={tmp_path / "r.json"}')
  assert done.returncode == 0, done.stderr
  row = json.loads((tmp_path / 'r.json').read_text())[0]
  result = row['metrics']
  assert result['acc@country'] == 0.5 and result['num@country'] == 2
  assert result['acc@region'] == 1.0 and result['num@region'] == 1
  assert result['acc@region_official'] == .5
  assert result['num@region_official'] == 2
  # Of two photos resampled, both, one or none are right.
  assert row['ci95']['acc@country'] == [0., 1.]
  assert 'acc@region' not in row['ci95']  # Some resamples have no name.


@pytest.mark.parametrize('words, complaint', [
    ((), 'or --predictions, --truth, --out'),
    (('--predictions=a', '--truth=b', '--out=c', 'truth=d'),
     "stray argument 'truth': every argument is a --flag; did you mean"),
    (('--prediction=a',), "Did you mean: predictions"),
    (('--predictions=/nowhere.csv', '--truth=b', '--out=c'), 'nowhere.csv'),
])
def test_bad_words_exit_with_one_line(binary, words, complaint):
  done = binary('evaluate', *words)
  assert done.returncode in (1, 2)
  assert complaint in done.stderr
  assert done.stderr.count('\n') == 1


def test_help_tells_the_whole_story(binary):
  done = binary('evaluate', '--help')
  assert done.returncode == 0
  for word in ('--predictions', '--truth', '--out', 'geodesic_le', 'swapped'):
    assert word in done.stdout


def test_answers_of_predict_are_scored_and_those_without_a_place_named(
    binary, tmp_path):
  predictions = tmp_path / 'p.csv'
  answer_files.write(predictions, [
      tiny_answers.answer('a,"1".jpg', (10., 20.)),
      tiny_answers.answer('b\nb.jpg', (-16.5, -179.9)),
      tiny_answers.unanswered('black.jpg')])
  truth = ['id,lat,lng', '"a,""1"".jpg",10,20', '"b\nb.jpg",-16.5,179.9']
  def evaluate(*lines):
    (tmp_path / 't.csv').write_text('\n'.join([*truth, *lines]) + '\n')
    return binary('evaluate', f'--predictions={predictions}',
                  f'--truth={tmp_path / "t.csv"}', f'--out={tmp_path / "r"}')
  done = evaluate()
  assert done.returncode == 0, done.stderr
  assert "1 rows without an answer left out: 'black.jpg'" in done.stdout
  rows = json.loads((tmp_path / 'r').read_text())
  assert {row['metrics']['acc@25km'] for row in rows} == {1.}
  assert {row['metrics']['acc@1km'] for row in rows} == {.5}
  done = evaluate('black.jpg,1,2')
  assert done.returncode != 0
  assert "1 ids of the truth without a prediction ('black.jpg')" in done.stderr
