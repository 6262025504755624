"""Weights are mapped whole or refused by name; nothing is unpickled."""

import json
import os
import pickle
import struct

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
from pinpoint_jax.disk.weights import WeightsError
from pinpoint_jax.pretrained import load, positions
import pytest
import safetensors.numpy

from tests.parity import rebuild, seeded

MODELS = json.loads((rebuild.REFERENCES / 'models.json').read_text())
OPS = 'resize(32)|unit_range|normalize(0.5, 0.5)'
WIDTH, HEADS, MLP, DEPTH, PATCH = 24, 3, 40, 2, 4


@pytest.fixture
def siglip(tmp_path):
  return rebuild.write_model(tmp_path / 'siglip', MODELS['siglip'])


def rewrite(folder, change):
  path = folder / 'model.safetensors'
  tensors = safetensors.numpy.load_file(path)
  change(tensors)
  safetensors.numpy.save_file(tensors, path)


def leaves_equal(a, b):
  jax.tree.map(np.testing.assert_array_equal, a, b)


def test_report_names_every_tensor(tmp_path):
  loaded = rebuild.load(tmp_path / 'full', MODELS['siglip_full'])
  named = set(loaded.report.mapped) | set(loaded.report.unused)
  assert named == set(MODELS['siglip_full']['files']['model.safetensors'])
  assert all(n.startswith('vision_model.') for n in loaded.report.mapped)
  assert 'logit_scale' in loaded.report.unused
  assert not any(n.startswith('vision') for n in loaded.report.unused)


def test_hash_follows_the_weights_and_not_the_dtype_of_the_file(siglip):
  first = load.load(siglip, OPS)
  assert first.weight_hash == load.load(siglip, OPS).weight_hash
  rewrite(siglip, lambda t: t['post_layernorm.bias'].__setitem__(3, 9))
  assert load.load(siglip, OPS).weight_hash != first.weight_hash


@pytest.mark.parametrize('dtype', ['float16', ml_dtypes.bfloat16])
def test_half_precision_files_are_read_to_float32(siglip, dtype):
  expected = load.load(siglip, OPS).params
  rewrite(siglip, lambda t: t.update(
      {name: value.astype(dtype) for name, value in t.items()}))
  params = load.load(siglip, OPS).params
  leaves_equal(params, jax.tree.map(
      lambda x: np.asarray(x).astype(dtype).astype(np.float32), expected))


def test_unscanned_and_dtype_are_options(siglip):
  loaded = load.load(siglip, OPS, scan=False, dtype=jnp.bfloat16)
  assert loaded.model.dtype == jnp.bfloat16
  assert 'layer_1' in loaded.params['params']['blocks']


def test_processor_config_is_respected(siglip):
  (siglip / 'preprocessor_config.json').write_text(json.dumps(dict(
      size={'height': 32, 'width': 32}, resample=2, image_mean=[0.5] * 3,
      image_std=[0.5] * 3)))
  loaded = load.load(siglip)
  assert loaded.preprocess == (
      "resize(32, 'bilinear')|unit_range|normalize(0.5, 0.5)")
  larger = load.load(siglip, image_size=(48, 40))
  assert larger.preprocess == (
      "resize((48, 40), 'bilinear')|unit_range|normalize(0.5, 0.5)")
  assert larger.model.image_size == (48, 40)
  assert larger.params['params']['position'].shape == (30, 32)


def test_without_processor_config_the_way_out_is_named(siglip):
  with pytest.raises(WeightsError, match="pass preprocess.*resize\\(32"):
    load.load(siglip)


def test_another_resolution_must_be_requested(siglip):
  with pytest.raises(WeightsError, match=r'\(64, 64\).*pass image_size'):
    load.load(siglip, OPS.replace('32', '64'))


@pytest.mark.parametrize('change, complaint', [
    (lambda t: t.pop('post_layernorm.bias'),
     '1 weights are missing: post_layernorm.bias'),
    (lambda t: t.update({'head.probe': np.zeros((1, 2, 32), np.float32)}),
     r'head.probe is \(1, 2, 32\), the config wants \(1, 1, 32\)'),
    (lambda t: t.update({'encoder.layers.2.mlp.fc1.bias': np.zeros(
        48, np.float32)}), 'no place in a model of 2 layers'),
    (lambda t: t.update({'post_layernorm.bias': np.zeros(32, np.int32)}),
     'post_layernorm.bias: dtype int32; choices'),
    (lambda t: t.pop('embeddings.patch_embedding.weight'),
     'under any of the prefixes'),
])
def test_incomplete_weights_are_refused(siglip, change, complaint):
  rewrite(siglip, change)
  with pytest.raises(WeightsError, match=complaint):
    load.load(siglip, OPS)


@pytest.mark.parametrize('change, complaint', [
    (dict(model_type='resnet'), "'resnet'; choices are .*'siglip'"),
    (dict(model_type='siglip2'), 'NaFlex'),
    (dict(hidden_act='relu'), "'relu'; choices are .*quick_gelu"),
    (dict(vision_use_head=False), 'vision_use_head is False'),
    (dict(num_channels=1), 'num_channels is 1'),
    (dict(hidden_size=48), 'the config wants'),
])
def test_unknown_configs_are_refused(siglip, change, complaint):
  config = json.loads((siglip / 'config.json').read_text()) | change
  (siglip / 'config.json').write_text(json.dumps(config))
  with pytest.raises(WeightsError, match=complaint):
    load.load(siglip, OPS)


def header(content, length=None):
  content = json.dumps(content).encode()
  return struct.pack('<Q', len(content) if length is None else length) + content


@pytest.mark.parametrize('data', [
    b'', b'version https://git-lfs', header({}, length=2**60),
    header({'a': {'dtype': 'F32', 'shape': [4], 'data_offsets': [0, 999]}}),
    header({'a': {'dtype': 'F32', 'shape': [2**62], 'data_offsets': [0, 4]}})
    + b'0000',
    header('no table') + b'0000',
])
def test_broken_headers_give_one_clear_error(siglip, data):
  (siglip / 'model.safetensors').write_bytes(data)
  with pytest.raises(WeightsError, match='no safetensors file'):
    load.load(siglip, OPS)


class Bomb:
  """Makes a folder when it is unpickled."""

  def __init__(self, path):
    self.path = path

  def __reduce__(self):
    return os.mkdir, (str(self.path),)


@pytest.mark.parametrize('name', ['pytorch_model.bin', 'a.pt', 'a.pth'])
def test_pickles_are_never_opened(tmp_path, siglip, name):
  (siglip / name).write_bytes(pickle.dumps(Bomb(tmp_path / 'crater')))
  with pytest.raises(WeightsError, match='run code.*safetensors'):
    load.load(siglip / name)
  (siglip / 'model.safetensors').unlink()
  with pytest.raises(WeightsError, match='run code.*safetensors'):
    load.load(siglip, OPS)
  assert not (tmp_path / 'crater').exists()


def test_broken_shards_are_refused(tmp_path):
  described = MODELS['siglip_deep_sharded']
  folder = rebuild.write_model(tmp_path, described)
  index = folder / 'model.safetensors.index.json'
  good = index.read_text()
  index.write_text(good.replace('"model-', '"../model-', 1))
  with pytest.raises(WeightsError, match='outside the folder'):
    load.load(folder, OPS)
  index.write_text(good)
  (folder / sorted(described['files'])[0]).unlink()
  with pytest.raises(WeightsError, match='is missing; fetch'):
    load.load(folder, OPS)


# big_vision


def big_vision(stacked):
  """A SigLIP image tower as big_vision names it."""
  heads = (HEADS, WIDTH // HEADS)
  norm = lambda name: {f'{name}/scale': (WIDTH,), f'{name}/bias': (WIDTH,)}
  mlp = lambda name: {
      f'{name}/Dense_0/kernel': (WIDTH, MLP), f'{name}/Dense_0/bias': (MLP,),
      f'{name}/Dense_1/kernel': (MLP, WIDTH), f'{name}/Dense_1/bias': (WIDTH,)}
  def attention(name):
    name += '/MultiHeadDotProductAttention_0'
    return {f'{name}/out/kernel': (*heads, WIDTH),
            f'{name}/out/bias': (WIDTH,)} | {
        f'{name}/{part}/{kind}': (WIDTH, *heads) if kind == 'kernel' else heads
        for part in ('query', 'key', 'value') for kind in ('kernel', 'bias')}
  block = (norm('b/LayerNorm_0') | norm('b/LayerNorm_1') | attention('b')
           | mlp('b/MlpBlock_0'))
  shapes = {
      'embedding/kernel': (PATCH, PATCH, 3, WIDTH),
      'embedding/bias': (WIDTH,), 'pos_embedding': (1, 9, WIDTH),
      'MAPHead_0/probe': (1, 1, WIDTH),
  } | norm('Transformer/encoder_norm') | norm('MAPHead_0/LayerNorm_0') | (
      attention('MAPHead_0') | mlp('MAPHead_0/MlpBlock_0'))
  tensors = {name: seeded.tensor(name, shape)
             for name, shape in shapes.items()}
  for name, shape in block.items():
    stem = 'Transformer/encoderblock'
    layers = seeded.tensor(name, (DEPTH, *shape))
    if stacked:
      tensors[name.replace('b/', f'{stem}/', 1)] = layers
    for i in range(0 if stacked else DEPTH):
      tensors[name.replace('b/', f'{stem}_{i}/', 1)] = layers[i]
  return tensors


@pytest.fixture
def archive(tmp_path):
  def write(prefix='params/img/', stacked=True, **extra):
    tensors = {prefix + n: v for n, v in big_vision(stacked).items()}
    np.savez(tmp_path / 'a.npz', **tensors, **extra)
    return tmp_path / 'a.npz'
  return write


def test_big_vision_layouts_agree(archive):
  stacked = load.load(archive(**{'params/t': np.ones(1, np.float32)}))
  plain = load.load(archive('img/', stacked=False))
  leaves_equal(stacked.params, plain.params)
  assert stacked.weight_hash == plain.weight_hash
  assert stacked.report.unused == ('params/t',)
  model = stacked.model
  assert (model.width, model.depth, model.num_heads, model.mlp_dim,
          model.patch, model.image_size) == (24, 2, 3, 40, 4, (12, 12))
  assert stacked.preprocess == (
      "resize(12, 'bilinear')|unit_range|normalize(0.5, 0.5)")


def as_hugging_face(theirs):
  """The same tower under transformers' names, kernels transposed."""
  out = {'head.probe': theirs['MAPHead_0/probe'],
         'embeddings.patch_embedding.weight':
         theirs['embedding/kernel'].transpose(3, 2, 0, 1),
         'embeddings.patch_embedding.bias': theirs['embedding/bias'],
         'embeddings.position_embedding.weight': theirs['pos_embedding'][0]}
  def norm(new, old):
    out[f'{new}.weight'], out[f'{new}.bias'] = (
        theirs[f'{old}/scale'], theirs[f'{old}/bias'])
  def linear(new, old, num_in):
    out[f'{new}.weight'] = theirs[f'{old}/kernel'].reshape(num_in, -1).T
    out[f'{new}.bias'] = theirs[f'{old}/bias'].ravel()
  def mlp(new, old):
    linear(f'{new}.fc1', f'{old}/Dense_0', WIDTH)
    linear(f'{new}.fc2', f'{old}/Dense_1', MLP)
  norm('post_layernorm', 'Transformer/encoder_norm')
  norm('head.layernorm', 'MAPHead_0/LayerNorm_0')
  mlp('head.mlp', 'MAPHead_0/MlpBlock_0')
  attention = 'MultiHeadDotProductAttention_0'
  for part in ('query', 'key', 'value', 'out'):
    linear(f'head.{part}', f'MAPHead_0/{attention}/{part}', WIDTH)
  for kind, joint in (('weight', 'in_proj_weight'), ('bias', 'in_proj_bias')):
    out[f'head.attention.{joint}'] = np.concatenate(
        [out.pop(f'head.{part}.{kind}') for part in ('query', 'key', 'value')])
    out[f'head.attention.out_proj.{kind}'] = out.pop(f'head.out.{kind}')
  for i in range(DEPTH):
    new, old = f'encoder.layers.{i}', f'Transformer/encoderblock_{i}'
    norm(f'{new}.layer_norm1', f'{old}/LayerNorm_0')
    norm(f'{new}.layer_norm2', f'{old}/LayerNorm_1')
    mlp(f'{new}.mlp', f'{old}/MlpBlock_0')
    for part, name in (('query', 'q_proj'), ('key', 'k_proj'),
                       ('value', 'v_proj'), ('out', 'out_proj')):
      linear(f'{new}.self_attn.{name}', f'{old}/{attention}/{part}', WIDTH)
  return {name: np.ascontiguousarray(x) for name, x in out.items()}


def test_big_vision_and_hugging_face_names_mean_the_same(archive, tmp_path):
  # Hugging Face names are held against transformers in the parity test.
  config = dict(model_type='siglip_vision_model', hidden_size=WIDTH,
                intermediate_size=MLP, num_hidden_layers=DEPTH,
                num_attention_heads=HEADS, image_size=12, patch_size=PATCH)
  (tmp_path / 'config.json').write_text(json.dumps(config))
  safetensors.numpy.save_file(as_hugging_face(big_vision(stacked=False)),
                              tmp_path / 'model.safetensors')
  theirs = load.load(tmp_path, OPS.replace('32', '12'))
  ours = load.load(archive())
  assert theirs.model == ours.model
  leaves_equal(theirs.params, ours.params)


def test_so400m_14_takes_384_pixels_from_either_file(archive, tmp_path):
  # 384 is not a multiple of 14: the 27·27 positions alone would mean 378.
  tower = big_vision(stacked=False)
  tower['embedding/kernel'] = seeded.tensor('kernel', (14, 14, 3, WIDTH))
  tower['pos_embedding'] = seeded.tensor('positions', (1, 27 * 27, WIDTH))
  np.savez(tmp_path / 'a.npz', **{f'params/img/{n}': v
                                  for n, v in tower.items()})
  config = dict(model_type='siglip_vision_model', hidden_size=WIDTH,
                intermediate_size=MLP, num_hidden_layers=DEPTH,
                num_attention_heads=HEADS, image_size=384, patch_size=14)
  (tmp_path / 'config.json').write_text(json.dumps(config))
  (tmp_path / 'preprocessor_config.json').write_text(json.dumps(dict(
      do_resize=True, resample=2, size=dict(height=384, width=384),
      image_mean=[0.5] * 3, image_std=[0.5] * 3)))
  safetensors.numpy.save_file(as_hugging_face(tower),
                              tmp_path / 'model.safetensors')
  folder, npz = load.load(tmp_path), load.load(tmp_path / 'a.npz')
  assert npz.preprocess == folder.preprocess
  assert npz.preprocess.startswith("resize(384, 'bilinear')")
  assert npz.model == folder.model
  assert npz.weight_hash == folder.weight_hash
  pixels = jnp.asarray(seeded.tensor('pixels', (1, 384, 384, 3)))
  features = npz.model.apply(npz.params, pixels)
  np.testing.assert_array_equal(
      features, folder.model.apply(folder.params, pixels))
  # The last six pixels are in no patch.
  unseen = pixels.at[:, 378:].set(0).at[:, :, 378:].set(0)
  np.testing.assert_array_equal(
      features, npz.model.apply(npz.params, unseen))


def test_big_vision_bfloat16_without_its_name(archive):
  path = archive()
  tensors = {name: value.astype(ml_dtypes.bfloat16)
             for name, value in np.load(path).items()}
  expected = np.asarray(tensors['params/img/pos_embedding'], np.float32)[0]
  np.savez(path, **tensors)
  loaded = load.load(path)
  np.testing.assert_array_equal(loaded.params['params']['position'], expected)


def test_archives_with_objects_or_without_a_tower_are_refused(
    archive, tmp_path):
  with pytest.raises(WeightsError, match='Python objects'):
    load.load(archive(bomb=np.asarray([{}], object)))
  np.savez(tmp_path / 'b.npz', a=np.ones(3))
  with pytest.raises(WeightsError, match="embedding/kernel.*'a'"):
    load.load(tmp_path / 'b.npz')
  (tmp_path / 'c.npz').write_bytes(b'PK\x03\x04 nothing')
  with pytest.raises(WeightsError, match='no plain numpy archive'):
    load.load(tmp_path / 'c.npz')
  with pytest.raises(WeightsError, match='choices are a folder'):
    (tmp_path / 'd.txt').write_text('')
    load.load(tmp_path / 'd.txt')


# Positions


@pytest.mark.parametrize('antialias', [True, False])
def test_resampling_keeps_what_it_must(antialias):
  table = seeded.tensor('positions', (35, 6))
  same = positions.resample(table, (5, 7), (5, 7), antialias)
  np.testing.assert_array_equal(same, table)
  constant = positions.resample(
      np.full((35, 6), 2.5, np.float32), (5, 7), (9, 3), antialias)
  np.testing.assert_allclose(constant, np.full((27, 6), 2.5), rtol=1e-6)
  # A ramp stays a ramp away from the edges.
  ramp = np.arange(20, dtype=np.float32).reshape(20, 1)
  finer = positions.resample(ramp, (20, 1), (40, 1), antialias)
  np.testing.assert_allclose(
      finer[8:-8, 0], (np.arange(8, 32) + 0.5) / 2 - 0.5, atol=0.05)


def test_positions_that_are_no_grid_are_refused():
  with pytest.raises(ValueError,
                     match=r'35 positions are not a grid of \(5, 6'):
    positions.resample(seeded.tensor('p', (35, 2)), (5, 6), (2, 2), True)
