"""Support against loops over candidates and rows."""

import numpy as np
from pinpoint_jax.gallery import neighbours
from pinpoint_jax.geo import distance
from pinpoint_jax.rerank import support
from pinpoint_jax.search import masks, row_sets, vectors
import pytest

ROWS, DIM, NUM, K = 500, 16, 6, 9


@pytest.fixture(scope='module')
def gallery():
  rng = np.random.default_rng(0)
  # Half in one city, half scattered: full lists, short ones and empty ones.
  places = np.concatenate([rng.normal(0, .1, (ROWS // 2, 2)),
                           rng.uniform(-60, 60, (ROWS // 2, 2))])
  sources = rng.integers(0, 2, ROWS).astype(np.uint8)
  lists = neighbours.build_lists(places, sources)
  # Quarters: dot products are exact, and many are equal.
  z = rng.integers(-1, 2, (ROWS, DIM)).astype(np.float16) / 4
  return lists, vectors.Vectors(z), support.Nearby(places, sources)


def select(z, candidates, lists, z_image, nearby, mask):
  return support.select(z, candidates, lists, z_image, mask, nearby)


@pytest.fixture(scope='module')
def asked():
  rng = np.random.default_rng(1)
  z = rng.integers(-1, 2, (NUM, DIM)).astype(np.float32) / 4
  candidates = rng.integers(0, ROWS, (NUM, K))
  candidates[2, 5:] = -1
  excluded = row_sets.same_code(
      rng.integers(0, 4, NUM), rng.integers(0, 4, ROWS))
  return z, candidates, masks.Mask(excluded, np.arange(0, ROWS, 11))


def _plain(z_query, candidate, query, nearby, z_image, mask):
  """Rows, similarities, count and nearest km of one candidate.

  What the query may not see is hidden first, then the 64 nearest are taken.
  """
  places, sources = nearby._latlng_deg, nearby._sources
  near = []
  if candidate >= 0:
    km = distance.haversine_km(places, places[candidate])
    hidden = np.isin(np.arange(ROWS), np.append(
        mask.excluded.of(query), mask.removed))
    near = sorted((km[row], row) for row in np.flatnonzero(
        (sources != sources[candidate]) & (km <= 25) & ~hidden))[:64]
  result = sorted((-float(z_query @ z_image.stored[row].astype(np.float32)),
                   int(row)) for _, row in near)[:8]
  return ([row for _, row in result], [-score for score, _ in result],
          len(near),
          np.float32(near[0][0]) if near else np.inf)


def test_select_is_the_plain_loop(gallery, asked):
  z, candidates, mask = asked
  result = select(z, candidates, *gallery, mask)
  assert result.counts.min() == 0
  # Full although a part of the list on disk is hidden.
  assert result.counts.max() == neighbours.MOST
  for query, candidate in np.ndindex(candidates.shape):
    rows, similarities, count, nearest = _plain(
        z[query], candidates[query, candidate], query, gallery[2], gallery[1],
        mask)
    at = query, candidate
    pads = 8 - len(rows)
    assert result.rows[at].tolist() == rows + [-1] * pads
    assert result.similarities[at].tolist() == similarities + [-np.inf] * pads
    assert result.counts[at] == count
    assert result.nearest_km[at] == pytest.approx(nearest, rel=1e-6)
    assert result.exists[at] == bool(rows)


def test_an_answer_does_not_depend_on_company(gallery, asked):
  _, candidates, mask = asked
  lists, z_image, nearby = gallery
  rng = np.random.default_rng(2)
  z = rng.normal(size=(NUM, DIM)).astype(np.float32)
  z_image = vectors.Vectors(rng.normal(size=z_image.stored.shape).astype('f2'))
  whole = select(z, candidates, lists, z_image, nearby, mask)
  for query in range(NUM):
    one = slice(query, query + 1)
    alone = select(z[one], candidates[one, ::-1], lists, z_image, nearby,
                   mask.take(one))
    np.testing.assert_array_equal(alone.rows[0, ::-1], whole.rows[query])
    np.testing.assert_array_equal(
        alone.similarities[0, ::-1], whole.similarities[query])


def test_support_is_of_the_other_source_and_of_nobody_hidden(gallery, asked):
  z, candidates, mask = asked
  result = select(z, candidates, *gallery, mask)
  rows = result.rows.reshape(NUM, -1)
  assert not (mask.hides(rows) & (rows >= 0)).any()


def test_nothing_asked_nothing_found(gallery):
  lists, z_image, nearby = gallery
  for shape in ((0, 3), (2, 0)):
    result = select(
        np.zeros((shape[0], DIM), np.float32), np.zeros(shape, int), lists,
        z_image, nearby, masks.open_mask(shape[0]))
    assert result.rows.shape == (*shape, 8)


def test_another_gallerys_vectors_are_refused(gallery):
  lists, z_image, nearby = gallery
  with pytest.raises(ValueError, match='499 vectors and 500'):
    select(np.zeros((1, DIM), np.float32), np.zeros((1, 1), int), lists,
           vectors.Vectors(z_image.stored[1:]), nearby, masks.open_mask(1))
