"""The model directory of a reranker; model_files.py says what lies in it.

config.json says what the reranker may be used with: the embedder that made
its vectors, the names of the columns it reads, the shortlists it learned on.
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


class OtherGallery(ValueError):
  """A gallery whose vectors a reranker was not trained on."""


@dataclasses.dataclass(frozen=True)
class RerankerInfo:
  """What a reranker was made for.

  Attributes:
    task: source of the queries it was trained on.
    embedder: fingerprint of the embedder whose vectors it reads.
    gallery: fingerprint of the gallery it was trained on; others of the same
      embedder will do.
    sizes: candidates that each channel proposed in training.
    fusion: weight of each channel's similarity in the single-stage answer.
    residual: whether a single-stage answer is part of the score.
    dims: dimension.
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
    given = self.prior['weights'] if self.prior else self.fusion
    return tuple(float(given[name]) for name in names)


@dataclasses.dataclass(frozen=True)
class Trained:
  """A reranker with its parameters.

  Attributes:
    kind: one of rerank_scoring.MODULES.
    model: the module.
    params: its parameters, float32 numpy.
    info: what it was made for.
    fingerprint: changes with any weight, field or fact.
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
  kind = saved.config.get('kind')
  if kind not in scoring.MODULES:
    raise WeightsError(f'{folder}: kind {kind!r}; choices are '
                       f'{sorted(scoring.MODULES)}')
  _check_columns(folder, kind, saved.config.get('columns', {}))
  model = scoring.MODULES[kind](
      **model_dir.fields(folder, saved.config, _fields(kind)), dtype=dtype)
  info = _info_from_json(folder, saved.config.get('info', {}))
  model_dir.check_shapes(folder, saved.shapes, _shapes(model, info))
  return Trained(kind, model, saved.params['network'], info,
                 saved.fingerprint, saved.params.get('prior'))


def check_gallery(trained: Trained, embedder: str, where: str) -> None:
  """Refuses a gallery at `where` that another embedder made."""
  if trained.info.embedder != embedder:
    raise OtherGallery(
        f'reranker {trained.fingerprint} reads vectors of embedder '
        f'{trained.info.embedder}, {where} was built by embedder {embedder}: '
        f'take the gallery it was trained with, or train a reranker for this '
        f'one')


def _shapes(model: nn.Module, info: RerankerInfo) -> dict[str, tuple[int, ...]]:
  found = {f'network/{name}': shape for name, shape in
           scoring.param_shapes(model, info.dims).items()}
  if info.prior:
    sizes = info.prior['centres'], info.prior['anchors'], info.dims.raw
    found |= {f'prior/{name}': shape
              for name, shape in geo_prior.shapes(*sizes).items()}
  return found


def _fields(kind: str) -> tuple[str, ...]:
  return tuple(f.name for f in dataclasses.fields(scoring.MODULES[kind])
               if f.name not in _RUNTIME)


def _check_columns(folder: pathlib.Path, kind: str,
                   found: Mapping[str, Any]) -> None:
  """Refuses a model whose columns have other meanings than this program's."""
  for name, wanted in _COLUMNS[kind].items():
    if found.get(name) != list(wanted):
      has = set(found.get(name) or ())
      raise WeightsError(
          f'{folder}: reads {name} columns that this program makes in another '
          f'way (only there: {sorted(has - set(wanted))}; only here: '
          f'{sorted(set(wanted) - has)}): train it again, or use the version '
          f'that made it')


def _info_as_json(info: RerankerInfo) -> dict[str, Any]:
  return {**dataclasses.asdict(info), 'dims': info.dims._asdict(),
          'prior': model_dir.plain(info.prior)}


def _info_from_json(folder: pathlib.Path,
                    found: Mapping[str, Any]) -> RerankerInfo:
  names = {f.name for f in dataclasses.fields(RerankerInfo)}
  if set(found) != names:
    raise WeightsError(f'{folder}: needs the info {sorted(names)}; has '
                       f'{sorted(found)}')
  return RerankerInfo(**{**found, 'dims': scoring.Dims(**found['dims'])})
