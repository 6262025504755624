"""`experiments.evaluate` as scripts call it."""

import json
import re

from experiments import evaluate, predictions_file
from experiments.run import launch
import numpy as np
from pinpoint_jax.report import answer_files
import pytest

from tests.fixtures import tiny_answers, tiny_gallery

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
def run(tmp_path):
  """Scores as the binary does, in this process; gives rows by distance."""
  def score(answers=ANSWERS, truth=TRUTH, **flags):
    return scored(tmp_path, {
        'predictions': write(tmp_path / 'p.csv', 'id,lat,lng', answers),
        'truth': write(tmp_path / 't.csv', 'id,lat,lng,author', truth),
        **flags})
  return score


def scored(folder, flags):
  """Rows by distance."""
  defaults = {flag.name: flag.default for flag in evaluate.FLAGS}
  out = folder / 'r.json'
  predictions_file.score(launch.Run(None, defaults | {
      name: str(value) for name, value in flags.items()} | {
          'out': str(out), 'num_resamples': 100}, None))
  return {row['distance']: row for row in json.loads(out.read_text())}


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
  rows = run()
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
  rows = run()
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
  first, second = run(), run(ANSWERS[::-1])
  assert first['geodesic']['metrics'] == second['geodesic']['metrics']


@pytest.mark.parametrize('answers, complaint', [
    (ANSWERS[1:], "1 ids of the truth without a prediction ('a')"),
    ([*ANSWERS, ('zz', 1, 1)], "1 predicted ids that the truth lacks ('zz')"),
    ([*ANSWERS, ANSWERS[0]], "1 duplicate ids: 'a' again in row 6"),
    ([*ANSWERS[:5], ('f', 'nan', 1)], 'not finite: rows 5'),
])
def test_bad_predictions_are_refused(run, answers, complaint, tmp_path):
  with pytest.raises(ValueError, match=re.escape(complaint)) as refused:
    run(answers)
  assert str(tmp_path / 'p.csv') in str(refused.value)
  assert not (tmp_path / 'r.json').exists()


def test_a_refusal_is_one_line_of_the_binary(binary, tmp_path):
  done = binary(
      'evaluate', f'--out={tmp_path / "r.json"}',
      f'--predictions={write(tmp_path / "p.csv", "id,lat,lng", ANSWERS[1:])}',
      f'--truth={write(tmp_path / "t.csv", "id,lat,lng,author", TRUTH)}')
  assert done.returncode == 1
  assert done.stderr.startswith('error: ') and done.stderr.count('\n') == 1
  assert "1 ids of the truth without a prediction ('a')" in done.stderr


def test_an_answer_at_null_island_is_an_answer_a_truth_is_not(run):
  assert run([*ANSWERS[:5], ('f', 0, 0)])
  with pytest.raises(ValueError, match='null island'):
    run(truth=[*TRUTH[:5], ('f', 0, 0, 'z')])


def test_administrative_columns_are_scored(tmp_path):
  truth = tmp_path / 't.csv'
  truth.write_text(
      'id,latitude,longitude,unique_country,unique_region\n'
      'a,48.85,2.35,FR,Ile-de-France_FR\nb,-33.87,151.2,AU,nan\n')
  row = scored(tmp_path, {'truth': truth, 'predictions': write(
      tmp_path / 'p.csv', 'id,lat,lng', [('a', 48.9, 2.3), ('b', 48.9, 2.3)])
  })['haversine']
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
    tmp_path, capsys):
  predictions = tmp_path / 'p.csv'
  answer_files.write(predictions, [
      tiny_answers.answer('a,"1".jpg', (10., 20.)),
      tiny_answers.answer('b\nb.jpg', (-16.5, -179.9)),
      tiny_answers.unanswered('black.jpg')])
  truth = ['id,lat,lng', '"a,""1"".jpg",10,20', '"b\nb.jpg",-16.5,179.9']
  def score(*lines):
    (tmp_path / 't.csv').write_text('\n'.join([*truth, *lines]) + '\n')
    return scored(tmp_path, {'predictions': predictions,
                             'truth': tmp_path / 't.csv'}).values()
  rows = score()
  assert "1 rows without an answer left out: 'black.jpg'" in (
      capsys.readouterr().out)
  assert {row['metrics']['acc@25km'] for row in rows} == {1.}
  assert {row['metrics']['acc@1km'] for row in rows} == {.5}
  with pytest.raises(
      ValueError, match=r"1 ids of the truth without a prediction \('black"):
    score('black.jpg,1,2')


# Of 40 photographers with one photo each, A is right about the first 30, B
# about the first 20: 75 and 50 percent.
PLACES = [(f'p{i}', 1 + i % 8, 10 * (i // 8)) for i in range(40)]


def right_about(path, count):
  return write(path, 'id,lat,lng', [
      (name, lat if i < count else lat + 60, lng)
      for i, (name, lat, lng) in enumerate(PLACES)])


def compare(folder, names=('A', 'B'), **flags):
  paths = ','.join(str(folder / f'{name}.csv') for name in names)
  truth = write(folder / 't.csv', 'id,lat,lng,author',
                [(*row, f'a{i}') for i, row in enumerate(PLACES, 1)])
  scored(folder, {'predictions': paths, 'truth': truth, **flags})
  return (json.loads((folder / 'r.json').read_text()),
          json.loads((folder / 'r.differences.json').read_text()))


def test_two_files_are_compared_photo_by_photo(tmp_path, capsys):
  for name, count in (('A', 30), ('B', 20), ('C', 30)):
    right_about(tmp_path / f'{name}.csv', count)
  rows, differences = compare(tmp_path, 'ABC')
  shares = {row['system']: row['metrics']['acc@25km'] for row in rows}
  assert shares == {'A': .75, 'B': .5, 'C': .75}
  by_pair = {(row['system'], row['base']): row for row in differences
             if row['figure'] == 'acc@25km'}
  assert set(by_pair) == {('A', 'B'), ('A', 'C'), ('B', 'C')}
  ahead, equal, behind = by_pair.values()
  assert ahead['difference'] == 25 and ahead['verdict'] == 'better'
  low, high = ahead['interval']
  assert 0 < low < 25 < high and ahead['num_clusters'] == 40
  assert (equal['difference'], equal['verdict']) == (0, 'not shown')
  assert equal['interval'] is None  # No answer differs.
  assert (behind['difference'], behind['verdict']) == (-25, 'worse')
  said = capsys.readouterr().out
  assert '| acc@25km | 75.00 % | 50.00 % | 75.00 % |' in said
  assert '| A − B | acc@25km | better | +25.00 | ' in said
  assert 'Paired over 40 photos by 40 photographers' in said


def test_the_constant_is_chosen_from_other_photos_and_compared(
    tmp_path, capsys):
  for name, count in (('A', 30), ('B', 20)):
    right_about(tmp_path / f'{name}.csv', count)
  compare(tmp_path)
  assert '--constant_from=…; it is never chosen' in capsys.readouterr().out
  # Five others: three in one place, which is p0's; p1 does not count.
  other = write(tmp_path / 'other.csv', 'id,lat,lng', [
      ('x', 1, 0), ('y', 1, 0), ('z', 1, 0), ('v', 60, 100), ('w', -60, 100),
      PLACES[1]])
  rows, differences = compare(tmp_path, constant_from=other)
  constant = [row for row in rows if row['system'] == 'constant']
  assert {(row['decode'], row['distance']) for row in constant} == {
      (decode, distance) for decode in ('argmax', 'expected_score')
      for distance in predictions_file.DISTANCES}
  # Of the 40 places one is there, and p1 is 111 km from it.
  assert [(row['metrics']['acc@1km'], row['metrics']['acc@200km'])
          for row in constant if row['distance'] == 'haversine'][0] == (
              1 / 40, 2 / 40)
  assert ('A', 'constant') in {(row['system'], row['base'])
                               for row in differences}
  said = capsys.readouterr().out
  assert '1 of 6 photos are in the truth and left out' in said
  assert '| A − constant | acc@25km | better | +72.50 |' in said
  for path, complaint in ((tmp_path / 't.csv', 'chosen from what it is judged'),
                          (tmp_path / 'none', 'no gallery, no feature store')):
    with pytest.raises(ValueError, match=complaint):
      compare(tmp_path, constant_from=path)


def test_the_constant_comes_from_stores_and_galleries_too(tmp_path):
  fingerprint = tiny_gallery.saved_with_gallery(tmp_path / 'parts')
  right_about(tmp_path / 'A.csv', 30)
  places = {}
  for name in ('g', 'a'):
    rows, _ = compare(tmp_path, 'A', constant_from=tmp_path / 'parts' / name)
    row = next(row for row in rows if row['system'] == 'constant')
    places[name] = row['provenance']['data']['predictions']
  assert len({*places.values(), fingerprint}) == 3


def test_files_of_other_ids_are_refused_by_their_name(tmp_path):
  right_about(tmp_path / 'A.csv', 30)
  write(tmp_path / 'B.csv', 'id,lat,lng', [*PLACES[1:], ('stranger', 1, 2)])
  with pytest.raises(ValueError, match=(
      r"B\.csv: 1 ids of the truth without a prediction \('p0'\); 1 predicted "
      r"ids that the truth lacks \('stranger'\)")):
    compare(tmp_path)
  assert not (tmp_path / 'r.json').exists()


@pytest.mark.parametrize('place, complaint', [
    ('nan,1', 'not finite: rows 39'), ('91,1', 'latitude outside'),
    ('"52,1",1', "column lat: 1 values are not numbers: row 39: '52,1'"),
    (',', "ids of the truth without a prediction ('p39')")])
def test_a_bad_place_in_one_of_the_files_is_refused_by_its_name(
    tmp_path, place, complaint):
  right_about(tmp_path / 'A.csv', 30)
  text = right_about(tmp_path / 'B.csv', 40).read_text().splitlines()
  (tmp_path / 'B.csv').write_text('\n'.join([*text[:-1], f'p39,{place}\n']))
  with pytest.raises(ValueError, match=re.escape(complaint)) as refused:
    compare(tmp_path)
  assert 'B.csv' in str(refused.value)


def test_systems_have_a_name_each(tmp_path):
  for name in 'AB':
    right_about(tmp_path / f'{name}.csv', 30)
  rows, _ = compare(tmp_path, system='ours,theirs')
  assert {row['system'] for row in rows} == {'ours', 'theirs'}
  for names, system in (('AA', 'unknown'), ('AB', 'ours'), ('AB', 'x,x')):
    with pytest.raises(ValueError, match='give each a name of its own'):
      compare(tmp_path, names, system=system)
