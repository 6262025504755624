"""Towers on numpy arrays: any number of rows, each for itself."""

import jax.numpy as jnp
import numpy as np
from pinpoint_jax.models import encoding
import pytest

from tests.fixtures import tiny_embedder as tiny

NUM = 1030  # A block is 1024.


@pytest.fixture(scope='module', params=[encoding.FEW, encoding.MANY])
def encoder(request):
  return encoding.Encoder(tiny.model(), request.param)


def test_rows_do_not_depend_on_each_other(encoder):
  params, batch = tiny.first_params(), tiny.batch(rows=NUM)
  batch = batch['photo']
  for encode, rows in (
      (lambda x: encoder.images(params, 'photo', x), batch['features']),
      (lambda x: encoder.locations(params, x), batch['xyz'])):
    whole = encode(rows)
    assert whole.shape == (NUM, 8) and whole.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(whole, axis=1), 1, rtol=1e-6)
    for start, stop in ((0, 1), (1020, NUM), (7, 7)):
      np.testing.assert_array_equal(encode(rows[start:stop]),
                                    whole[start:stop])


def test_it_is_the_model(encoder):
  params = tiny.first_params()
  xyz = tiny.batch(rows=5)['photo']['xyz']
  result = tiny.model().apply(
      {'params': params}, jnp.asarray(xyz), method='locations')
  # Waves have angles up to 54, where float32 rounds by 4e-6: products of 16
  # rows and of 5 may differ by that, as they do on some processors.
  np.testing.assert_allclose(encoder.locations(params, xyz), result, atol=4e-6)


def test_a_source_it_does_not_know(encoder):
  with pytest.raises(KeyError, match='drone'):
    encoder.images(tiny.first_params(), 'drone', np.zeros((1, 6)))
