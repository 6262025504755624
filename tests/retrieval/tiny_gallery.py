"""Small galleries whose rows follow from their ids alone."""

import functools
import pathlib
import zlib

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.features import store_writer
from pinpoint_jax.models import embedder_files, encoding
from pinpoint_jax.retrieval import gallery_files as files
from pinpoint_jax.retrieval import gallery_writer

from tests.train import tiny_embedder

DIM = tiny_embedder.DIM
MADE = {'backbone': 'tiny/backbone', 'weight_hash': 'abc',
        'preprocess': 'resize:8', 'dim': DIM}
SETTINGS = gallery_writer.Settings()


def trained(fingerprint='feed', sources=types.SOURCES, **made):
  return embedder_files.Trained(
      tiny_embedder.model(sources=sources),
      dict(tiny_embedder.first_params(sources=sources)),
      {source: MADE | made for source in sources}, fingerprint)


def features(ids):
  return np.stack([np.random.default_rng(zlib.crc32(i.encode())).normal(
      size=DIM) for i in ids]).astype(np.float16) if len(ids) else np.zeros(
          (0, DIM), np.float16)


def photos(ids, source='photo'):
  """Every fourth has an author, of the others every second a sequence."""
  sums = [zlib.crc32(i.encode()) for i in ids]
  places = np.array([[x % 160 - 80 + .1, x // 160 % 360 - 180 + .2]
                     for x in sums]).reshape(-1, 2)
  return types.Photos(
      np.array(ids, np.str_), places.astype(np.float32).astype(np.float64),
      np.array([f'author{x % 3}' if x % 4 == 0 else '' for x in sums], np.str_),
      np.array([f'drive{x % 5}' if x % 2 else '' for x in sums], np.str_),
      source)


def make_store(path, ids, source='photo', rows=None, facts=None):
  given = rows if rows is not None else features(ids).astype(np.float32)
  made = MADE | (facts or {})
  store_writer.write(pathlib.Path(path), photos(ids, source), [given],
                     made['dim'], store_writer.Facts(
                         made['backbone'], made['weight_hash'],
                         made['preprocess']))
  return pathlib.Path(path)


def names(prefix, count):
  return [f'{prefix}{i}' for i in range(count)]


def build(path, stores, settings=SETTINGS, **options):
  return gallery_writer.build(path, trained(), stores, settings,
                              encoder=encoder(), **options)


def add(path, stores, **options):
  return gallery_writer.add(path, trained(), stores, encoder=encoder(),
                            **options)


@functools.cache
def encoder():
  return encoding.Encoder(trained().model)


def content(path):
  """Every file that makes a gallery, by its name."""
  return {str(file.relative_to(path)): file.read_bytes()
          for file in sorted(pathlib.Path(path).rglob('*'))
          if file.is_file() and file.name not in (files.LOCK, *files.RECORDS)}


def search(gallery, k=5):
  """Ids and scores of the best rows of fixed queries, in plain numpy."""
  live = np.setdiff1d(np.arange(len(gallery)), gallery.removed)
  found = []
  for name in types.CHANNELS:
    rows = np.concatenate([part.block(0, len(part))
                           for part in gallery.channel(name)])[live]
    query = np.random.default_rng(0).normal(size=(3, rows.shape[1]))
    scores = (query[:, None] * rows[None]).sum(axis=-1)
    ids = gallery.ids(live)
    for one in scores:
      best = np.lexsort([ids, -one])[:k]
      found.append((ids[best].tolist(), [x.hex() for x in one[best]]))
  return found
