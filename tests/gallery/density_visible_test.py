"""Counts around candidates, by loops over all rows a query may see."""

import numpy as np
from pinpoint_jax.gallery import density
from pinpoint_jax.geo import coords, distance
from pinpoint_jax.search import masks, row_sets

ROWS, QUERIES, K = 80, 5, 6


def world():
  rng = np.random.default_rng(0)
  places = rng.normal(0, .1, (ROWS, 2)) + [[20., -179.95]]
  places[:, 1] = coords.wrap_lng_deg(places[:, 1])
  sources = rng.integers(0, 2, ROWS).astype(np.uint8)
  candidates = rng.integers(0, ROWS, (QUERIES, K))
  candidates[1, 4:] = -1
  excluded = row_sets.same_code(np.array([0, 1, 2, 3, -1]),
                                rng.integers(0, 5, ROWS))
  return places, sources, candidates, masks.Mask(excluded, np.array([3, 9]))


def counts(places, sources, candidates, mask):
  return density.visible_counts(candidates, density.count(places, sources),
                                coords.to_xyz(places), sources, mask)


def test_counts_are_those_of_the_rows_the_query_may_see():
  places, sources, candidates, mask = world()
  actual = counts(places, sources, candidates, mask)
  assert actual.dtype == np.int32
  for query, slot in np.ndindex(candidates.shape):
    row = candidates[query, slot]
    seen = np.setdiff1d(np.arange(ROWS), mask.excluded.of(query))
    km = distance.haversine_km(places[row][None], places[seen])
    for r, radius in enumerate(density.RADII_KM):
      for source in range(2):
        near = (km <= radius) & (sources[seen] == source)
        want = near.sum() if row >= 0 else 0
        assert actual[query, slot, r, source] == want


def test_a_query_that_stands_in_the_gallery_leaves_no_trace():
  places, sources, candidates, _ = world()
  rows = np.arange(QUERIES)
  candidates = np.where(candidates < QUERIES, QUERIES, candidates)
  hidden = masks.Mask(row_sets.from_counts(np.repeat(rows[None], QUERIES, 0)
                                           .ravel(), np.full(QUERIES, QUERIES)),
                      np.zeros(0, np.int64))
  without = counts(places[QUERIES:], sources[QUERIES:], candidates - QUERIES,
                   masks.open_mask(QUERIES))
  np.testing.assert_array_equal(
      counts(places, sources, candidates, hidden), without)
