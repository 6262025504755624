"""A model, a gallery and query sets, to figures and answers that agree."""

import csv
import dataclasses
import json
import shutil

from experiments import report
from experiments.run import launch
import numpy as np
from pinpoint_jax.answer import open_systems
from pinpoint_jax.candidates import filters
from pinpoint_jax.evals import administrative, baselines, evaluation
from pinpoint_jax.features import store
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import indexes
from pinpoint_jax.geo import distance
from pinpoint_jax.rerank import files
import pytest

from tests.fixtures import tiny_evaluation
from tests.fixtures import tiny_gallery as tiny

evaluate = tiny_evaluation.evaluate
DECODES = ('argmax', 'expected_score')


@pytest.fixture(scope='module')
def parts(tmp_path_factory):
  """A model, a gallery, two query sets, and rerankers nobody trained."""
  folder = tmp_path_factory.mktemp('parts')
  tiny_evaluation.make(folder)
  return folder


@pytest.fixture(scope='module')
def whole(parts, tmp_path_factory):
  workdir = tmp_path_factory.mktemp('whole')
  rows, answers = evaluate(
      parts, workdir, queries=f'{parts / "q"},{parts / "s"}',
      **{'rerankers.photo': f'{parts / "attention"},{parts / "light"}'})
  return workdir, rows, answers


def test_every_system_filter_and_decoding_is_there(whole):
  workdir, rows, answers = whole
  common = {'raw_1nn', 'image_top1', 'location_top1', 'retrieval'}
  expected = {'photo': common | {'attention', 'full', 'linear', 'light'},
              'street': common}
  for source, systems_ in expected.items():
    result = {(r['system'], r['filter'], r['decode']) for r in rows
              if r['query_source'] == source}
    assert result == {('chance', 'none', 'argmax'),
                      *(('constant', 'none', decode) for decode in DECODES),
                      ('oracle', 'none', 'argmax'),
                      ('oracle', 'author', 'argmax'),
                      *((s, f, d) for s in systems_
                        for f in ('none', 'author') for d in DECODES)}
  assert {a['id']: (a['system'], a['queries']) for a in answers} == {
      **{i: ('full', 'q') for i in tiny.names('q', 30)},
      **{i: ('retrieval', 's') for i in tiny.names('s', 20)}}
  row = next(r for r in rows if r['query_source'] == 'photo')
  assert set(row['provenance']) >= {'config_hash', 'git', 'model', 'gallery',
                                    'data', 'seconds', 'versions'}
  assert set(row['provenance']['data']['rerankers']) == {
      'attention', 'light'}
  # Of random weights and a tiny head the guard says what it is worth.
  assert '| q | full (network inactive) | combined | author | argmax |' in (
      workdir / 'results.md').read_text()


def test_the_page_shows_the_answers_that_were_written(whole, parts):
  workdir, rows, answers = whole
  text = (workdir / 'report.html').read_text()
  assert 'How good are the answers of full and retrieval?' in text
  photos = store.open_store(parts / 'q').photos
  (row,) = (r for r in rows if (r['system'], r['filter'], r['decode'])
            == ('full', 'none', 'argmax'))
  within = f'{100 * row["metrics"]["acc@25km"]:.1f}\N{NO-BREAK SPACE}%'
  assert f'<b>{within}</b>within 25 km: q<br><small>30 of 30 photos' in text
  places = np.asarray([(float(a['lat']), float(a['lng'])) for a in answers
                       if a['queries'] == 'q'])
  dist_km = distance.haversine_km(places, photos.latlng_deg)
  worst = text[text.index('The worst answers'):]
  assert photos.ids[dist_km.argmax()] in worst[:worst.index('</h3>')]
  # Evidence is near the answer, and what has no data is named.
  assert ', similarity ' in worst and 'By what the gallery has' in text
  assert 'Confidence, reliability' in text[text.index('What is not here'):]
  assert 'answer s, filter author' in text and 'in all' in text


def test_the_oracle_is_never_worse_than_what_chooses_from_its_list(whole):
  _, rows, _ = whole
  mean = {(r['query_source'], r['system'], r['filter'], r['decode']):
          r['metrics']['geoscore'] for r in rows}
  for source, best in (('photo', 'full'), ('street', 'retrieval')):
    for name in ('none', 'author'):
      for decode in DECODES:
        assert (mean[source, 'oracle', name, 'argmax']
                >= mean[source, best, name, decode])


def test_written_answers_score_as_the_figures_say(whole, parts, binary,
                                                  tmp_path):
  workdir, rows, _ = whole
  photos = store.open_store(parts / 'q').photos
  truth = tmp_path / 't.csv'
  truth.write_text('id,lat,lng\n' + ''.join(
      f'{name},{lat!r},{lng!r}\n' for name, (lat, lng) in zip(
          photos.ids.tolist(), photos.latlng_deg.tolist())))
  given = tmp_path / 'p.csv'
  lines = (workdir / 'predictions.csv').read_text().splitlines()
  given.write_text('\n'.join(
      [lines[0], *(line for line in lines if ',q,' in line)]) + '\n')
  done = binary('evaluate', f'--predictions={given}', f'--truth={truth}',
                f'--out={tmp_path / "r.json"}', '--num_resamples=0')
  assert done.returncode == 0, done.stderr
  result = json.loads((tmp_path / 'r.json').read_text())[0]
  expected = next(r for r in rows if (r['system'], r['filter'], r['decode'])
                  == ('full', 'none', 'argmax'))
  assert result['metrics'] == expected['metrics']


def test_raw_1nn_is_the_highest_cosine(parts, tmp_path):
  _, answers = evaluate(parts, tmp_path, **{'predictions.system': 'raw_1nn'})
  result = galleries.open_gallery(parts / 'g')
  raw = result.channel('raw')[0].block(0, 90)
  features = np.asarray(store.open_store(parts / 'q').features, np.float32)
  best = (features @ raw.T).argmax(axis=1)
  np.testing.assert_array_equal(
      [(float(a['lat']), float(a['lng'])) for a in answers],
      result.latlng_deg[best])


def test_the_block_does_not_matter(parts, tmp_path, monkeypatch):
  light = {'rerankers.photo': str(parts / 'light')}
  rows, _ = evaluate(parts, tmp_path / 'one', **light)
  monkeypatch.setattr(evaluation, '_BLOCK', 7)
  again, _ = evaluate(parts, tmp_path / 'two', **light)
  assert [r['metrics'] for r in rows] == [r['metrics'] for r in again]
  assert ((tmp_path / 'one' / 'predictions.csv').read_bytes()
          == (tmp_path / 'two' / 'predictions.csv').read_bytes())


def test_gallery_rows_never_answer_themselves(parts, tmp_path, capsys):
  """Unless one asks for it, which is said loudly."""
  def within_1km(**changes):
    rows, _ = evaluate(parts, tmp_path, queries=str(parts / 'a'), **changes)
    return {r['filter']: r['metrics']['acc@1km'] for r in rows
            if (r['system'], r['decode']) == ('raw_1nn', 'argmax')}
  assert within_1km()['none'] < .2
  assert '50 queries are rows of the gallery and never answer' in (
      capsys.readouterr().out)
  assert within_1km(leave_one_out=False) == {
      'none': 1., 'author': within_1km()['author']}
  assert 'MAY ANSWER THEMSELVES' in capsys.readouterr().out


def test_a_region_and_interpolation(parts, tmp_path):
  area = 'box:-90,-180,0,180'
  rows, answers = evaluate(parts, tmp_path, region=area)
  assert all(float(a['lat']) <= 0 for a in answers)
  assert {r['variant'] for r in rows
          if r['system'] not in baselines.NAMES} == {
      f'region {area}', f'@12, region {area}'}
  rows, _ = evaluate(parts, tmp_path, interpolate=True, filters=('none',))
  assert {(r['system'], r['variant']) for r in rows} >= {
      ('raw_1nn', 'interpolated'), ('oracle', '@12')}



def test_a_country_answers_from_its_rows(parts, tmp_path):
  result = galleries.open_gallery(parts / 'g')
  counts = np.bincount(result.countries.codes[result.countries.codes >= 0])
  code = result.countries.names[counts.argmax()]
  rows = np.flatnonzero(result.countries.codes == counts.argmax())
  _, answers = evaluate(parts, tmp_path, region=f'country:{code}',
                        filters=('none',))
  inside = {tuple(place) for place in result.latlng_deg[rows].tolist()}
  assert {(float(a['lat']), float(a['lng'])) for a in answers} <= inside


@pytest.mark.parametrize('changes, complaint', [
    ({'model': ''}, '--config.model is empty'),
    ({'gallery': ''}, '--config.gallery is empty'),
    ({'queries': ''}, '--config.queries is empty'),
    ({'filters': ()}, '--config.filters is empty'),
    ({'filters': ('autor',)}, "'autor' is unknown; choices are"),
    ({'predictions.decode': 'mean'}, 'decode=mean: choices are'),
    ({'predictions.system': 'light'}, "system=light: q has"),
    ({'queries': '{0}/q,{0}/q'}, '30 ids are in several query sets'),
    ({'region': 'circle:0,-140,1'}, 'holds no row of'),
    ({'region': 'contry:FR'}, 'perhaps country:'),
    ({'rerankers.photo': '{0}/light,{0}/light'}, "is the second 'light'"),
    ({'queries': '{0}/s', 'rerankers.street': '{0}/light'},
     'reranks photo queries'),
    ({'model': '{0}/light'}, 'name the directory of another model'),
    ({'sizes.image': -1, 'rerankers.photo': ''}, 'sizes are at least 0'),
])
def test_bad_settings_are_refused(parts, tmp_path, changes, complaint):
  changes = {name: value.format(parts) if isinstance(value, str) else value
             for name, value in changes.items()}
  with pytest.raises(ValueError, match=complaint):
    evaluate(parts, tmp_path, **changes)
  assert not (tmp_path / 'results.json').exists()


def test_queries_without_a_row_left_are_counted_and_refused(parts, tmp_path):
  # A region of one row, whose author asks.
  result = galleries.open_gallery(parts / 'g')
  photos = store.open_store(parts / 'q').photos
  authors = result.authors.find(photos.authors)
  row = np.flatnonzero(result.authors.codes == authors[authors >= 0][0])[0]
  lat, lng = result.latlng_deg[row]
  count = int((filters.same_origin(result, photos).rows == row).sum())
  with pytest.raises(ValueError, match=f'is left in region .* for {count} of '
                     f"30 queries under filter 'author'"):
    evaluate(parts, tmp_path, region=f'circle:{lat},{lng},1')


def test_another_embedders_gallery_is_refused(parts, tmp_path):
  tiny.build(tmp_path / 'g', [parts / 'a'],
             tiny.writer.Settings('photo'))
  with pytest.raises(galleries.BadGallery, match='was built by embedder feed'):
    evaluate(parts, tmp_path, gallery=str(tmp_path / 'g'))


def test_names_of_rerankers_and_of_galleries(parts):
  result = open_systems.load_rerankers(
      'photo', [parts / name for name in ('no_support', 'light', 'attention')])
  assert list(result) == ['full_no_support', 'light', 'attention']
  assert open_systems.best([*result, 'full', 'linear']) == 'full'
  assert open_systems.best_of(result) == 'attention'
  better = dataclasses.replace(result['attention'], info=dataclasses.replace(
      result['attention'].info, validation={'reward': .6}))
  # By the reward on held-out examples; others are never `full`.
  assert open_systems.best_of(result | {'interaction': better}) == 'interaction'
  assert not open_systems.best_of({'light': better})
  result = galleries.open_gallery(parts / 'g')
  for mode, expected in (('combined', 'combined'), ('photo', 'same_source'),
                         ('street', 'other_source')):
    one = dataclasses.replace(result,
                              manifest={**result.manifest, 'mode': mode})
    assert open_systems.gallery_name(one, 'photo') == expected


def test_the_command(binary, parts, tmp_path):
  words = ('--config=experiments/configs/evaluate.py:quick',
           f'--workdir={tmp_path / "w"}', f'--config.model={parts / "model"}',
           f'--config.gallery={parts / "g"}', f'--config.queries={parts / "q"}',
           '--config.fusion.photo=(1.,2.,3.)')
  done = binary('evaluate', *words)
  assert done.returncode == 0, done.stderr
  assert '| q | retrieval | combined | none | argmax | 30 |' in done.stdout
  assert (tmp_path / 'w' / 'run.json').is_file()
  # From the folder alone the page is the same, and its plots are files.
  report.main(launch.Run(None, {
      flag.name: flag.default for flag in report.FLAGS} | {
          'run': str(tmp_path / 'w'), 'out': str(tmp_path / 'r'),
          'formats': 'pdf'}, None))
  assert ((tmp_path / 'w' / 'report.html').read_bytes()
          == (tmp_path / 'r' / 'report.html').read_bytes())
  assert {path.name for path in (tmp_path / 'r').iterdir()} == {
      'report.html', 'errors.pdf', 'map_1_q.pdf'}
  for more, complaint in ((('--predictions=P',), 'predictions'),
                          (('--config.region=country:XX',), "'XX' is unknown")):
    done = binary('evaluate', *words, *more)
    assert done.returncode in (1, 2) and complaint in done.stderr
    assert done.stderr.count('\n') == 1, done.stderr


@pytest.mark.slow
def test_weights_of_retrieval_are_named_or_refused(parts, tmp_path):
  """Two rerankers with other weights: neither sets them silently."""
  shutil.copytree(parts / 'light', tmp_path / 'light')
  trained = files.load(tmp_path / 'light')
  info = dataclasses.replace(
      trained.info, fusion={'image': 1., 'location': 0., 'raw': 9.})
  shutil.rmtree(tmp_path / 'light')
  files.save(tmp_path / 'light', 'light', trained.model, trained.params, info,
             '')
  given = {'rerankers.photo': f'{parts / "attention"},{tmp_path / "light"}',
           'filters': ('none',)}
  with pytest.raises(ValueError, match=r"\['attention', 'light'\] have "
                     r'different .* --config.fusion.photo=attention, or'):
    evaluate(parts, tmp_path, **given)
  weights = {}
  for name in ('attention', 'light', '3,4,5'):
    rows, _ = evaluate(parts, tmp_path, **given, **{'fusion.photo': name})
    row, = (r for r in rows if (r['system'], r['decode']) == (
        'retrieval', 'argmax') )
    weights[name] = row['weights'], row['metrics']
    assert all('weights' not in r for r in rows if r['system'] != 'retrieval')
  assert weights['light'][0] == {'of': 'light', **info.fusion}
  assert weights['3,4,5'][0]['of'] == 'given'
  assert weights['attention'][1] != weights['light'][1]
  for name, complaint in (('lihgt', 'lihgt: choices are'),
                          ('1,2', '=1,2: give the weights')):
    with pytest.raises(ValueError, match=complaint):
      evaluate(parts, tmp_path, **given, **{'fusion.photo': name})
  rows, _ = evaluate(parts, tmp_path, **given, systems=('light', 'full'))
  assert {row['system'] for row in rows} == {'light', 'full'}


def test_a_list_longer_than_the_gallery_is_refused(parts, tmp_path):
  with pytest.raises(ValueError, match='list_size=1000000: .* has 90 rows'):
    evaluate(parts, tmp_path, list_size=1_000_000)


def test_a_search_of_one_source_is_named_and_keeps_the_support(
    parts, tmp_path):
  given = {'rerankers.photo': str(parts / 'attention'), 'search_source': 'same'}
  rows, answers = evaluate(parts, tmp_path, **given)
  assert {row['gallery'] for row in rows} == {'same_source'}
  result = galleries.open_gallery(parts / 'g')
  street = {tuple(place) for place in result.latlng_deg[result.source == 1]}
  assert not street & {(float(a['lat']), float(a['lng'])) for a in answers}
  with pytest.raises(ValueError, match='search_source=mine: choices are'):
    evaluate(parts, tmp_path, search_source='mine')


def test_an_index_that_is_not_there_is_refused(parts, tmp_path):
  with pytest.raises(ValueError, match='has no index: build it with'):
    evaluate(parts, tmp_path, search='index')
  with pytest.raises(ValueError, match='--config.search=luck: choices are'):
    evaluate(parts, tmp_path, search='luck')


def test_with_an_index_the_rows_say_so_and_the_answers_stay(parts, tmp_path):
  shutil.copytree(parts / 'g', tmp_path / 'g')
  indexes.build(tmp_path / 'g', smallest=1)
  exact, _ = evaluate(parts, tmp_path / 'exact')
  rows, _ = evaluate(parts, tmp_path / 'index', search='index',
                     gallery=str(tmp_path / 'g'))
  assert {row['variant'] for row in rows
          if row['system'] not in (*baselines.NAMES, 'oracle')} == {
              'approximate search'}
  assert [row['metrics'] for row in rows] == [row['metrics'] for row in exact]


def test_only_the_systems_that_are_named_answer(parts, tmp_path, whole):
  given = {'rerankers.photo': f'{parts / "attention"},{parts / "light"}'}
  rows, answers = evaluate(parts, tmp_path, systems=('light', 'raw_1nn'),
                           **given)
  assert {row['system'] for row in rows} == {'light', 'raw_1nn'}
  key = lambda row: tuple(row[name] for name in (
      'query_source', 'system', 'filter', 'decode'))
  all_rows = {key(row): row['metrics'] for row in whole[1]}
  assert all(row['metrics'] == all_rows[key(row)] for row in rows)
  assert {answer['system'] for answer in answers} == {'light'}
  with pytest.raises(ValueError, match="'fulll'.* are unknown; choices are"):
    evaluate(parts, tmp_path, systems=('fulll',))
  with pytest.raises(ValueError, match='there is none of these for photo'):
    evaluate(parts, tmp_path, systems=('full',))


def test_names_of_places_are_scored_for_every_system(parts, tmp_path):
  photos = store.open_store(parts / 'q').photos
  names = administrative.unique_names(photos.latlng_deg)
  names['city'][0] = 'nan'
  heads = [administrative.COLUMNS[level] for level in names]
  with (tmp_path / 'test.csv').open('w', newline='') as file:
    writer = csv.writer(file)
    writer.writerow(['id', 'latitude', 'longitude', *heads])
    # In another order than the store's.
    writer.writerows([photos.ids[i], *photos.latlng_deg[i].tolist(),
                      *(column[i] for column in names.values())]
                     for i in reversed(range(len(photos))))
  given = {'queries': str(parts / 'q'), 'names': str(tmp_path / 'test.csv'),
           'systems': ('chance', 'constant', 'raw_1nn', 'oracle')}
  rows, _ = evaluate(parts, tmp_path, **given)
  for row in rows:
    figures = row['metrics']
    assert ('acc@city' in figures) == (row['system'] != 'chance')
    if row['system'] == 'chance':
      continue
    assert figures['num@city'] == 29 and figures['num@city_official'] == 30
    assert figures['acc@city'] * 29 == pytest.approx(
        figures['acc@city_official'] * 30)
    assert figures['acc@country'] >= figures['acc@city_official']
  with pytest.raises(ValueError, match=(
      r's: 20 of 20 queries are not in the table of names')):
    evaluate(parts, tmp_path, **given | {'queries': str(parts / 's')})
  (tmp_path / 'test.csv').write_text('id,lat,lng\na,1,2\n')
  with pytest.raises(ValueError, match='names=.*none of the columns'):
    evaluate(parts, tmp_path, **given)
