"""Rows of the chooser that knows the world: how far a reranker could get."""

import pathlib

from experiments.demo_stages import models, worlds
from input_pipeline.feature_earth import ideal
from ml_collections import config_dict
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import decoding, open_systems
from pinpoint_jax.candidates import filters, shortlist
from pinpoint_jax.evals import evaluation, geolocation, results
from pinpoint_jax.features import store

# Queries whose shortlists are in memory at a time.
_BLOCK = 1024


def rows(demo: config_dict.ConfigDict, folder: pathlib.Path,
         split: str) -> evaluation.Evaluated:
  """Its answers to one query set, among the shortlist of `full`."""
  opened = open_systems.OpenGallery(folder / 'embedder' / 'both' / 'model',
                             folder / 'gallery' / 'both_combined')
  features = store.open_store(models.store(folder, split))
  scorer, queries = ideal.Ideal(worlds.world(demo)), opened.queries(features)
  mask = filters.mask(opened.gallery, features.photos, 'none')
  source = features.manifest['source']
  reranker = folder / 'reranker' / 'both' / f'interaction_{source}' / 'model'
  answering = opened.answering_for(
      source, open_systems.load_rerankers(source, [reranker]),
      open_systems.Settings(
          0, 20., shortlist.Sizes(), wanted=('interaction',)))
  answers = {decode: [] for decode in decoding.NAMES}
  for start in range(0, len(features), _BLOCK):
    at = slice(start, min(start + _BLOCK, len(features)))
    listed = answering.proposed(
        'interaction', queries.take(at), mask.take(at))
    real = listed.rows >= 0
    places = opened.gallery.latlng_deg[np.maximum(listed.rows, 0)]
    scores = np.where(real, scorer.scores(
        split, np.arange(at.start, at.stop), places), -np.inf)
    for decode, chosen in (('argmax', decoding.argmax(scores)),
                           ('expected_score', decoding.expected_score(
                               scores, places))):
      answers[decode].append(places[np.arange(len(places)), chosen])
  done = evaluation.Evaluated([], [], ids={split: features.photos.ids})
  for decode, places in answers.items():
    setting = results.Setting(
        'demo', source, 'ideal', 'combined',
        decode=decode, distance=demo.distance, queries=split)
    errors = geolocation.errors(types.Predictions(
        features.photos.ids, np.concatenate(places)), features.photos,
                                demo.distance)
    done.rows.append(results.row(
        setting, errors, {'data': {'queries': features.fingerprint()}},
        num_resamples=demo.num_resamples))
    done.errors[setting.key] = errors
  return done
