"""Model directories of rerankers: back to the bit, and refused when foreign."""

import jax
import numpy as np
from pinpoint_jax.disk import weights as weight_files
from pinpoint_jax.rerank import files
import pytest

from tests.fixtures import model_dirs
from tests.fixtures import tiny_ranking as tiny


@pytest.fixture(params=['attention', 'interaction', 'light'])
def saved(request, tmp_path):
  trained = tiny.trained(request.param, groups=('density', 'own'))
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
  # Of the channels, then of the columns.
  assert loaded.info.weights == pytest.approx((3., 2., 1., *(
      .1 * i for i in range(1, 9))))
  assert sorted(file.name for file in folder.iterdir()) == [
      'README.md', 'config.json', 'fingerprint.json', 'model.safetensors']


def test_priors_are_saved_with_their_reranker(tmp_path):
  ground = tiny.ground()
  trained = tiny.with_ridge(ground, np.arange(40), groups=('density', 'ridge'))
  save = lambda priors: files.save(
      tmp_path / 'm', 'light', trained.model, trained.params, trained.info, '',
      priors)
  save(trained.priors)
  loaded = files.load(tmp_path / 'm')
  assert loaded.info == trained.info and len(loaded.info.fitted_ids) == 40
  assert loaded.priors.keys() == {'ridge'}
  for name, array in trained.priors['ridge'].items():
    assert loaded.priors['ridge'][name].tobytes() == array.tobytes()
  save(None)
  with pytest.raises(weight_files.WeightsError, match='ridge/anchors is miss'):
    files.load(tmp_path / 'm')


def test_a_gallery_without_the_vectors_that_it_reads_is_refused():
  check = lambda trained, raw_dim: files.check_gallery(
      trained, 'feed', raw_dim, 'G')
  reads = tiny.trained(), tiny.trained(groups=('own',), use_raw=False)
  for trained in reads:
    check(trained, tiny.DIMS.raw)
    with pytest.raises(ValueError, match=r'those of G have 0 .*--config.raw='):
      check(trained, 0)
  check(tiny.trained(use_raw=False), 0)
  check(tiny.trained('light', groups=('density',)), 0)
  with pytest.raises(ValueError, match='G was built by embedder dead'):
    files.check_gallery(reads[0], 'dead', tiny.DIMS.raw, 'G')


@pytest.mark.parametrize('change, words', [
    (lambda c: c['columns'].update({next(iter(c['columns'])): ['age']}),
     r"only there: \['age'\]"),
    (lambda c: c.update(kind='retrieval'), "kind 'retrieval'; choices are"),
    (lambda c: c.update(model_type='pinpoint_embedder'), 'expected'),
    (lambda c: c['info'].pop('task'), 'needs the info'),
    (lambda c: c.update(kind=['light']), 'does not describe a model'),
    (lambda c: c['info'].update(task='drone'), "task 'drone': choices are"),
    (lambda c: c['info'].update(priors={'ridge': {'centres': 1}}),
     'not describe a model'),
    (lambda c: c['info'].update(columns=['density']), 'not describe a model'),
    (lambda c: c['columns'].update(linear=['age']), "reads linear columns"),
    (lambda c: c['fields'].update(colour='red'), 'needs the fields'),
    (lambda c: c['fields'].update(
        {'widths': [9]} if 'widths' in c['fields'] else
        {'width': 32} if 'width' in c['fields'] else {'hidden': 9}),
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


def test_without_a_linear_part_nothing_has_a_weight():
  assert tiny.info(residual=False).weights is None


@pytest.mark.parametrize('changes', [
    {'task': 'drone'}, {'sizes': {'image': 3}}, {'fusion': {}},
    {'linear': {'image': 1.}}, {'groups': ('density', 'density')},
    {'groups': ('ridge',), 'priors': {}}, {'priors': tiny.RIDGE.sizes()}])
def test_info_that_say_too_little_are_refused(changes):
  with pytest.raises(ValueError, match='choices are|needs?'):
    tiny.info(**changes)
