"""An audit end to end: pairs counted plainly, figures as evaluate has them."""

import csv
import io
import json

from experiments import audit_leakage, evaluate
from experiments.configs import audit_leakage as configs
from experiments.configs import evaluate as evaluate_configs
from experiments.run import launch
from input_pipeline.picture_earth import copies as recipes
from input_pipeline.picture_earth import independent
import numpy as np
from PIL import Image as PilImage
from pinpoint_jax.audit import prints
from pinpoint_jax.features import store as stores
import pytest

from tests.fixtures import tiny_gallery as tiny

SYSTEMS = ('raw_1nn', 'location_top1')
# The filter of `evaluate` whose figures `origin` must reproduce.
AUTHOR = 'author'


@pytest.fixture(scope='module')
def parts(tmp_path_factory):
  """A model, a gallery of both sources and queries, two of them its rows."""
  folder = tmp_path_factory.mktemp('parts')
  tiny.saved_with_gallery(folder)
  tiny.make_store(folder / 'q', tiny.names('q', 28) + ['a3', 'a7'])
  return folder


def audit(parts, workdir, **changes):
  """audit.json and the lines of pairs.csv."""
  config = configs.get_config('quick')
  config.queries, config.gallery = str(parts / 'q'), str(parts / 'g')
  config.systems, config.num_resamples = SYSTEMS, 20
  config.update_from_flattened_dict(changes)
  workdir.mkdir(exist_ok=True)
  audit_leakage.main(launch.Run(config, {}, workdir))
  with (workdir / 'pairs.csv').open() as file:
    lines = list(csv.DictReader(file))
  return json.loads((workdir / 'audit.json').read_text()), lines


def figures(report, leak, way='rows removed', system='raw_1nn',
            decode='argmax'):
  found = [row for row in report['figures']
           if (row['leak'], row['way'], row['system'], row['decode'])
           == (leak, way, system, decode)]
  assert len(found) == 1, (leak, way, len(found))
  return found[0]


def test_what_the_author_filter_hides_is_worth_what_evaluate_says(
    parts, tmp_path):
  report, _ = audit(parts, tmp_path / 'a', model=str(parts / 'model'))
  config = evaluate_configs.get_config('quick')
  config.model, config.gallery, config.queries = (
      str(parts / name) for name in ('model', 'g', 'q'))
  config.systems, config.num_resamples = SYSTEMS, 20
  rows = [row for row in evaluate.evaluate(config).rows
          if row['filter'] == AUTHOR]
  assert {row['system'] for row in rows} == set(SYSTEMS)
  for row in rows:
    for leak in ('origin', AUTHOR):
      ours = figures(report, leak, system=row['system'], decode=row['decode'])
      assert ours['metrics'] == row['metrics']
      assert ours['ci95'] == row['ci95']
  # Something was hidden, or all of this shows nothing.
  assert figures(report, 'origin')['metrics'] != figures(
      report, 'none', 'nothing removed')['metrics']


def test_without_a_model_the_nearest_feature_answers_as_in_evaluate(
    parts, tmp_path):
  with_model, _ = audit(parts, tmp_path / 'a', model=str(parts / 'model'))
  report, _ = audit(parts, tmp_path / 'b')
  for leak in ('origin', 'near_1km', 'any'):
    for way in ('rows removed', 'queries removed'):
      try:
        expected = figures(with_model, leak, way)
      except AssertionError:
        continue
      ours = figures(report, leak, way)
      assert ours['metrics'] == expected['metrics'], leak
      assert ours.get('lost') == expected.get('lost')
  assert {row['system'] for row in report['figures']} == {'raw_1nn'}


def test_pairs_are_those_of_a_plain_loop(parts, tmp_path):
  report, lines = audit(parts, tmp_path / 'a', most_pairs=1000)
  queries = stores.open_store(parts / 'q').photos
  rows = [stores.open_store(parts / name).photos for name in 'ac']
  expected = {
      (query, row, kind)
      for query, author, drive in zip(queries.ids, queries.authors,
                                      queries.sequences)
      for row, other, drive_of in zip(rows[0].ids, rows[0].authors,
                                      rows[0].sequences)
      for kind, same in (('same_author', author != '' and author == other),
                         ('same_sequence', drive != '' and drive == drive_of))
      if same and query != row} | {('a3', 'a3', 'id'), ('a7', 'a7', 'id')}
  kinds = ('same_author', 'same_sequence', 'id')
  listed = {(line['query'], line['row'], line['kind']) for line in lines
            if line['kind'] in kinds}
  assert listed == expected
  for kind in kinds:
    some = [pair for pair in expected if pair[2] == kind]
    assert report['kinds'][kind] == {
        'queries': len({pair[0] for pair in some}),
        'rows': len({pair[1] for pair in some}), 'pairs': len(some)}


def test_at_most_so_many_pairs_are_listed_and_all_are_counted(parts, tmp_path):
  report, lines = audit(parts, tmp_path / 'a', most_pairs=1)
  some = [line['query'] for line in lines if line['kind'] == 'same_sequence']
  assert len(some) == len(set(some)) == (
      report['kinds']['same_sequence']['queries'])
  assert report['kinds']['same_sequence']['pairs'] > len(some)


def test_feature_stores_of_a_training_set_take_the_gallery_s_place(
    parts, tmp_path):
  of_gallery, lines = audit(parts, tmp_path / 'a')
  of_stores, others = audit(parts, tmp_path / 'b', gallery='',
                            rows=f'{parts / "a"},{parts / "c"}')
  for name in ('kinds', 'num_rows'):
    assert of_gallery[name] == of_stores[name]
  strip = lambda lines: sorted(
      tuple(value for name, value in line.items() if name != 'value')
      for line in lines)
  assert strip(lines) == strip(others)


def test_answers_of_others_are_judged_on_queries_that_share_nothing(
    parts, tmp_path):
  queries = stores.open_store(parts / 'q').photos
  answers = tmp_path / 'theirs.csv'
  # Right for every second one, and at the other side of the Earth.
  places = np.where(np.arange(len(queries))[:, None] % 2, queries.latlng_deg,
                    [-1, 0] * queries.latlng_deg)
  answers.write_text('id,lat,lng\n' + ''.join(
      f'{name},{lat!r},{lng!r}\n' for name, (lat, lng) in zip(
          queries.ids.tolist(), places.tolist())))
  report, lines = audit(parts, tmp_path / 'a', answers=str(answers))
  touched = {line['query'] for line in lines
             if line['kind'] == 'same_author'}
  kept = np.array([name not in touched for name in queries.ids.tolist()])
  ours = figures(report, 'same_author', 'queries removed', 'theirs')
  assert ours['num_queries'] == kept.sum() < len(queries)
  assert ours['metrics']['acc@25km'] == (np.arange(len(queries)) % 2)[
      kept].mean()


def test_a_page_says_what_was_found_and_what_was_not_looked_for(
    parts, tmp_path):
  audit(parts, tmp_path / 'a')
  page = (tmp_path / 'a' / 'audit.md').read_text()
  assert '30 queries of `q` against 90 rows' in page
  assert 'pictures were not compared: no --config.query_prints' in page
  assert '| near_25m | at most 25m apart |' in page
  assert '| origin | rows removed | 30 |' in page


@pytest.mark.parametrize('changes, complaint', [
    ({'queries': ''}, 'name one feature store of queries'),
    ({'rows': 'x'}, 'one of the two'),
    ({'gallery': '', 'rows': 'x', 'model': 'm'}, 'answers from a gallery'),
    ({'row_prints': 'p'}, 'compared where both are given'),
    ({'most_pairs': 0}, 'most_pairs=0'),
    ({'near_km': (0.,)}, 'near_km: 0.0 must be above 0'),
    ({'filters': ('none',)}, 'an audit answers with none and author')])
def test_bad_commands_are_refused(parts, tmp_path, changes, complaint):
  with pytest.raises(ValueError, match=complaint):
    audit(parts, tmp_path / 'a', **changes)
  assert not list((tmp_path / 'a').iterdir())


def test_pictures_are_compared_by_their_fingerprints(parts, tmp_path):
  drawn = independent.pictures(3, np.arange(4)).pixels
  rng = np.random.default_rng(0)
  # q0 is a0 as it is, q1 is a5 mirrored, q2 is nothing else.
  shown = {'q': {'q0': drawn[0], 'q1': recipes.RECIPES['flip'](drawn[1], rng),
                 'q2': drawn[3]},
           'a': {'a0': drawn[0], 'a5': drawn[1], 'a6': drawn[2]}}
  for name, pictures in shown.items():
    photos = stores.open_store(parts / name).photos
    photos = photos.take(np.isin(photos.ids, list(pictures)))
    prints.make(_Shown(photos, pictures), tmp_path / name, processes=0)
  report, lines = audit(parts, tmp_path / 'w', num_resamples=0,
                        query_prints=str(tmp_path / 'q'),
                        row_prints=str(tmp_path / 'a'))
  found = [(line['query'], line['row'], line['kind']) for line in lines
           if line['kind'] in ('pixels', 'picture')]
  assert found == [('q0', 'a0', 'pixels'), ('q0', 'a0', 'picture'),
                   ('q1', 'a5', 'picture')]
  assert '27 of 30 queries have no fingerprint' in ' '.join(report['notes'])
  assert figures(report, 'picture')['num_queries'] == 30


class _Shown:
  """Photos whose pictures are given."""

  def __init__(self, photos, pictures):
    self.photos, self._pictures = photos, pictures

  def read(self, row):
    file = io.BytesIO()
    PilImage.fromarray(self._pictures[str(self.photos.ids[row])]).save(
        file, 'PNG')
    return file.getvalue()
