"""Our rows beside the published ones, and what is missing or mixed."""

import re

import numpy as np
from pinpoint_jax.evals import metrics, results
from pinpoint_jax.report import benchmark_tables, published
import pytest

ORIGIN = {'git': 'abc', 'model': 'm1', 'gallery': 'g1',
          'data': {'queries': 'q1', 'rerankers': {'full': 'r1'}}}
FULL_SET = ('raw_1nn', 'location_top1', 'retrieval', 'full', 'oracle')


def row(system, queries='yfcc4k', filter_name='none', origin=ORIGIN, **changes):
  errors = metrics.Errors(np.asarray([0.5, 10, 100, 5000]),
                          np.asarray(['a:x', 'a:y', 'a:z', 'a:w']))
  setting = results.Setting('evaluate', 'photo', system, 'combined',
                            filter_name, queries=queries)
  return results.row(setting, errors, origin, num_resamples=20) | changes


def every_row(queries='yfcc4k', num=4536):
  return [row(name, queries, num_queries=num)
          for name in ('chance', 'constant', *FULL_SET)] + [
              row(name, queries, 'author', num_queries=num)
              for name in FULL_SET]


def table(rows, name='yfcc4k', **named):
  return benchmark_tables.table(name, rows, lambda name: f'make {name}',
                                **named)


def ours(made):
  """Text of our lines, by system and filter."""
  return {(line[0].text, line[2].text): [cell.text for cell in line[4:]]
          for line in made.lines if line[1].text.startswith('ours')}


def test_a_whole_set_misses_nothing_and_keeps_the_order():
  made = table(every_row()[::-1])
  assert list(ours(made)) == [
      *((name, 'none') for name in ('chance', 'constant', *FULL_SET)),
      *((name, 'author') for name in FULL_SET)]
  line = next(line for line in made.lines if line[0].text == 'full')
  low, high = every_row()[0]['ci95']['acc@25km']
  assert line[6].text == '50.0'
  assert line[6].note == f'[{low * 100:.1f}, {high * 100:.1f}]'
  assert made.head[5] == '1 km' and line[5].text == '25.0'
  assert not [note for note in made.notes if 'make' in note]
  assert any('3,111' in note for note in made.notes)
  assert any('git abc, model m1, gallery g1' in note for note in made.notes)


def test_published_rows_come_first_as_they_are_printed():
  made = table(every_row())
  others = published.benchmarks()['yfcc4k'].rows
  assert [line[0].text.split(' (')[0] for line in made.lines[:len(others)]] == [
      row.system for row in others]
  first = [cell.text for cell in made.lines[0]]
  assert first[:11] == ['Pinpoint', 'arXiv 2606.04133', 'none', 'not known', '',
                        '33.0', '44.4', '57.5', '71.8', '84.5', '–']
  # What is from notes and not from the paper says so.
  noted = next(line for line in made.lines if 'rerun' in line[0].text)
  mark = noted[1].text.split()[-1]
  assert any(note.startswith(f'{mark} public research notes')
             for note in made.notes)


def test_a_missing_cell_names_the_command_that_fills_it():
  rows = [some for some in every_row()
          if (some['system'], some['filter']) not in {
              ('constant', 'none'), ('full', 'author')}]
  made = table(rows)
  lines = ours(made)
  mark = re.fullmatch(r'missing (\[\d+\])', lines['constant', 'none'][1])[1]
  for key in (('constant', 'none'), ('full', 'author')):
    assert lines[key] == ['', *[f'missing {mark}'] * 7]
  assert f'{mark} filled by `make yfcc4k`' in made.notes


def test_without_any_result_every_cell_of_ours_is_missing():
  lines = ours(table([]))
  assert len(lines) == 12
  assert {text.split()[0] for cells in lines.values()
          for text in cells[1:]} == {'missing'}


@pytest.mark.parametrize('changes, said', [
    ({'git': 'def'}, 'git def, not abc'),
    ({'model': 'm2'}, 'model m2, not m1'),
    ({'gallery': 'g2', 'git': 'def'}, 'git def, not abc; gallery g2, not g1'),
    ({'data': {'queries': 'q2'}}, 'queries q2, not q1'),
    ({'data': {'queries': 'q1', 'rerankers': {'full': 'r2'}}},
     'rerankers {"full": "r2"}, not {"full": "r1"}'),
])
def test_a_row_of_another_origin_is_marked_and_its_difference_named(
    changes, said):
  rows = every_row()
  rows[4] = row('retrieval', num_queries=4536, origin=ORIGIN | changes)
  made = table(rows)
  marked = [key for key in ours(made) if '[' in key[0]]
  assert len(marked) == 1 and marked[0][0].startswith('retrieval [')
  mark = marked[0][0].split()[-1]
  assert (f'{mark} not of one origin with the other rows: {said}; '
          f'`make yfcc4k` makes them all anew') in made.notes


def test_what_an_origin_does_not_say_marks_nothing():
  rows = every_row()
  rows[4] = row('retrieval', num_queries=4536, origin={'git': 'abc'})
  # A file of predictions: its model is the name of its system.
  rows += [row('theirs', num_queries=4536, origin={
      'git': 'abc', 'model': 'theirs', 'data': {'truth': 't'}})]
  assert not [key for key in ours(table(rows)) if '[' in key[0]]


def test_a_checkout_with_changes_is_said():
  rows = [row(name, num_queries=4536, origin=ORIGIN | {'git': 'abc+changes'})
          for name in FULL_SET]
  assert any('(+changes)' in note for note in table(rows).notes)


def test_a_subset_is_marked_where_its_number_is():
  made = table([row('full', num_queries=500)])
  count = ours(made)['full', 'none'][0]
  mark = re.fullmatch(r'500 (\[\d+\])', count)[1]
  assert any(note.startswith(f'{mark} 500 of 4,536 photos') for note in
             made.notes)


def test_names_of_places_have_both_denominators():
  # One of two truths with a name is right, of four in all.
  full = row('full', 'osv5m')
  full['metrics'] |= {'acc@city': .5, 'num@city': 2, 'acc@city_official': .25,
                      'num@city_official': 4}
  made = table([full], 'osv5m')
  column = made.head.index('city')
  line = next(line for line in made.lines if line[0].text == 'full'
              and line[2].text == 'none')
  assert line[column].text == '25.0'
  assert line[column].note == '50.0 of 2 named'
  assert line[made.head.index('country')].text.startswith('missing')
  city = {line[0].text: line[column].text for line in made.lines}
  assert city['Pinpoint'] == '26.0'


def test_another_distance_or_decoding_is_shown_or_refused():
  rows = [row('full', distance='geodesic'), row('full')]
  made = table(rows, distance='geodesic')
  assert {line[3].text for line in made.lines
          if line[1].text.startswith('ours')} == {'geodesic'}
  with pytest.raises(ValueError, match="no row has distance 'miles', there are "
                     r"\['geodesic', 'haversine'\]"):
    table(rows, distance='miles')
  with pytest.raises(ValueError, match='no row has decode'):
    table(rows, decode='expected_score')


def test_rows_without_intervals_say_so():
  made = table([row('full') | {'ci95': {}}])
  assert any('without intervals' in note for note in made.notes)


def test_query_sets_of_no_benchmark_have_a_table_and_synthetic_ones_say_so():
  rows = [row('full', 'query_photo_new'), row('full', 'mine'),
          row('full', 'im2gps3k')]
  assert benchmark_tables.names(rows) == ['im2gps3k', 'query_photo_new', 'mine']
  titles = [benchmark_tables.title(name, rows)
            for name in benchmark_tables.names(rows)]
  assert titles == ['IM2GPS3k',
                    'query_photo_new: Synthetic Earth (synthetic)', 'mine']
  # No row of ours is filtered: there is nobody to hide.
  assert {key[1] for key in ours(table(rows, 'mine'))} == {'none'}
  with pytest.raises(ValueError, match="no query set 'im2gps'; choices are"):
    benchmark_tables.names(rows, ['im2gps'])
