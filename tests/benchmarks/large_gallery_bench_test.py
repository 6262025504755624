"""A gallery built, verified and searched stage by stage, at a tiny size."""

import itertools
import json
import pathlib

from experiments.configs import train_reranker
import numpy as np
from pinpoint_jax.evals import errors_file, metrics, results
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import indexes
from pinpoint_jax.search import ann
import pytest

from benchmarks import (
  examples_bench,
  examples_rerank_bench,
  large_gallery_bench,
)

ROWS = 900


@pytest.fixture(scope='module')
def built(tmp_path_factory) -> tuple[pathlib.Path, dict]:
  """The folder after all stages in this process, and what each has found."""
  folder = tmp_path_factory.mktemp('large')
  args = large_gallery_bench.arguments([
      '--out=.', f'--rows={ROWS}', '--segment_rows=500', '--rerank=96',
      '--size=quick'])
  return folder, {name: stage(folder, args)
                  for name, stage in large_gallery_bench.STAGES.items()}


@pytest.mark.slow
def test_all_rows_are_in_segments_verified_and_found(built):
  folder, found = built
  gallery = galleries.open_gallery(folder / 'gallery')
  assert len(gallery) == found['verify']['rows'] == ROWS
  # Blocks of 4,096 rows are not cut: photos and street views of one segment.
  assert found['gallery']['segments'] == len(gallery.segments) == 1
  assert found['search']['recall'] == dict.fromkeys(
      ('image', 'location', 'raw'), 1.)


@pytest.mark.slow
def test_seconds_of_examples_are_scaled_to_the_target(built, monkeypatch):
  folder, _ = built
  full = train_reranker.get_config
  def small(arg: str | None = None):
    config = full('quick')
    config.region.cells, config.examples.rounds = 32, 2
    return config
  monkeypatch.setattr(train_reranker, 'get_config', small)
  with pytest.raises(ValueError, match='has no index'):
    examples_bench.measure(folder, 64, 8)
  indexes.build(folder / 'gallery', smallest=10, report_fn=str)
  found = examples_bench.measure(folder, 64, 8)
  assert found['takes_s'] == 200_000 * found['index']['wall_s']
  assert (found['index']['queries'], found['exact']['queries']) == (64, 8)
  assert min(found['recall'].values()) > .5


def test_efforts_are_tried_from_the_cheapest_to_all_cells():
  class Index:
    """A million rows in 1,000 cells."""
    settings = ann.Settings(num_leaves=1000, leaves_to_search=1, reorder=120)
    def __len__(self):
      return 1_000_000
  efforts = large_gallery_bench.efforts(Index())
  # 1,000 rows by their codes and 120 again come to about 183 rows.
  assert efforts[:4] == [(1, 120), (2, 120), (4, 120), (1, 480)]
  assert efforts[-1] == (512, 7680)
  assert len(efforts) == len(set(efforts)) == 10 * 4


@pytest.mark.long
def test_rerankers_of_examples_by_index_are_compared(built):
  folder, _ = built
  indexes.build(folder / 'gallery', smallest=10, report_fn=str)
  for seed, how in itertools.product((0, 1), ('index', 'exact')):
    examples_rerank_bench.train(folder, how, seed, 'quick')
    examples_rerank_bench.answer(folder, how, seed)
  rows = examples_rerank_bench.differences(folder, 2)
  assert {(row['system'], row['base']) for row in rows} == {('index', 'exact')}
  assert {row['num_queries'] for row in rows} == {
      2 * large_gallery_bench.NUM_QUERIES}
  # All cells are looked into: the examples and so the rerankers are the same.
  assert {row['difference'] for row in rows} == {0.}
  # Another seed is another reranker.
  weights = [(folder / 'reranker' / f'index_{seed}' / 'model' /
              'fingerprint.json').read_text() for seed in (0, 1)]
  assert weights[0] != weights[1]


def test_differences_are_of_the_mean_of_seeds_by_photographer(tmp_path):
  def write(how, seed, dist_km):
    errors_file.write(
        tmp_path / 'answers' / f'{how}_{seed}' / 'errors',
        {results.Key('q', 'full'): metrics.Errors(
            np.asarray(dist_km), np.arange(8).astype(str))},
        {'q': np.arange(8).astype(str)})
  # Right within 1 km are 6 of 8 and 7, in place of 4 both times.
  write('index', 0, [.5] * 6 + [5000.] * 2)
  write('index', 1, [.5] * 7 + [5000.])
  for seed in (0, 1):
    write('exact', seed, [.5] * 4 + [5000.] * 4)
  row = examples_rerank_bench.differences(tmp_path, 2)[0]
  assert (row['figure'], row['by_seed']) == ('acc@1km', [25., 37.5])
  assert row['difference'] == 31.25
  # Eight photographers, not sixteen.
  assert (row['num_clusters'], row['num_queries']) == (8, 16)


def test_a_stage_that_is_done_is_not_run_again(tmp_path, monkeypatch):
  ran = []
  def run(command, limit_s, log):
    ran.append(command[3])
    (tmp_path / 'found.json').write_text('{"rows": 7}')
    return dict(ended='done', wall_s=1.)
  monkeypatch.setattr(large_gallery_bench.stages, 'run', run)
  args = large_gallery_bench.arguments(['--out=.'])
  found = large_gallery_bench.measure(tmp_path, 7, args, ('world', 'gallery'))
  assert found['gallery'] == dict(ended='done', wall_s=1., rows=7)
  (tmp_path / 'gallery.json').unlink()
  large_gallery_bench.measure(tmp_path, 7, args, ('world', 'gallery'))
  assert ran == ['--stage=world', '--stage=gallery', '--stage=gallery']


def test_a_folder_that_was_begun_otherwise_is_refused(tmp_path, monkeypatch):
  monkeypatch.setattr(large_gallery_bench.stages, 'run', lambda *_: dict(
      ended='failed'))
  args = large_gallery_bench.arguments(['--out=.', '--target=.97'])
  for _ in range(2):  # Asked for again, the same goes on.
    with pytest.raises(RuntimeError, match='stage world'):
      large_gallery_bench.measure(tmp_path, 7, args)
  args.target = .95
  with pytest.raises(SystemExit, match=(
      r'--target=0.97, now asked for is .*--target=0.95: name another')):
    large_gallery_bench.measure(tmp_path, 7, args)


def test_a_gallery_of_other_rows_is_not_the_one_asked_for(tmp_path):
  assert not large_gallery_bench.built(tmp_path, 7)
  for name in large_gallery_bench.STAGES:
    (tmp_path / f'{name}.json').write_text('{"rows": 7}')
  assert large_gallery_bench.built(tmp_path, 7)
  assert not large_gallery_bench.built(tmp_path, 8)


def test_a_stage_that_fails_names_its_log(tmp_path, monkeypatch):
  monkeypatch.setattr(large_gallery_bench.stages, 'run',
                      lambda *_: dict(ended='failed'))
  with pytest.raises(RuntimeError, match='stage world of 7 rows failed: read'):
    large_gallery_bench.measure(
        tmp_path, 7, large_gallery_bench.arguments(['--out=.']))


def test_growth_is_the_power_of_the_rows(tmp_path):
  one = lambda rows, cost, processor='a': dict(
      rows=rows, raw='int8', processor=processor, one_query_cpu_ms=cost)
  large_gallery_bench.add_size(tmp_path / 'x.json', one(1_000_000, 10.))
  large_gallery_bench.add_size(tmp_path / 'x.json', one(10_000, 2.))
  large_gallery_bench.add_size(tmp_path / 'x.json', one(10_000, 1.))
  written = json.loads((tmp_path / 'x.json').read_text())
  # A hundred times the rows, ten times the cost; the later of two counts.
  assert written['growth'] == pytest.approx(.5)
  assert [x['rows'] for x in written['sizes']] == [10_000, 1_000_000]
  # What a faster machine took is kept and does not count.
  large_gallery_bench.add_size(tmp_path / 'x.json', one(1_000_000, 2., 'b'))
  written = json.loads((tmp_path / 'x.json').read_text())
  assert written['growth'] == pytest.approx(.5)
  assert len(written['sizes']) == 3
