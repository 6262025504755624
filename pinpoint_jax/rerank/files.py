"""The model directory of a reranker; disk/model_dir.py says what is in it.

config.json says what the reranker may be used with: the embedder of its
vectors, the names of the columns it reads, the shortlists it learned on.
"""

from collections.abc import Mapping
import dataclasses
import pathlib
from typing import Any

from flax import linen as nn
import jax.numpy as jnp
from pinpoint_jax import types
from pinpoint_jax.disk import model_dir
from pinpoint_jax.disk.weights import WeightsError
from pinpoint_jax.models import rerank_inputs
from pinpoint_jax.rerank import geo_prior, light_features, scoring

MODEL_TYPE = 'pinpoint_reranker'
# How a model runs, not what it is.
_RUNTIME = ('dtype', 'parent', 'name')
# What the numbers of each column mean.
_COLUMNS = {'attention': {'meta': rerank_inputs.META,
                          'support': rerank_inputs.SUPPORT},
            'light': {'features': light_features.FEATURES}}


@dataclasses.dataclass(frozen=True)
class RerankerInfo:
  """What a reranker may be used with.

  Attributes:
    task: source of the queries it was trained on.
    embedder: fingerprint of the embedder whose vectors it reads.
    gallery: fingerprint of the gallery it was trained on; others of the same
      embedder will do.
    sizes: candidates that each channel proposed in training.
    fusion: weight of each channel's similarity in the single-stage answer.
    residual: whether a single-stage answer is part of the score.
    dims: dimensions of the vectors.
    prior: the sizes `centres` and `anchors` of its prior, the `ids` of the
      rows it was fitted on, and the `weights` of similarities and prior columns
      in its score; empty without a prior.
  """

  task: str
  embedder: str
  gallery: str
  sizes: Mapping[str, int]
  fusion: Mapping[str, float]
  residual: bool
  dims: scoring.Dims
  prior: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  def __post_init__(self):
    if self.task not in types.SOURCES:
      raise ValueError(f'task {self.task!r}: choices are {types.SOURCES}')
    for name in ('sizes', 'fusion'):
      if set(getattr(self, name)) != set(types.CHANNELS):
        raise ValueError(f'{name} {getattr(self, name)}: needs '
                         f'{types.CHANNELS}')

    missing = {'centres', 'anchors', 'ids', 'weights'} - set(self.prior)
    if self.prior and missing:
      raise ValueError(f'the prior lacks its {sorted(missing)}: train the '
                       f'reranker again')

  @property
  def weights(self) -> scoring.Weights | None:
    """Of similarities and prior columns in the score; None: no part."""
    if not self.residual:
      return None
    names = (*types.CHANNELS, *(geo_prior.COLUMNS if self.prior else ()))
    weights = self.prior['weights'] if self.prior else self.fusion
    return tuple(float(weights[name]) for name in names)


@dataclasses.dataclass(frozen=True)
class Trained:
  """A reranker with its parameters.

  Attributes:
    kind: one of scoring.MODULES.
    model: the module.
    params: its parameters, float32 numpy.
    info: what it may be used with.
    fingerprint: changes with any weight, field or info.
    prior: arrays of geo_prior.py; None for a reranker without a prior.
  """

  kind: str
  model: nn.Module
  params: Any
  info: RerankerInfo
  fingerprint: str
  prior: geo_prior.GeoPrior | None = None


def save(folder: pathlib.Path, kind: str, model: nn.Module, params: Any,
         info: RerankerInfo, card: str,
         prior: geo_prior.GeoPrior | None = None) -> str:
  """Writes the directory whole or not at all; returns the fingerprint."""
  fields = {name: model_dir.plain(getattr(model, name))
            for name in _fields(kind)}
  config = {'model_type': MODEL_TYPE, 'kind': kind, 'fields': fields,
            'columns': model_dir.plain(_COLUMNS[kind]),
            'info': _info_as_json(info)}
  tensors = {'network': params} | ({'prior': prior} if prior else {})
  return model_dir.save(folder, config, tensors, card)


def load(folder: str | pathlib.Path, dtype: Any = jnp.float32) -> Trained:
  """Reads a model directory; refuses changed files and other columns."""
  folder = pathlib.Path(folder)
  saved = model_dir.load(folder, MODEL_TYPE)
  with model_dir.building(folder):
    kind = saved.config['kind']
    if kind not in scoring.MODULES:
      raise WeightsError(f'{folder}: kind {kind!r:.80}; choices are '
                         f'{sorted(scoring.MODULES)}')
    _check_columns(folder, kind, saved.config.get('columns', {}))
    model = scoring.MODULES[kind](
        **model_dir.fields(folder, saved, _fields(kind)), dtype=dtype)
    info = _info_from_json(folder, saved.config.get('info', {}))
    shapes = _shapes(model, info)
  model_dir.check_shapes(folder, saved.shapes, shapes)
  return Trained(kind, model, saved.params['network'], info,
                 saved.fingerprint, saved.params.get('prior'))


def check_gallery(trained: Trained, embedder: str, where: str) -> None:
  """Refuses a gallery at `where` that was built by another embedder."""
  if trained.info.embedder != embedder:
    raise ValueError(
        f'reranker {trained.fingerprint} reads vectors of embedder '
        f'{trained.info.embedder}, {where} was built by embedder {embedder}: '
        f'use the gallery it was trained with, or train a '
        f'reranker for this gallery')


def _shapes(model: nn.Module, info: RerankerInfo) -> dict[str, tuple[int, ...]]:
  shapes = {f'network/{name}': shape for name, shape in
            scoring.param_shapes(model, info.dims).items()}
  if info.prior:
    sizes = info.prior['centres'], info.prior['anchors'], info.dims.raw
    shapes |= {f'prior/{name}': shape
               for name, shape in geo_prior.shapes(*sizes).items()}
  return shapes


def _fields(kind: str) -> tuple[str, ...]:
  return tuple(f.name for f in dataclasses.fields(scoring.MODULES[kind])
               if f.name not in _RUNTIME)


def _check_columns(folder: pathlib.Path, kind: str,
                   columns: Mapping[str, Any]) -> None:
  """Refuses a model whose columns have other meanings than this program's."""
  for name, expected in _COLUMNS[kind].items():
    if columns.get(name) != list(expected):
      theirs = set(columns.get(name) or ())
      raise WeightsError(
          f'{folder}: reads {name} columns that this program computes in '
          f'another way (only there: {sorted(theirs - set(expected))}; only '
          f'here: {sorted(set(expected) - theirs)}): train it again, or use '
          f'the version that exported it')


def _info_as_json(info: RerankerInfo) -> dict[str, Any]:
  return {**dataclasses.asdict(info), 'dims': info.dims._asdict(),
          'prior': model_dir.plain(info.prior)}


def _info_from_json(folder: pathlib.Path,
                    entries: Mapping[str, Any]) -> RerankerInfo:
  names = {f.name for f in dataclasses.fields(RerankerInfo)}
  if set(entries) != names:
    raise WeightsError(f'{folder}: needs the info {sorted(names)}; has '
                       f'{sorted(entries)}')
  return RerankerInfo(**{**entries, 'dims': scoring.Dims(**entries['dims'])})
