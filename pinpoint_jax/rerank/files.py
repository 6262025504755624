"""The model directory of a reranker; disk/model_dir.py says what is in it.

config.json says what the reranker may be used with: the embedder of its
vectors, the names of the columns it reads, the shortlists it learned on.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import pathlib
from typing import Any

from flax import linen as nn
import jax.numpy as jnp
from pinpoint_jax import types
from pinpoint_jax.disk import model_dir
from pinpoint_jax.disk.weights import WeightsError
from pinpoint_jax.models import rerank_inputs
from pinpoint_jax.rerank import columns, light_features, scoring
from pinpoint_jax.rerank import priors as priors_lib

MODEL_TYPE = 'pinpoint_reranker'
# How a model runs, not what it is.
_RUNTIME = ('dtype', 'parent', 'name')


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
    linear: weight of each similarity and column in the linear part of the
      score; empty where the network alone decides.
    columns: groups of columns.GROUPS that it reads.
    dims: dimensions of its inputs.
    priors: settings of each prior.
    fitted_ids: ids of the gallery rows that the priors were fitted on.
    system: what results.json calls it.
    validation: figures on held-out examples.
    region: weights of `region_prior`, raw similarity and the region column;
      empty without that prior.
    temperatures: of each channel's own list.
    order: of the lists that it takes candidates from, one of
      region_lists.ORDERS.
  """

  task: str
  embedder: str
  gallery: str
  sizes: Mapping[str, int]
  fusion: Mapping[str, float]
  linear: Mapping[str, float]
  columns: tuple[str, ...]
  dims: scoring.Dims
  priors: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  fitted_ids: Sequence[str] = ()
  system: str = ''
  validation: Mapping[str, float] = dataclasses.field(default_factory=dict)
  region: Mapping[str, float] = dataclasses.field(default_factory=dict)
  temperatures: Mapping[str, float] = dataclasses.field(default_factory=dict)
  order: str = 'similarity'

  def __post_init__(self):
    if self.task not in types.SOURCES:
      raise ValueError(f'task {self.task!r}: choices are {types.SOURCES}')
    for name in ('sizes', 'fusion'):
      if set(getattr(self, name)) != set(types.CHANNELS):
        raise ValueError(f'{name} {getattr(self, name)}: needs '
                         f'{types.CHANNELS}')
    columns.check(self.columns)
    fitted = {name for name in columns.PRIORS
              if name in (*self.columns, self.order)}
    if set(self.priors) != fitted:
      raise ValueError(f'priors {sorted(self.priors)}: the columns '
                       f'{self.columns} and lists by {self.order} need '
                       f'{sorted(fitted)}')
    expected = set(weight_names(self.columns))
    if self.linear and set(self.linear) != expected:
      raise ValueError(f'linear weights of {sorted(self.linear)}: needs '
                       f'{sorted(expected)}')

  @property
  def weights(self) -> scoring.Weights | None:
    """Of the linear part, in order; None: there is none."""
    if not self.linear:
      return None
    return tuple(float(self.linear[name])
                 for name in weight_names(self.columns))


def weight_names(groups: Sequence[str]) -> tuple[str, ...]:
  """What has a weight in the linear part of a reranker of those columns."""
  return (*types.CHANNELS, *columns.names(groups))


@dataclasses.dataclass(frozen=True)
class Trained:
  """A reranker with its parameters.

  Attributes:
    kind: one of scoring.MODULES.
    model: the module.
    params: its parameters, float32 numpy.
    info: what it may be used with.
    fingerprint: changes with any weight, field or info.
    priors: arrays of each prior by its name.
  """

  kind: str
  model: nn.Module
  params: Any
  info: RerankerInfo
  fingerprint: str
  priors: priors_lib.Priors = dataclasses.field(default_factory=dict)


def save(folder: pathlib.Path, kind: str, model: nn.Module, params: Any,
         info: RerankerInfo, card: str,
         priors: priors_lib.Priors | None = None) -> str:
  """Writes the directory whole or not at all; returns the fingerprint."""
  fields = {name: model_dir.plain(getattr(model, name))
            for name in _fields(kind)}
  config = {'model_type': MODEL_TYPE, 'kind': kind, 'fields': fields,
            'columns': model_dir.plain(_columns(kind, info.columns)),
            'info': _info_as_json(info)}
  tensors = {'network': params} | dict(priors or {})
  return model_dir.save(folder, config, tensors, card)


def load(folder: str | pathlib.Path, dtype: Any = jnp.float32) -> Trained:
  """Reads a model directory; refuses changed files and other columns."""
  folder = pathlib.Path(folder)
  return from_saved(folder, model_dir.load(folder, MODEL_TYPE), dtype)


def from_saved(folder: pathlib.Path, saved: model_dir.Saved,
               dtype: Any = jnp.float32) -> Trained:
  """The reranker of what was read from `folder`; refuses other columns."""
  with model_dir.building(folder):
    kind = saved.config['kind']
    if kind not in scoring.MODULES:
      raise WeightsError(f'{folder}: kind {kind!r:.80}; choices are '
                         f'{sorted(scoring.MODULES)}')
    model = scoring.MODULES[kind](
        **model_dir.fields(folder, saved, _fields(kind)), dtype=dtype)
    info = _info_from_json(folder, saved.config.get('info', {}))
    _check_columns(folder, _columns(kind, info.columns),
                   saved.config.get('columns', {}))
    shapes = _shapes(model, info)
  model_dir.check_shapes(folder, saved.shapes, shapes)
  return Trained(kind, model, saved.params['network'], info,
                 saved.fingerprint,
                 {name: saved.params[name] for name in info.priors})


def check_gallery(trained: Trained, embedder: str, raw_dim: int,
                  where: str) -> None:
  """Refuses a gallery at `where` without the vectors that it reads.

  Those are of its own embedder, and raw features where it was trained on them.
  """
  if trained.info.embedder != embedder:
    raise ValueError(
        f'reranker {trained.fingerprint} reads vectors of embedder '
        f'{trained.info.embedder}, {where} was built by embedder {embedder}: '
        f'use the gallery it was trained with, or train a '
        f'reranker for this gallery')
  # Of a reranker without raw features the columns say that none are near.
  if _reads_raw(trained) and trained.info.dims.raw != raw_dim:
    raise ValueError(
        f'reranker {trained.fingerprint} was trained on raw features of '
        f'{trained.info.dims.raw} numbers, those of {where} have {raw_dim} '
        f'(0: it was built without): build it with --config.raw=float16, or '
        f'train a reranker for this gallery')


def _reads_raw(trained: Trained) -> bool:
  groups = set(trained.info.columns)
  return (getattr(trained.model, 'use_raw', False)
          or bool(groups & {*columns.NEARBY, *columns.PRIORS}))


def _shapes(model: nn.Module, info: RerankerInfo) -> dict[str, tuple[int, ...]]:
  shapes = {f'network/{name}': shape for name, shape in
            scoring.param_shapes(model, info.dims).items()}
  return shapes | priors_lib.shapes(info.priors, info.dims.raw)


def _columns(kind: str, groups: Sequence[str]) -> dict[str, tuple[str, ...]]:
  """Names of what a reranker reads: what its numbers mean."""
  linear = {'linear': columns.names(groups)}
  if kind == 'light':
    return linear | {'features': light_features.FEATURES}
  return linear | {
      'meta': (*rerank_inputs.META, *columns.meta_names(groups)),
      'support': rerank_inputs.SUPPORT}


def _fields(kind: str) -> tuple[str, ...]:
  return tuple(f.name for f in dataclasses.fields(scoring.MODULES[kind])
               if f.name not in _RUNTIME)


def _check_columns(folder: pathlib.Path, expected: Mapping[str, Sequence[str]],
                   saved: Mapping[str, Any]) -> None:
  """Refuses a model whose columns have other meanings than this program's."""
  for name, ours in expected.items():
    if saved.get(name) != list(ours):
      theirs = set(saved.get(name) or ())
      raise WeightsError(
          f'{folder}: reads {name} columns that this program computes in '
          f'another way (only there: {sorted(theirs - set(ours))}; only '
          f'here: {sorted(set(ours) - theirs)}): train it again, or use '
          f'the version that exported it')


def _info_as_json(info: RerankerInfo) -> dict[str, Any]:
  return model_dir.plain({**dataclasses.asdict(info),
                          'dims': info.dims._asdict()})


def _info_from_json(folder: pathlib.Path,
                    entries: Mapping[str, Any]) -> RerankerInfo:
  names = {f.name for f in dataclasses.fields(RerankerInfo)}
  if set(entries) != names:
    raise WeightsError(f'{folder}: needs the info {sorted(names)}; has '
                       f'{sorted(entries)}')
  return RerankerInfo(**{**entries, 'dims': scoring.Dims(**entries['dims']),
                         'columns': tuple(entries['columns']),
                         'fitted_ids': tuple(entries['fitted_ids'])})
