"""ScaNN without us finds what it finds behind our interface."""

import numpy as np
from pinpoint_jax.search import ann, ann_scann, vectors

from benchmarks import search_bench


def test_bare_scann_gives_our_rows():
  rows = np.random.default_rng(0).normal(size=(2000, 16)).astype(np.float32)
  rows /= np.linalg.norm(rows, axis=1, keepdims=True)
  index = ann_scann.ScannIndex.build(
      vectors.Vectors(rows), ann.Settings(20), 'rows')
  ours, bare = (search_bench.Ours(index, rows[:50], bare).search(
      12, (20, 200), 50)[0] for bare in (False, True))
  np.testing.assert_array_equal(np.sort(ours), np.sort(bare))
  assert (ours[:, 0] == np.arange(50)).all()
