"""What every photo source must pass, whatever it reads."""

from concurrent import futures
import pickle

import numpy as np
from pinpoint_jax.images import decode


def same_images(source, images, ordered=True):
  """Rows are exactly `images` {id: bytes}, read by any order and any thread.

  A pickled copy, which must hold no open file, reads the same.
  """
  ids = source.photos.ids.tolist()
  assert (ids == list(images)) if ordered else (set(ids) == set(images))
  assert len(source.photos) == len(source.photos.latlng_deg) == len(ids)
  for row in np.random.default_rng(1).permutation(len(ids)).tolist():
    data = source.read(row)
    assert data == images[ids[row]], ids[row]
    assert decode.decode(data).pixels.shape == (24, 24, 3)
  copy = pickle.loads(pickle.dumps(source))
  assert copy.notes == source.notes
  assert copy.photos.fingerprint() == source.photos.fingerprint()
  rows = [*range(len(ids))] * 5
  with futures.ThreadPoolExecutor(8) as pool:
    found = list(pool.map(copy.read, rows))
  assert found == [images[ids[row]] for row in rows]
