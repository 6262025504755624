"""The ridge's learned twin: an embedder that begins as the chosen ridge.

  chosen ridge ─▶ image tower ─▶ trained on expected scores over all places of
  the rows trained on ─▶ stopped where inner folds score best

What the ridge knows is in the tower before the first step: a run that inner
folds stop there answers as the ridge does; a constant place stays one.
"""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import functools
import json
import pathlib
import time
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Float
import numpy as np
import optax
from pinpoint_jax import blocks
from pinpoint_jax.answer import decoding
from pinpoint_jax.crossval import fold as fold_lib
from pinpoint_jax.crossval import fused
from pinpoint_jax.crossval import ridge as ridge_lib
from pinpoint_jax.disk import files, parts
from pinpoint_jax.evals import metrics
from pinpoint_jax.geo import distance, geoscore
from pinpoint_jax.models import ridge_images
from pinpoint_jax.ridge import mixture as mixtures
from pinpoint_jax.ridge import place_vectors
from pinpoint_jax.ridge import ridge as kernel_ridge

# Epochs after which a run may stop, and factors of the trained temperature
# for expected-score decoding; inner folds decide. The product of a ridge
# with a place is an expected score already: the sharpest factor leaves it so.
EPOCHS = (0, 3, 6, 12)
SHARPNESS = (1., 3., 10., 100.)
_RATE, _BATCH, _BLOCK = 3e-4, 256, 1024
# Rows that are trained on, of those that the ridge is fitted on.
_MOST_LANDMARKS, _MOST_ROWS = 1024, 8192
# What a place within a kilometre is worth, and the log-odds of none.
_OWN, _NEVER = float(np.exp(-1 / geoscore.SCALE_KM)), -1e30


@dataclasses.dataclass(frozen=True)
class _Problem:
  """What one run learns from.

  Attributes:
    module: the image tower.
    params: of the tower at the start, those of a ridge.
    model: that ridge.
    places: vectors of its anchors, float32 [k, d].
    worths: of the anchors for each row's place, float32 [n, k].
    mapped: rows as the tower reads them, float32 [n, p].
  """

  module: ridge_images.RidgeImages
  params: Any
  model: kernel_ridge.Model
  places: Float[np.ndarray, 'k d']
  worths: Float[np.ndarray, 'n k']
  mapped: Float[np.ndarray, 'n p']


def answer(path: pathlib.Path, fold: fold_lib.Fold, source: str,
           ridge: Mapping[str, Any], seed: int) -> dict[str, fused.Answered]:
  """Its answers to a source by decoding; kept in `path`.

  ridge: penalty and mixture of the ridge that it begins as.
  """
  rows = fold.held_out[source]
  folder = parts.Folder(path, {
      'train': fold.train[source].fingerprint(), 'held_out': rows.fingerprint(),
      'penalty': ridge['penalty'], 'mixture': ridge['mixture'], 'seed': seed})
  if not folder.has(0):
    began = time.monotonic()
    km, chosen = _fit(fold, source, ridge['penalty'],
                      mixtures.Mixture(**ridge['mixture']), seed)
    files.write_json(path / 'settings.json', {
        'chosen': chosen, 'seconds': time.monotonic() - began})
    folder.write(0, km)
  fitted = json.loads((path / 'settings.json').read_text())
  return {decode: fused.Answered(
      metrics.Errors(np.array(km), rows.photos.clusters), fitted['seconds'],
      fitted['chosen'])
          for decode, km in folder.open(1).parts[0].items()}


def _fit(fold: fold_lib.Fold, source: str, penalty: float,
         mixture: mixtures.Mixture,
         seed: int) -> tuple[dict[str, np.ndarray], dict[str, float | int]]:
  """Errors by decoding, and what inner folds chose."""
  train, held_out = (ridge_lib.table(getattr(fold, side)[source])
                     for side in ('train', 'held_out'))
  totals = np.zeros((len(EPOCHS), len(SHARPNESS)))
  # Where inner folds left nothing of the ridge, nothing is trained either.
  splits = ridge_lib.inner_splits(fold) if mixture.own else []
  totals[0, -1] = float(not splits)
  for split in splits:
    some = train.take(split.train[source])
    asked = train.take(split.held_out[source])
    if len(asked.features):
      problem = _problem(some, penalty, mixture)
      questions = _questions(problem, asked)
      totals += [[geoscore.points(_dist_km(
          problem, params, questions, sharpness)['expected_score']).sum()
                  for sharpness in SHARPNESS]
                 for params in _train(problem, EPOCHS, seed)]
  stop, sharp = np.unravel_index(totals.argmax(), totals.shape)
  problem = _problem(train, penalty, mixture)
  *_, params = _train(problem, EPOCHS[:stop + 1], seed)
  questions = _questions(problem, held_out)
  return (_dist_km(problem, params, questions, SHARPNESS[sharp]),
          {'epochs': EPOCHS[stop], 'sharpness': SHARPNESS[sharp]})


def _problem(table: mixtures.Table, penalty: float,
             mixture: mixtures.Mixture) -> _Problem:
  """The chosen ridge of those rows, as parameters of the tower."""
  model = kernel_ridge.fit(
      table.features, table.latlng_deg,
      dataclasses.replace(mixtures.SETTINGS, penalty=penalty))
  vectors = place_vectors.fit(model.latlng_deg, _MOST_LANDMARKS)
  places = vectors.of(model.latlng_deg)
  table = table.take(blocks.evenly_spread(len(table.features), _MOST_ROWS))
  mapped = model.inputs.map(table.features).astype(np.float32)
  module = ridge_images.RidgeImages(places.shape[1])
  params = module.init(jax.random.key(0), jnp.asarray(mapped[:1]))['params']
  own, prior = mixture.parts(True)
  params = dict(params) | {'ridge': {
      'kernel': jnp.asarray(own * model.weights @ places, jnp.float32),
      'bias': jnp.asarray(prior * model.shares @ places, jnp.float32)}}
  return _Problem(
      module, params, model, places.astype(np.float32),
      kernel_ridge.worths(table.latlng_deg, model.latlng_deg,
                          geoscore.SCALE_KM).astype(np.float32), mapped)


def _train(problem: _Problem, epochs: Sequence[int],
           seed: int) -> Iterator[Any]:
  """Parameters after each number of epochs."""
  num = len(problem.mapped)
  size = min(_BATCH, num)
  rng, method = np.random.default_rng(seed), optax.adam(_RATE)
  params, state = problem.params, method.init(problem.params)
  places, step = jnp.asarray(problem.places), 0
  for until in epochs:
    while step * size < until * num:
      at = rng.permutation(num)[:size]
      params, state = _step(
          problem.module, params, state, problem.mapped[at],
          problem.worths[at], places, jax.random.key(seed * 1_000_003 + step))
      step += 1
    yield params


# Without compiler options: to ask for them while this is imported would start
# the device, and a process that forks afterwards may hang.
@functools.partial(jax.jit, static_argnums=0)
def _step(module: ridge_images.RidgeImages, params: Any, state: Any,
          mapped: jax.Array, worths: jax.Array, places: jax.Array,
          key: jax.Array) -> tuple[Any, Any]:
  def lost(params: Any) -> jax.Array:
    """Expected score of a choice among all other places, with a minus."""
    image = module.apply({'params': params}, mapped, False,
                         rngs={'dropout': key})
    # With the row's own place among them the tower would overfit to it.
    logits = jnp.where(worths < _OWN, image @ places.T, _NEVER)
    chances = jax.nn.softmax(logits, axis=1)
    return -jnp.mean(jnp.sum(chances * worths, axis=1))
  updates, state = optax.adam(_RATE).update(jax.grad(lost)(params), state)
  return optax.apply_updates(params, updates), state


@dataclasses.dataclass(frozen=True)
class _Questions:
  """Rows to answer, as the towers see them.

  Attributes:
    mapped: rows as the tower reads them, float32 [b, p].
    latlng_deg: where they are from, [b, 2].
    worths: of the anchors for each other, [k, k].
  """

  mapped: Float[np.ndarray, 'b p']
  latlng_deg: Float[np.ndarray, 'b 2']
  worths: Float[np.ndarray, 'k k']


def _questions(problem: _Problem, table: mixtures.Table) -> _Questions:
  places = problem.model.latlng_deg
  return _Questions(
      problem.model.inputs.map(table.features).astype(np.float32),
      table.latlng_deg,
      kernel_ridge.worths(places, places, geoscore.SCALE_KM))


def _dist_km(problem: _Problem, params: Any, questions: _Questions,
             sharpness: float = 1.) -> dict[str, np.ndarray]:
  """Errors of the answers, by decoding."""
  best: dict[str, list[np.ndarray]] = {name: [] for name in decoding.NAMES}
  for part in blocks.slices(len(questions.mapped), _BLOCK):
    image = problem.module.apply(
        {'params': params}, jnp.asarray(questions.mapped[part]))
    scores = np.asarray(image, np.float64) @ problem.places.T
    chances = decoding.softmax(sharpness * scores)
    best['argmax'].append(scores.argmax(axis=1))
    best['expected_score'].append((chances @ questions.worths).argmax(axis=1))
  return {name: distance.haversine_km(
      problem.model.latlng_deg[np.concatenate(rows)], questions.latlng_deg)
          for name, rows in best.items()}
