"""A router decides row by row, and its directory is read back or refused."""

import dataclasses

import numpy as np
from pinpoint_jax.disk import weights
from pinpoint_jax.models import router as routers
import pytest

MADE = {'backbone': 'tiny', 'weight_hash': 'a', 'preprocess': 'p', 'dim': 3}
# Log-odds of street: 2 · (x₀ − 1) / 4 + 0.5.
ROUTER = routers.Router(
    np.asarray([1., 0., 0.]), np.asarray([4., 1., 1.]),
    np.asarray([2., 0., 0.]), .5, MADE)


def test_logits_by_hand():
  features = np.asarray([[1., 9, 9], [0., 9, 9], [-3., 9, 9], [5., 9, 9]])
  np.testing.assert_allclose(ROUTER.logits(features), [.5, 0., -1.5, 2.5])
  assert ROUTER.sources(features).tolist() == ['street', 'photo', 'photo',
                                               'street']
  np.testing.assert_allclose(
      routers.probabilities(np.asarray([0., np.log(3), -1e4, 1e4])),
      [.5, .75, 0., 1.])


def test_a_row_does_not_depend_on_the_others():
  features = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float16)
  whole = ROUTER.logits(features)
  for i in range(50):
    assert ROUTER.logits(features[i:i + 1])[0] == whole[i]


def test_a_directory_comes_back(tmp_path):
  routers.save(tmp_path / 'r', ROUTER, '# A card\n')
  result = routers.load(tmp_path / 'r')
  for field in dataclasses.fields(routers.Router):
    np.testing.assert_array_equal(getattr(result, field.name),
                                  getattr(ROUTER, field.name))
  assert {path.name for path in (tmp_path / 'r').iterdir()} == {
      'config.json', 'model.safetensors', 'fingerprint.json', 'README.md'}


def test_changed_files_and_other_models_are_refused(tmp_path):
  folder = tmp_path / 'r'
  routers.save(folder, ROUTER, '')
  text = (folder / 'config.json').read_text()
  (folder / 'config.json').write_text(text.replace('tiny', 'tinY'))
  with pytest.raises(weights.WeightsError, match='config.json was changed'):
    routers.load(folder)
  wide = dataclasses.replace(ROUTER, inputs=MADE | {'dim': 4})
  routers.save(folder, wide, '')
  with pytest.raises(weights.WeightsError, match=r'mean is \(3,\)'):
    routers.load(folder)


def test_features_of_another_backbone_are_refused():
  ROUTER.check_inputs(MADE | {'rows': 9}, 'S')
  with pytest.raises(ValueError, match="S was .*'tiny' → 'big'.*again"):
    ROUTER.check_inputs(MADE | {'backbone': 'big'}, 'S')
  with pytest.raises(ValueError, match='1 of 2 features hold NaN'):
    ROUTER.sources(np.asarray([[0., 0, 0], [np.nan, 0, 0]]))
