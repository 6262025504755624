"""Weights go to the device once for all that is encoded with them."""

import types as python_types

import jax
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.evals import location_retrieval
from pinpoint_jax.gallery import segment_writer
from pinpoint_jax.models import encoding
import pytest

from tests.fixtures import tiny_embedder as tiny
from tests.fixtures import tiny_gallery


@pytest.fixture
def placed(monkeypatch):
  """How many trees of numpy weights were handed to the device."""
  counted, put = [], jax.device_put
  def counting(tree, *args):
    if any(isinstance(x, np.ndarray) for x in jax.tree.leaves(tree)):
      counted.append(tree)
    return put(tree, *args)
  monkeypatch.setattr(encoding.jax, 'device_put', counting)
  return counted


def test_placed_weights_stay_where_they_are(placed):
  params = encoding.place(tiny.first_params())
  again = encoding.place(params)
  assert len(placed) == 1
  for one, other in zip(*map(jax.tree.leaves, (params, again))):
    assert one.unsafe_buffer_pointer() == other.unsafe_buffer_pointer()


def test_a_gallery_places_them_once_for_all_its_blocks(
    tmp_path, monkeypatch, placed):
  monkeypatch.setattr(segment_writer, 'BLOCK_ROWS', 8)
  stores = [tiny_gallery.make_store(tmp_path / source,
                                    tiny_gallery.names(source, 20), source)
            for source in types.SOURCES]
  tiny_gallery.build(tmp_path / 'g', stores, quiet=True)
  assert len(placed) == 1


def test_an_evaluation_places_them_once_and_finds_the_nearest_place(placed):
  batch = tiny.batch(rows=9)['photo']
  photos = tiny_gallery.photos(tiny_gallery.names('q', 9))
  apart = types.Photos(photos.ids, photos.latlng_deg, np.full(9, ''),
                       np.full(9, ''), 'photo')
  evaluator = location_retrieval.LocationRetrieval(
      'validation', 1, encoding.Encoder(tiny.model()),
      location_retrieval.Queries(apart, batch['features']), apart,
      batch['xyz'])
  figures = evaluator.run(python_types.SimpleNamespace(
      ema=tiny.first_params()))
  assert len(placed) == 1 and 0 <= figures['acc@1km'] <= 100
