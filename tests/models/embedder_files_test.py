"""The model directory: bit for bit back, and refused when it was touched."""

import json
import pathlib
import stat

import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.disk import model_dir, weights
from pinpoint_jax.models import embedder_files
import pytest
import safetensors

from tests.fixtures import model_dirs
from tests.fixtures import tiny_embedder as tiny

INPUTS = {'photo': {'backbone': 'vit', 'weight_hash': 'abc',
                    'preprocess': 'resize(8)', 'dim': tiny.DIM}}


def save(folder, model=None, params=None, inputs=INPUTS):
  return embedder_files.save(
      folder, model or tiny.model(),
      params or tiny.first_params(), inputs, '# A card\n')


@pytest.fixture
def folder(tmp_path):
  save(tmp_path / 'model')
  return tmp_path / 'model'


def test_what_was_saved_is_loaded_to_the_bit(folder):
  loaded = embedder_files.load(folder)
  before = tiny.flat(tiny.first_params())
  after = tiny.flat(loaded.params)
  assert after.keys() == before.keys()
  for name in before:
    assert after[name].tobytes() == before[name].tobytes(), name
  assert loaded.inputs == INPUTS
  assert {name: getattr(loaded.model, name) for name in (
      'sources', 'dim', 'hidden', 'temperature', 'location')} == {
          'sources': ('photo',), 'dim': 8, 'hidden': 16, 'temperature': 10.,
          'location': 'fourier'}
  assert float(loaded.model.bias).hex() == (-10.).hex()


def test_the_loaded_model_answers_as_the_saved_one(folder):
  loaded = embedder_files.load(folder)
  xyz = jnp.asarray(tiny.batch()['photo']['xyz'])
  after, before = (jax.jit(lambda params, model=model: model.apply(
      {'params': params}, xyz, method='locations'))(params)
                   for model, params in ((loaded.model, loaded.params), (
                       tiny.model(), tiny.first_params())))
  np.testing.assert_array_equal(after, before)


def test_a_second_save_is_the_same_bytes(folder, tmp_path):
  loaded = embedder_files.load(folder)
  assert save(tmp_path / 'again', loaded.model,
              loaded.params) == loaded.fingerprint
  for file in folder.iterdir():
    assert file.read_bytes() == (tmp_path / 'again' / file.name).read_bytes()


def test_nothing_is_pickled_and_all_may_read(folder):
  assert sorted(file.name for file in folder.iterdir()) == [
      'README.md', 'config.json', 'fingerprint.json', 'model.safetensors']
  with safetensors.safe_open(folder / 'model.safetensors', 'numpy') as tensors:
    assert set(tensors.keys()) == set(
        tiny.flat(tiny.first_params()))
  modes = {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
  assert len(modes) == 1
  assert list(folder.parent.iterdir()) == [folder]


def test_the_dtype_is_how_it_runs_not_what_it_is(folder, tmp_path):
  loaded = embedder_files.load(folder, jnp.bfloat16)
  assert loaded.model.dtype == jnp.bfloat16
  assert save(tmp_path / 'low', loaded.model) == loaded.fingerprint


def test_the_fingerprint_follows_weights_fields_and_inputs(tmp_path):
  params = tiny.first_params()
  one_ulp = params | {'bias_photo': np.nextafter(np.float32(-10), 0)}
  other = {'photo': INPUTS['photo'] | {'weight_hash': 'abd'}}
  prints = {save(tmp_path / '0'), save(tmp_path / '1', params=one_ulp),
            save(tmp_path / '2', tiny.model(dropout=.2)),
            save(tmp_path / '3', inputs=other)}
  assert len(prints) == 4 and save(tmp_path / '4') in prints


def flip(file: pathlib.Path):
  data = bytearray(file.read_bytes())
  data[-1] ^= 1
  file.write_bytes(bytes(data))


@pytest.mark.parametrize('name', ['model.safetensors', 'config.json'])
def test_a_changed_file_is_named(folder, name):
  flip(folder / name)
  with pytest.raises(weights.WeightsError, match=f'{name} was changed: check'):
    embedder_files.load(folder)


def test_a_changed_manifest_is_refused(folder):
  manifest = folder / 'fingerprint.json'
  text = manifest.read_text()
  print_ = json.loads(text)['fingerprint']
  manifest.write_text(text.replace(print_, print_[::-1]))
  with pytest.raises(weights.WeightsError, match='t.json: it was changed'):
    embedder_files.load(folder)
  manifest.write_text('{')
  with pytest.raises(weights.WeightsError, match='not readable as JSON'):
    embedder_files.load(folder)


@pytest.mark.parametrize('name', [
    'model.safetensors', 'config.json', 'fingerprint.json'])
def test_a_missing_file_is_named(folder, name):
  (folder / name).unlink()
  with pytest.raises(weights.WeightsError, match=f'{name} is missing'):
    embedder_files.load(folder)


def test_the_card_may_be_edited_and_verify_says_so(folder):
  assert model_dir.verify(folder)['model_type'] == 'pinpoint_embedder'
  (folder / 'README.md').write_text('# Another card\n')
  assert embedder_files.load(folder).inputs == INPUTS
  with pytest.raises(weights.WeightsError, match='README.md was changed'):
    model_dir.verify(folder)


def test_a_directory_of_before_file_lists_can_be_sealed(folder):
  before = (folder / 'fingerprint.json').read_text()
  assert 'without a checksum' in model_dir.verify(model_dirs.age(folder))[
      'manifest']
  model_dir.seal(folder)
  assert 'manifest' not in model_dir.verify(folder)
  assert (folder / 'fingerprint.json').read_text() == before


def test_directories_of_before_file_lists_are_read_and_checked(folder):
  print_ = embedder_files.load(folder).fingerprint
  model_dirs.age(folder)
  assert embedder_files.load(folder).fingerprint == print_
  flip(folder / 'model.safetensors')
  with pytest.raises(weights.WeightsError, match='differs from fingerprint'):
    embedder_files.load(folder)
  (folder / 'model.safetensors').unlink()
  with pytest.raises(weights.WeightsError, match='safetensors is missing'):
    embedder_files.load(folder)


@pytest.mark.parametrize('change, words', [
    (lambda c: c['fields'].update(trunk_depth=2),
     'trunk_1/down/bias is missing, the model wants'),
    (lambda c: c['fields'].update(colour='red'), 'needs the fields'),
    (lambda c: c.update(fields=3), 'needs the fields'),
    (lambda c: c.update(model_type=['x']), 'model_type is'),
    (lambda c: c.pop('inputs'), "does not describe a model.*KeyError"),
    (lambda c: c.update(inputs={'photo': 3}), 'does not describe a model'),
    (lambda c: c['fields'].update(hidden=-4), 'does not describe a model'),
    (lambda c: c['fields'].update(hidden='wide'), 'does not describe a model'),
    (lambda c: c['fields'].update(trunk_depth=10**400), 'more than the'),
])
def test_a_crafted_config_is_refused_in_a_line(folder, change, words):
  model_dirs.edit(folder, change)
  with pytest.raises(weights.WeightsError, match=words):
    embedder_files.load(folder)


@pytest.mark.parametrize('text', ['[' * 100_000, '[1]', 'null', '{"a": '])
def test_a_config_that_is_no_json_object_is_refused(folder, text):
  (folder / 'config.json').write_text(text)
  with pytest.raises(weights.WeightsError, match='not readable as a JSON obj'):
    embedder_files.load(model_dirs.reseal(folder))


@pytest.mark.parametrize('data', [
    b'', b'\xff' * 64, b'\x02' + b'\0' * 7 + b'{}x'])
def test_weights_that_are_no_safetensors_are_refused(folder, data):
  (folder / 'model.safetensors').write_bytes(data)
  with pytest.raises(weights.WeightsError, match='not readable as safetensor'):
    embedder_files.load(model_dirs.reseal(folder))


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_broken_weights_are_not_saved(folder, value):
  params = tiny.first_params() | {'bias_photo': np.float32(value)}
  before = (folder / 'model.safetensors').read_bytes()
  with pytest.raises(ValueError, match=r"\['bias_photo'\] hold NaN or inf"):
    save(folder, params=params)
  # The directory of before is intact, and alone.
  assert (folder / 'model.safetensors').read_bytes() == before
  assert list(folder.parent.iterdir()) == [folder]
