"""Embeddings with same, near, far and empty places, for tests of losses."""

import jax.numpy as jnp
import numpy as np
from pinpoint_jax.geo import coords
from pinpoint_jax.losses import records

SCALE = records.Scale(jnp.asarray(7.), jnp.asarray(-3.))


def unit(x):
  return x / np.linalg.norm(x, axis=1, keepdims=True)


def places(num, rng):
  """Anywhere, but each third is where the one before is, or 100 m north."""
  latlng_deg = np.stack([rng.uniform(-80, 80, num),
                         rng.uniform(-180, 180, num)], axis=1)
  latlng_deg[2::6] = latlng_deg[1::6][:len(latlng_deg[2::6])]
  near = latlng_deg[4::6][:len(latlng_deg[5::6])]
  latlng_deg[5::6] = near + [0.0009, 0]
  return coords.to_xyz(latlng_deg).astype(np.float32)


def embedded(num_rows, num_queued=0, num_empty=0, dim=8, seed=0):
  """Rows and columns; the queue's first place is the first row's."""
  rng = np.random.default_rng(seed)
  num_cols = num_rows + num_queued
  xyz = places(num_rows, rng)
  queued = places(num_queued, rng)
  queued[:1] = xyz[:1]
  queued[num_queued - num_empty:] = 0
  z = [unit(rng.normal(size=(n, dim))).astype(np.float32)
       for n in (num_rows, num_cols)]
  return (records.Embedded(jnp.asarray(z[0]), jnp.asarray(xyz)),
          records.Embedded(jnp.asarray(z[1]),
                           jnp.asarray(np.concatenate([xyz, queued]))))
