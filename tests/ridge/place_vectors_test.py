"""Vectors of places: their products are worths, and a ridge is an embedder."""

import numpy as np
from pinpoint_jax.geo import coords
from pinpoint_jax.ridge import place_vectors
from pinpoint_jax.ridge import ridge as kernel_ridge

SCALE_KM = kernel_ridge.SCALES_KM['expected_score']


def places(num, seed=0):
  return coords.to_latlng_deg(np.random.default_rng(seed).normal(
      size=(num, 3)))


def test_products_are_worths_and_lengths_are_one_at_landmarks():
  some = places(60)
  vectors = place_vectors.fit(some, 100).of(some)
  np.testing.assert_allclose(vectors @ vectors.T, kernel_ridge.worths(
      some, some, SCALE_KM), atol=1e-4)


def test_elsewhere_they_are_shorter_and_still_close():
  tower = place_vectors.fit(places(900), 600)
  assert tower.landmarks.shape == (600, 2)
  others = tower.of(places(50, seed=1))
  assert (np.linalg.norm(others, axis=1) < 1).all()
  error = others @ others.T - kernel_ridge.worths(
      places(50, seed=1), places(50, seed=1), SCALE_KM)
  np.fill_diagonal(error, 0.)
  assert np.abs(error).max() < .2


def test_a_ridge_is_an_image_embedding():
  """What it says of each place, as one vector, has its scores as products."""
  rng, some = np.random.default_rng(2), places(40)
  model = kernel_ridge.fit(rng.normal(size=(40, 6)), some,
                           kernel_ridge.Settings())
  vectors = place_vectors.fit(model.latlng_deg, 100).of(model.latlng_deg)
  queries = rng.normal(size=(5, 6))
  image = kernel_ridge.chances(model, queries) @ vectors
  np.testing.assert_allclose(
      image @ vectors.T,
      kernel_ridge.scores(model, queries, model.latlng_deg, SCALE_KM),
      atol=1e-4)
