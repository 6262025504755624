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
  found = embedder_files.load(folder)
  before = tiny.flat(tiny.first_params())
  after = tiny.flat(found.params)
  assert after.keys() == before.keys()
  for name in before:
    assert after[name].tobytes() == before[name].tobytes(), name
  assert found.inputs == INPUTS
  assert {name: getattr(found.model, name) for name in (
      'sources', 'dim', 'hidden', 'temperature', 'location')} == {
          'sources': ('photo',), 'dim': 8, 'hidden': 16, 'temperature': 10.,
          'location': 'fourier'}
  assert float(found.model.bias).hex() == (-10.).hex()


def test_the_loaded_model_answers_as_the_saved_one(folder):
  found = embedder_files.load(folder)
  xyz = jnp.asarray(tiny.batch()['photo']['xyz'])
  one, other = (jax.jit(lambda params, model=model: model.apply(
      {'params': params}, xyz, method='locations'))(params)
      for model, params in ((found.model, found.params), (
          tiny.model(), tiny.first_params())))
  np.testing.assert_array_equal(one, other)


def test_a_second_save_is_the_same_bytes(folder, tmp_path):
  found = embedder_files.load(folder)
  assert save(tmp_path / 'again', found.model,
              found.params) == found.fingerprint
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
  found = embedder_files.load(folder, jnp.bfloat16)
  assert found.model.dtype == jnp.bfloat16
  assert save(tmp_path / 'low', found.model) == found.fingerprint


def test_the_fingerprint_follows_weights_fields_and_inputs(tmp_path):
  params = tiny.first_params()
  one_ulp = params | {'bias_photo': np.nextafter(np.float32(-10), 0)}
  other = {'photo': INPUTS['photo'] | {'weight_hash': 'abd'}}
  found = {save(tmp_path / '0'), save(tmp_path / '1', params=one_ulp),
           save(tmp_path / '2', tiny.model(dropout=.2)),
           save(tmp_path / '3', inputs=other)}
  assert len(found) == 4 and save(tmp_path / '4') in found


def flip(file: pathlib.Path):
  data = bytearray(file.read_bytes())
  data[-1] ^= 1
  file.write_bytes(bytes(data))


def edit(file: pathlib.Path, **changes):
  file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize('change, words', [
    (lambda f: flip(f / 'model.safetensors'), r"\['model.safetensors', 'finger"
                                              r"print'\] differ from finger"),
    (lambda f: edit(f / 'config.json', inputs={}), r"\['config.json', 'finger"),
    (lambda f: edit(f / 'fingerprint.json', fingerprint=''), 'differ from'),
    (lambda f: (f / 'fingerprint.json').write_text('{'), 'no JSON object'),
    *[(lambda f, name=name: (f / name).unlink(), f'{name} is missing')
      for name in ('model.safetensors', 'config.json', 'fingerprint.json')]])
def test_a_touched_directory_is_refused(folder, change, words):
  change(folder)
  with pytest.raises(weights.WeightsError, match=words):
    embedder_files.load(folder)


def refreshed(folder):
  """The directory with a fingerprint that fits what it now holds."""
  sums = model_dir.fingerprint(folder)
  (folder / 'fingerprint.json').write_text(json.dumps(sums))
  return folder


def test_a_config_that_does_not_fit_the_weights_is_refused(folder):
  fields = json.loads((folder / 'config.json').read_text())['fields']
  edit(folder / 'config.json', fields=fields | {'trunk_depth': 2})
  with pytest.raises(weights.WeightsError,
                     match="trunk_1/down/bias is missing, the model wants"):
    embedder_files.load(refreshed(folder))
  edit(folder / 'config.json', fields=fields | {'colour': 'red'})
  with pytest.raises(weights.WeightsError, match='needs the fields'):
    embedder_files.load(refreshed(folder))


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_broken_weights_are_not_saved(folder, value):
  params = tiny.first_params() | {'bias_photo': np.float32(value)}
  before = (folder / 'model.safetensors').read_bytes()
  with pytest.raises(ValueError, match=r"\['bias_photo'\] hold NaN or inf"):
    save(folder, params=params)
  # What stood there stands, and nothing beside it.
  assert (folder / 'model.safetensors').read_bytes() == before
  assert list(folder.parent.iterdir()) == [folder]
