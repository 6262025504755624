"""GeoScore by hand, in numpy and on the device."""

import math

import jax.numpy as jnp
import numpy as np
from pinpoint_jax.geo import geoscore
import pytest

KM = [0., 1492.7, 2985.4]


def test_points_by_hand():
  np.testing.assert_allclose(
      geoscore.points(np.array(KM)),
      [5000, 5000 / math.e, 5000 / math.e**2], rtol=1e-15)


@pytest.mark.parametrize('xp', [np, jnp])
def test_share_is_of_the_kind_of_its_argument(xp):
  share = geoscore.share(xp.asarray(KM))
  assert isinstance(share, type(xp.asarray(KM)))
  np.testing.assert_allclose(share, [1, 1 / math.e, 1 / math.e**2], rtol=1e-6)
