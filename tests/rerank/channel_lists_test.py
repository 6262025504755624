"""Weights of single channels: what is right is right by more."""

import dataclasses

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.rerank import channel_lists, examples
import pytest

from tests.fixtures import tiny_ranking as tiny


def labeled():
  found = tiny.ground().gallery
  rows = np.arange(0, 180, 2)
  vectors = lambda name: found.channel(name)[0].take(rows)
  return examples.LabeledQueries(
      dataclasses.replace(found.photos(rows), source='photo'),
      tiny.queries(len(rows)).__class__(vectors('image'), vectors('raw')))


def test_every_channel_gets_a_temperature_and_raw_the_region():
  fitted = channel_lists.fit(tiny.ground().searcher, labeled(),
                             tiny.region_priors()['region'])
  assert set(fitted.temperatures) <= set(types.CHANNELS)
  assert all(value > 0 for value in fitted.temperatures.values())
  assert set(fitted.region) == {'raw', channel_lists.REGION}
  assert np.isfinite(list(fitted.region.values())).all()
  without = channel_lists.fit(tiny.ground().searcher, labeled(), None)
  assert without.region == {} and without.temperatures == fitted.temperatures


def test_a_channel_that_says_nothing_is_named(capsys, monkeypatch):
  def nothing(*_):
    raise channel_lists.fusion.NoSignal('no')
  monkeypatch.setattr(channel_lists.fusion, 'fit', nothing)
  fitted = channel_lists.fit(tiny.ground().searcher, labeled(), None)
  assert fitted.temperatures == {}
  assert 'location similarities of training queries' in capsys.readouterr().out


def test_a_list_knows_its_own_similarity_alone():
  listed = channel_lists._only(2, types.Candidates(
      np.array([[7, 3, -1]]), np.float32([[.9, .8, -np.inf]])))
  assert listed.ranks[0].tolist() == [[-1, -1, 0], [-1, -1, 1], [-1, -1, -1]]
  np.testing.assert_allclose(listed.similarities[0, :2],
                             [[0, 0, .9], [0, 0, .8]], rtol=1e-6)
  assert listed.similarities[0, 2] == pytest.approx(-np.inf)
