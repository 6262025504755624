"""Priors: which rows they learn from, what is kept, what they say."""

import dataclasses

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.rerank import columns, geo_prior, priors, region_prior
import pytest

from tests.fixtures import tiny_ranking as tiny


def gallery(**changes):
  return dataclasses.replace(tiny.ground().gallery, **changes)


def test_settings_come_back_from_what_is_saved():
  assert tiny.RIDGE.sizes() == {'ridge': {'centres': 5, 'anchors': 4}}
  assert priors.settings(tiny.RIDGE.sizes()) == tiny.RIDGE
  assert priors.Settings().sizes() == {}


def test_a_column_without_its_prior_is_refused():
  priors.check(gallery(), ('density',), priors.Settings())
  for name in columns.PRIORS:
    with pytest.raises(ValueError, match=f"'{name}', whose prior has no size"):
      priors.check(gallery(), ('density', name), priors.Settings())


def test_a_gallery_without_raw_features_has_none():
  without = gallery(manifest={**gallery().manifest, 'raw': 'off'})
  priors.check(without, ('own',), priors.Settings())
  with pytest.raises(ValueError, match='no raw features to fit a prior on'):
    priors.check(without, (), tiny.RIDGE)


def test_rows_are_of_both_sources_and_neither_deleted_nor_hidden(monkeypatch):
  deleted, hidden = np.array([0, 1, 91]), np.array([5, 7, 100])
  rows = priors.rows_to_fit(gallery(removed=deleted), hidden)
  np.testing.assert_array_equal(rows, np.setdiff1d(
      np.arange(2 * tiny.ROWS), [*deleted, *hidden]))
  monkeypatch.setattr(priors, '_MOST_ROWS', 10)
  rows = priors.rows_to_fit(gallery(removed=deleted), hidden)
  assert (np.diff(rows) > 0).all()
  assert np.bincount(gallery().source[rows]).tolist() == [10, 10]


def test_with_too_few_rows_the_way_out_is_named():
  with pytest.raises(ValueError, match='less than two rows .* without the col'):
    priors.rows_to_fit(gallery(), np.arange(1, 2 * tiny.ROWS))


@pytest.mark.parametrize('task', types.SOURCES)
def test_the_ridge_learns_from_the_tasks_rows(task):
  ground, rows = tiny.ground(), np.arange(20, 160)
  fitted = priors.fit(ground.gallery, rows, task, tiny.RIDGE)
  own = rows[ground.gallery.source[rows] == types.SOURCES.index(task)]
  raw = ground.gallery.channel('raw')[0].take(own)
  expected = geo_prior.fit(raw, ground.gallery.latlng_deg[own], 5, 4)
  assert fitted.keys() == {'ridge'}
  for name, array in expected.items():
    np.testing.assert_array_equal(fitted['ridge'][name], array)
  shapes = {f'ridge/{name}': array.shape for name, array in expected.items()}
  assert priors.shapes(tiny.RIDGE.sizes(), tiny.DIMS.raw) == shapes
  queries, near = tiny.queries(3), np.zeros((3, 2, 2))
  by_group = priors.columns_of(fitted, task, queries.raw, near)
  np.testing.assert_array_equal(
      by_group['ridge'], geo_prior.columns(expected, queries.raw, near))
  assert by_group['ridge'].shape[-1] == len(columns.GROUPS['ridge'])


def test_what_is_kept_is_read_back_and_what_is_changed_refused(tmp_path):
  load = lambda sizes, num=40: priors.load_or_fit(
      tiny.ground().gallery, np.arange(num), 'photo', sizes, tmp_path / 'p')
  assert load(priors.Settings()) == {} and not (tmp_path / 'p').exists()
  fitted, stored = load(tiny.RIDGE), load(tiny.RIDGE)
  assert fitted.keys() == stored.keys() == {'ridge'}
  for name, array in fitted['ridge'].items():
    assert array.tobytes() == stored['ridge'][name].tobytes()
  with pytest.raises(ValueError, match='rows 40 → 41'):
    load(tiny.RIDGE, 41)
  path = tmp_path / 'p' / 'part_00000' / 'ridge-centres.npy'
  data = bytearray(path.read_bytes())
  data[-1] ^= 1
  path.write_bytes(data)
  with pytest.raises(ValueError, match='ridge-centres.npy was changed'):
    load(tiny.RIDGE)


def test_the_region_prior_learns_from_both_sources(monkeypatch):
  """Each row with its own origin; columns are those of the task's source."""
  ground, rows, heard = tiny.ground(), np.arange(0, 180, 2), {}
  sizes = priors.settings({'region': {'cells': 4}})
  shapes = priors.shapes({'region': {'cells': 4}}, tiny.DIMS.raw)
  def fit(raw, latlng_deg, origins, settings):
    heard.update(raw=raw, places=latlng_deg, origins=origins, size=settings)
    return {'axes': np.zeros(3)}
  monkeypatch.setattr(region_prior, 'fit', fit)
  fitted = priors.fit(ground.gallery, rows, 'street', sizes)
  assert fitted == {'region': {'axes': pytest.approx([0, 0, 0])}}
  for i, source in enumerate(types.SOURCES):
    own = rows[ground.gallery.source[rows] == i]
    np.testing.assert_array_equal(
        heard['places'][source], ground.gallery.latlng_deg[own])
    np.testing.assert_array_equal(
        heard['raw'][source], ground.gallery.channel('raw')[0].take(own))
    np.testing.assert_array_equal(
        heard['origins'][source], ground.gallery.photos(own).clusters)
  assert heard['size'] == sizes.region and 'region/axes' in shapes


@pytest.mark.parametrize('task', types.SOURCES)
def test_region_columns_are_read_as_the_tasks_source(task, monkeypatch):
  heard = []
  monkeypatch.setattr(region_prior, 'columns', lambda *args: heard.append(
      args) or np.zeros((3, 2, 1)))
  queries, near = tiny.queries(3), np.zeros((3, 2, 2))
  by_group = priors.columns_of({'region': {}}, task, queries.raw, near)
  assert by_group.keys() == {'region'} and heard[0][1] == task
