"""Where photos were taken: the product as Python has it.

  photos ─▶ features, one photo at a time ─▶ router ─▶ answers of each task

An answer depends on its photo, the model and the gallery alone: not on which
photos came along, nor in which order.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
import dataclasses
import functools
import itertools
import os
import pathlib
from typing import Any

import jax
from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.answer import (
  answerer,
  claim_records,
  claims,
  pictures,
  records,
)
from pinpoint_jax.answer import model as models
from pinpoint_jax.answer import writer as writers
from pinpoint_jax.answer.pictures import Photo
from pinpoint_jax.candidates import queries as queries_lib
from pinpoint_jax.disk import model_dir
from pinpoint_jax.features import backbone as backbone_lib
from pinpoint_jax.features import backbones
from pinpoint_jax.features import store as stores
from pinpoint_jax.images import preprocess

# Photos whose features and candidates are in memory at a time.
_CHUNK = 64
_HERE = 'these photos'


class Pinpoint:
  """Answers where photos were taken.

  >>> pinpoint = Pinpoint.load('model', gallery='gallery')
  >>> for answer in pinpoint.predict(['a.jpg', 'b.jpg'], top_k=5):
  ...   print(answer.latlng_deg, answer.confidence, answer.radius_km(0.9))
  """

  def __init__(self, model: models.Model, gallery: str | pathlib.Path,
               search: str = 'exact', backbone: str = ''):
    """Refuses a gallery of another model; search is in searcher.SEARCHES."""
    self._answerer = answerer.Answerer(model, gallery, search)
    self._backbone_name = backbone or model.backbone

  @classmethod
  def load(cls, model: str | pathlib.Path, gallery: str | pathlib.Path,
           search: str = 'exact', backbone: str = '') -> 'Pinpoint':
    """Opens a model directory and a gallery directory.

    backbone: name or folder of the model of pictures; '' is the one that the
      model names.
    """
    return cls(models.load(model), gallery, search, backbone)

  def save(self, folder: str | pathlib.Path, card: str) -> str:
    """Writes the model directory; returns its fingerprint."""
    saved = self._answerer.model.saved
    return model_dir.save(pathlib.Path(folder), saved.config, saved.params,
                          card)

  @property
  def fingerprint(self) -> str:
    """Changes with any part of the model."""
    return self._answerer.model.fingerprint

  @property
  def gallery_fingerprint(self) -> str:
    """Changes with all of the gallery that can change an answer."""
    return self._answerer.opened.gallery.fingerprint()

  @property
  def tasks(self) -> tuple[str, ...]:
    """Sources of photos that it can answer."""
    return self._answerer.model.tasks

  def predict(self, photos: Sequence[Photo] | stores.FeatureStore,
              top_k: int = 5, region: str | None = None,
              task: str | None = None, ids: Sequence[str] | None = None,
              with_exif: bool = False, abstain: str = '',
              ) -> list[records.Answer]:
    """One answer for each photo, in order; never fewer, never more.

    photos: paths, bytes, Pillow pictures or uint8 arrays [h, w, 3]; or a
      feature store.
    top_k: candidates in each answer.
    region: answers lie within it: 'country:FR', 'circle:48.8,2.3,100', …
    task: 'photo' or 'street'; None lets the router decide.
    ids: names of photos that are no paths; None numbers them.
    with_exif: whether answers say where the file says that it was taken.
    abstain: how sure an answer has to be, '0.8@25km'; others are marked as
      `abstained`, with the reason. '' asks nothing.
    """
    if isinstance(photos, str | bytes | os.PathLike):
      raise TypeError('predict takes several photos: put one into a list')
    if isinstance(photos, stores.FeatureStore):
      return list(self.stream_features(photos, top_k, region, task,
                                       abstain=abstain))
    if ids is not None and len(ids) != len(photos):
      raise ValueError(f'{len(ids)} ids for {len(photos)} photos')
    return list(self.stream(photos, top_k, region, task, ids, with_exif,
                            abstain))

  def stream(self, photos: Iterable[Photo], top_k: int = 5,
             region: str | None = None, task: str | None = None,
             ids: Iterable[str] | None = None,
             with_exif: bool = False,
             abstain: str = '') -> Iterator[records.Answer]:
    """As `predict`, in bounded memory, for any number of photos."""
    request = self._answerer.request(top_k, region, task, abstain)
    for read in self._read(photos, ids):
      yield from self._answer_pictures(read, request, with_exif)

  def verify_claim(self, photos: Sequence[Photo] | stores.FeatureStore,
                   places: Sequence[tuple[float | int, float | int]] | Float[
                       np.ndarray, 'b 2'], level: float = 0.05, top_k: int = 5,
                   task: str | None = None, ids: Sequence[str] | None = None,
                   ) -> list[claim_records.Verdict]:
    """Whether each photo is consistent with its claimed place, in order.

    photos: as `predict` takes them.
    places: (lat, lng) in degrees, one for each photo.
    level: share of true claims that may be called doubtful.
    top_k: candidates of each photo's own answer.
    """
    if isinstance(photos, str | bytes | os.PathLike):
      raise TypeError('verify_claim takes several photos: put one into a list')
    if len(places) != len(photos):
      raise ValueError(f'{len(places)} places for {len(photos)} photos')
    if ids is not None and len(ids) != len(photos):
      raise ValueError(f'{len(ids)} ids for {len(photos)} photos')
    return list(self.stream_claims(
        photos, places, level, top_k, task, ids=ids))

  def stream_claims(self, photos: Iterable[Photo] | stores.FeatureStore,
                    places: Sequence[tuple[float | int, float | int]] | Float[
                        np.ndarray, 'b 2'], level: float = 0.05,
                    top_k: int = 5, task: str | None = None,
                    rows: Sequence[int] | None = None,
                    ids: Iterable[str] | None = None,
                    ) -> Iterator[claim_records.Verdict]:
    """As `verify_claim`, in bounded memory, for any number of photos.

    rows: of a feature store, in the order of the places; None is all.
    """
    request = self._answerer.request(top_k, None, task)
    places = claims.checked_places(places)
    self._judge.check(level, [task] if task else self.tasks)
    is_store = isinstance(photos, stores.FeatureStore)
    start = 0
    for names, features, problems in (
        _chunks(photos, rows) if is_store else self._features(photos, ids)):
      at = places[start:start + len(names)]
      start += len(names)
      for verdict, problem in zip(self._verdicts(
          names, features, photos.manifest if is_store else self._origin, at,
          level, request), problems):
        yield claims.with_problem(verdict, problem) if problem else verdict

  def stream_features(self, store: stores.FeatureStore, top_k: int = 5,
                      region: str | None = None, task: str | None = None,
                      rows: Sequence[int] | None = None, abstain: str = '',
                      ) -> Iterator[records.Answer]:
    """As `predict`, for the photos of a feature store, all or those rows."""
    request = self._answerer.request(top_k, region, task, abstain)
    numbers = _numbers(store, rows)
    for at in blocks.slices(len(numbers), _CHUNK):
      rows = numbers[at]
      yield from self._answer(store.photos.ids[rows].tolist(),
                              store.rows(rows), store.manifest, request)

  def _features(self, photos: Iterable[Photo], ids: Iterable[str] | None,
                ) -> Iterator[tuple[list[str], np.ndarray, list[str]]]:
    """Names, features and problems of photos; NaN where there is a problem."""
    for read in self._read(photos, ids):
      features = np.full((len(read), self._backbone.dim), np.nan, np.float32)
      for i, picture in enumerate(read):
        if picture.pixels is not None:
          features[i] = self._feature(picture)
      yield ([picture.id for picture in read], features,
             [picture.problem for picture in read])

  def _read(self, photos: Iterable[Photo], ids: Iterable[str] | None,
            ) -> Iterator[list[pictures.Picture]]:
    """Photos as pictures, a few at a time."""
    names = (f'photo{i}' for i in itertools.count()) if ids is None else ids
    prepare = preprocess.parse(
        preprocess.split(self._backbone.preprocess).pixels)
    pairs = zip(photos, names)
    while chunk := list(itertools.islice(pairs, _CHUNK)):
      yield [pictures.read(photo, name, prepare) for photo, name in chunk]

  def _feature(self, picture: pictures.Picture) -> Float[np.ndarray, 'd']:
    # One at a time: a photo's bits must not depend on who comes with it.
    return np.asarray(self._backbone.apply(picture.pixels[None]))[0]

  def _verdicts(self, ids: Sequence[str], features: Float[np.ndarray, 'b d'],
                origin: Mapping[str, Any], places: Float[np.ndarray, 'b 2'],
                level: float, request: answerer.Request,
                ) -> list[claim_records.Verdict]:
    """Verdicts in order; photos of one task go together."""
    verdicts: dict[int, claim_records.Verdict] = {}
    for task, rows in self._by_task(features, origin, request).items():
      verdicts |= dict(zip(rows, self._judge.verdicts(
          task, [ids[row] for row in rows], features[rows], places[rows],
          level, request.top_k)))
    return [verdicts[row] for row in range(len(ids))]

  @functools.cached_property
  def _judge(self) -> claims.Judge:
    return claims.Judge(self._answerer)

  def _answer_pictures(self, read: Sequence[pictures.Picture],
                       request: answerer.Request,
                       with_exif: bool) -> list[records.Answer]:
    good = [picture for picture in read if picture.pixels is not None]
    features = [self._feature(picture) for picture in good]
    answered = iter(self._answer(
        [picture.id for picture in good], np.stack(features), self._origin,
        request) if good else ())
    answers = []
    for picture in read:
      answer = next(answered) if picture.pixels is not None else (
          writers.without(picture.id, request.task or self.tasks[0],
                           picture.problem))
      answers.append(dataclasses.replace(
          answer, warnings=(*answer.warnings, *picture.notes),
          exif_latlng_deg=picture.exif_latlng_deg if with_exif else None))
    return answers

  def _answer(self, ids: Sequence[str], features: Float[np.ndarray, 'b d'],
              origin: Mapping[str, Any],
              request: answerer.Request) -> list[records.Answer]:
    """Answers in order; photos of one task go together."""
    features = np.asarray(features, np.float32)
    answers: dict[int, records.Answer] = {}
    for task, rows in self._by_task(features, origin, request).items():
      answers |= dict(zip(rows, writers.answers(
          self._answerer, task, [ids[row] for row in rows], features[rows],
          request)))
    return [answers[row] for row in range(len(ids))]

  def _by_task(self, features: np.ndarray, origin: Mapping[str, Any],
               request: answerer.Request) -> dict[str, list[int]]:
    """Rows of each task; refuses features that were made otherwise."""
    tasks = self._tasks(features, origin, request)
    rows = {task: np.flatnonzero(tasks == task).tolist()
            for task in np.unique(tasks).tolist()}
    for task in rows:
      queries_lib.check_inputs(
          self._answerer.model.embedder, task, origin, _HERE)
    return rows

  def _tasks(self, features: np.ndarray, origin: Mapping[str, Any],
             request: answerer.Request) -> types.Strings:
    router = self._answerer.model.router
    if request.task or router is None or len(self.tasks) == 1:
      return np.full(len(features), request.task or self.tasks[0])
    router.check_inputs(origin, _HERE)
    finite = np.isfinite(features).all(axis=1, keepdims=True)
    return router.sources(np.where(finite, features, 0.))

  @functools.cached_property
  def _backbone(self) -> backbone_lib.Backbone:
    """The model of pictures, refused where it is not the gallery's."""
    if not self._backbone_name:
      raise ValueError(
          'this model was made of features and names no backbone: give a '
          'feature store, or name the backbone of its features')
    made_by = next(iter(self._answerer.model.embedder.inputs.values()))
    # One device: a batch is one photo. In the gallery's number formats, which
    # may be those of another machine.
    return backbones.load(
        self._backbone_name, devices=jax.local_devices()[:1],
        **backbones.formats(made_by['backbone']))

  @property
  def _origin(self) -> Mapping[str, Any]:
    backbone = self._backbone
    return {'backbone': backbone.name, 'weight_hash': backbone.weight_hash,
            'preprocess': backbone.preprocess, 'dim': backbone.dim}


def _numbers(store: stores.FeatureStore,
             rows: Sequence[int] | None) -> Int[np.ndarray, 'n']:
  return np.arange(len(store)) if rows is None else np.asarray(rows, np.int64)


def _chunks(store: stores.FeatureStore, numbers: Sequence[int] | None,
            ) -> Iterator[tuple[list[str], np.ndarray, list[str]]]:
  """Names and features of rows of a store; there are no problems."""
  numbers = _numbers(store, numbers)
  for at in blocks.slices(len(numbers), _CHUNK):
    rows = numbers[at]
    yield (store.photos.ids[rows].tolist(),
           np.asarray(store.rows(rows), np.float32), [''] * len(rows))
