"""Model directories of rerankers: back to the bit, and refused when foreign."""

import jax
import numpy as np
from pinpoint_jax.disk import weights as weight_files
from pinpoint_jax.rerank import files, geo_prior
import pytest

from tests.fixtures import model_dirs
from tests.fixtures import tiny_ranking as tiny


@pytest.fixture(params=['attention', 'light'])
def saved(request, tmp_path):
  trained = tiny.trained(request.param)
  files.save(tmp_path / 'm', request.param, trained.model,
             trained.params, trained.info, '# A card\n')
  return tmp_path / 'm', trained


def test_what_was_saved_is_loaded_to_the_bit(saved):
  folder, trained = saved
  loaded = files.load(folder)
  assert (loaded.kind, loaded.model, loaded.info) == (
      trained.kind, trained.model, trained.info)
  assert jax.tree.structure(loaded.params) == jax.tree.structure(
      dict(trained.params))
  for after, before in zip(
      *map(jax.tree.leaves, (loaded.params, trained.params))):
    assert after.tobytes() == np.asarray(before).tobytes()
  assert loaded.info.weights == (3., 2., 1.)
  assert sorted(file.name for file in folder.iterdir()) == [
      'README.md', 'config.json', 'fingerprint.json', 'model.safetensors']


def test_a_prior_is_saved_with_its_reranker(tmp_path):
  trained = tiny.trained('light')
  places = np.random.default_rng(0).uniform(-60, 60, (9, 2))
  raw = np.random.default_rng(1).normal(size=(9, tiny.DIMS.raw))
  prior = geo_prior.fit(raw.astype(np.float32), places, 5, 4)
  weights = dict(image=3., location=2., raw=1.) | dict.fromkeys(
      geo_prior.COLUMNS, .5)
  info = tiny.info(prior={'centres': 5, 'anchors': 4, 'weights': weights,
                          'ids': ['a', 'b']})
  save = lambda prior: files.save(
      tmp_path / 'm', 'light', trained.model, trained.params, info, '', prior)
  save(prior)
  loaded = files.load(tmp_path / 'm')
  assert loaded.info == info
  assert loaded.info.weights == (3., 2., 1., .5, .5, .5, .5)
  assert {name: array.tobytes() for name, array in loaded.prior.items()} == {
      name: array.tobytes() for name, array in prior.items()}
  save(None)
  with pytest.raises(weight_files.WeightsError, match='prior/anchors is miss'):
    files.load(tmp_path / 'm')


@pytest.mark.parametrize('change, words', [
    (lambda c: c['columns'].update({next(iter(c['columns'])): ['age']}),
     r"only there: \['age'\]"),
    (lambda c: c.update(kind='retrieval'), "kind 'retrieval'; choices are"),
    (lambda c: c.update(model_type='pinpoint_embedder'), 'expected'),
    (lambda c: c['info'].pop('task'), 'needs the info'),
    (lambda c: c.update(kind=['light']), 'does not describe a model'),
    (lambda c: c['info'].update(task='drone'), "task 'drone': choices are"),
    (lambda c: c['info'].update(prior={'centres': 1}), 'not describe a model'),
    (lambda c: c['fields'].update(colour='red'), 'needs the fields'),
    (lambda c: c['fields'].update(
        {'widths': [9]} if 'widths' in c['fields'] else {'width': 32}),
     'the model wants')])
def test_a_model_of_another_kind_is_refused(saved, change, words):
  model_dirs.edit(saved[0], change)
  with pytest.raises(weight_files.WeightsError, match=words):
    files.load(saved[0])


def test_a_touched_directory_is_refused(saved):
  path = saved[0] / 'model.safetensors'
  path.write_bytes(path.read_bytes()[:-1] + b'x')
  with pytest.raises(weight_files.WeightsError, match='tensors was changed'):
    files.load(saved[0])


def test_without_the_residual_the_similarities_have_no_weight():
  assert tiny.info(residual=False).weights is None


@pytest.mark.parametrize('changes', [
    {'task': 'drone'}, {'sizes': {'image': 3}}, {'fusion': {}}])
def test_info_that_say_too_little_are_refused(changes):
  with pytest.raises(ValueError, match='choices are|needs'):
    tiny.info(**changes)
