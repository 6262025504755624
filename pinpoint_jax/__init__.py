"""Finds where photos were taken, and shows the photos that support the answer.

A feature store holds features of photos with known places; an embedder puts
photos, street views and places into one space; a gallery is what it made of
stores, ready to be searched; a reranker chooses among candidates; a model is
all of these but the gallery, and answers photos.

>>> import numpy as np
>>> import pinpoint_jax as pj
>>> photos = pj.open_store('photos')             # a folder of flat files
>>> len(photos), photos.manifest['source'], str(photos.photos.ids[0])
(40, 'photo', 'p0')
>>> embedder = pj.load_embedder('embedder/model')
>>> gallery = pj.open_gallery('gallery', embedder)  # refuses a foreign embedder
>>> len(gallery), gallery.num_live
(80, 80)
>>> queries = pj.encode_store(embedder, pj.open_store('queries'))
>>> searcher = pj.Searcher(gallery)
>>> nearest = searcher.search('image', queries.z_image, k=3)
>>> nearest.rows.shape
(5, 3)
>>> bool((nearest.scores[:, 0] >= nearest.scores[:, 1]).all())
True
>>> gallery.latlng_deg[nearest.rows[:, 0]].shape   # where each query may be
(5, 2)
>>> shortlist = searcher.shortlist(queries, pj.ShortlistSizes(image=8))
>>> shortlist.rows.shape                  # 8 image + 2 location + 2 raw
(5, 12)
>>> pinpoint = pj.Pinpoint.load('model', gallery='gallery')
>>> answers = pinpoint.predict(pj.open_store('queries'), top_k=3)
>>> len(answers), answers[0].task, len(answers[0].candidates)
(5, 'photo', 3)
>>> sorted({row.source for row in answers[0].evidence} - {'photo', 'street'})
[]
>>> paris, london = np.array([48.8566, 2.3522]), np.array([51.5074, -0.1278])
>>> round(float(pj.haversine_km(paris, london)))
344

Names are imported when first used: `import pinpoint_jax` alone is quick.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
  from pinpoint_jax.answer.claim_records import Verdict
  from pinpoint_jax.answer.predict import Pinpoint
  from pinpoint_jax.answer.records import Answer, Candidate, Evidence, Place
  from pinpoint_jax.candidates.filters import mask as filter_mask
  from pinpoint_jax.candidates.queries import encode_store
  from pinpoint_jax.candidates.searcher import Searcher
  from pinpoint_jax.candidates.shortlist import Queries
  from pinpoint_jax.candidates.shortlist import Sizes as ShortlistSizes
  from pinpoint_jax.evals.evaluation import evaluate
  from pinpoint_jax.evals.metrics import geoscore
  from pinpoint_jax.features.store import FeatureStore, open_store
  from pinpoint_jax.gallery.gallery import Gallery, open_gallery
  from pinpoint_jax.geo.distance import haversine_km
  from pinpoint_jax.models.embedder_files import load as load_embedder
  from pinpoint_jax.rerank.files import load as load_reranker
  from pinpoint_jax.rerank.ranker import Ranker
  from pinpoint_jax.types import Candidates, Photos, Predictions, Shortlist

__version__ = '0.2.0'

# Public name: the module it is in, and its name there.
_PUBLIC = {
    'Answer': ('answer.records', 'Answer'),
    'Candidate': ('answer.records', 'Candidate'),
    'Candidates': ('types', 'Candidates'),
    'Evidence': ('answer.records', 'Evidence'),
    'FeatureStore': ('features.store', 'FeatureStore'),
    'Gallery': ('gallery.gallery', 'Gallery'),
    'Photos': ('types', 'Photos'),
    'Pinpoint': ('answer.predict', 'Pinpoint'),
    'Place': ('answer.records', 'Place'),
    'Predictions': ('types', 'Predictions'),
    'Queries': ('candidates.shortlist', 'Queries'),
    'Ranker': ('rerank.ranker', 'Ranker'),
    'Searcher': ('candidates.searcher', 'Searcher'),
    'Shortlist': ('types', 'Shortlist'),
    'ShortlistSizes': ('candidates.shortlist', 'Sizes'),
    'Verdict': ('answer.claim_records', 'Verdict'),
    'encode_store': ('candidates.queries', 'encode_store'),
    'evaluate': ('evals.evaluation', 'evaluate'),
    'filter_mask': ('candidates.filters', 'mask'),
    'geoscore': ('evals.metrics', 'geoscore'),
    'haversine_km': ('geo.distance', 'haversine_km'),
    'load_embedder': ('models.embedder_files', 'load'),
    'load_reranker': ('rerank.files', 'load'),
    'open_gallery': ('gallery.gallery', 'open_gallery'),
    'open_store': ('features.store', 'open_store'),
}
__all__ = [
    'Answer', 'Candidate', 'Candidates', 'Evidence', 'FeatureStore', 'Gallery',
    'Photos', 'Pinpoint', 'Place', 'Predictions', 'Queries',
    'Ranker', 'Searcher', 'Shortlist', 'ShortlistSizes', 'Verdict',
    '__version__', 'encode_store', 'evaluate', 'filter_mask', 'geoscore',
    'haversine_km', 'load_embedder', 'load_reranker', 'open_gallery',
    'open_store']


def __getattr__(name: str) -> Any:
  """A public name, imported when first used."""
  if name not in _PUBLIC:
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
  module, there = _PUBLIC[name]
  value = getattr(importlib.import_module(f'{__name__}.{module}'), there)
  globals()[name] = value
  return value


def __dir__() -> list[str]:
  """The public names too, imported or not."""
  return sorted({*globals(), *_PUBLIC})
