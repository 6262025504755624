"""Tensors come out of a legacy torch.save file, and nothing else happens."""

import os
import pickle

import numpy as np
from pinpoint_jax.disk.weights import WeightsError
from pinpoint_jax.pretrained import torch_tensors
import pytest

from tests.fixtures import torch_files as tf

ARRAYS = {'w': np.arange(6, dtype=np.float32).reshape(2, 3),
          'n': np.array(7, np.int64), 'd': np.array([.5, -2.]),
          'h': np.array([[1.5]], np.float16)}
SOUND = tf.saved(ARRAYS)
TEN = {'k': np.arange(10, dtype=np.float32)}


def one(offset, shape, strides, where=None, numbers=TEN):
  """A file of one tensor over the ten numbers of storage 'k'."""
  where = where or tf.storage('k', 'float32', 10)
  return tf.file(tf.state_dict(
      {'t': tf.tensor(where, offset, shape, strides)}), numbers)


def refusal(data):
  with pytest.raises(WeightsError) as caught:
    torch_tensors.parse(data, 'some.pth')
  text = str(caught.value)
  assert text.startswith('some.pth: ') and '\n' not in text
  assert len(text) < 300
  return text


def test_arrays_come_out_as_they_went_in():
  arrays = torch_tensors.parse(SOUND, 'some.pth')
  assert list(arrays) == list(ARRAYS)
  for name, array in ARRAYS.items():
    np.testing.assert_array_equal(arrays[name], array)
    assert arrays[name].dtype == array.dtype


def test_offset_and_strides_are_respected():
  part = torch_tensors.parse(one(1, (2, 3), (1, 3)), '')['t']
  np.testing.assert_array_equal(part, [[1, 4, 7], [2, 5, 8]])


def test_an_empty_tensor_has_its_shape():
  assert torch_tensors.parse(one(10, (0, 4), (4, 1)), '')['t'].shape == (0, 4)


def test_what_is_read_cannot_be_written():
  part = torch_tensors.parse(one(0, (10,), (1,)), '')['t']
  with pytest.raises(ValueError, match='read-only'):
    part[0] = 1


@pytest.mark.parametrize('offset, shape, strides', [
    (0, (11,), (1,)), (1, (10,), (1,)), (0, (2, 3), (8, 1)),
    (10, (), ()), (0, (1 << 40,), (0,)), (0, (1 << 62, 1 << 62), (1, 1)),
    (0, (2,), (1 << 62,)), (1 << 70, (1,), (1,)),
])
def test_no_number_outside_the_storage_is_read(offset, shape, strides):
  assert "'t' reaches past the 10 numbers" in refusal(
      one(offset, shape, strides))


@pytest.mark.parametrize('offset, shape, strides, error', [
    (0, (2,), (-1,), 'negative'), (-1, (2,), (1,), 'negative'),
    (0, (-2,), (1,), 'negative'), (0, (2, 2), (1,), '2 sizes and 1 strides'),
    (0, (1,) * 9, (1,) * 9, '8 at most'), (0, (None,), (1,), 'a NoneType in'),
    (0, (True,), (1,), 'a bool in'), (0, 'ab', (1,), 'a str in'),
])
def test_shapes_that_make_no_sense_are_refused(offset, shape, strides, error):
  assert error in refusal(one(offset, shape, strides))


class Attack:
  """Its pickle calls a function when it is read by pickle."""

  def __init__(self, function, *arguments):
    self._call = function, arguments

  def __reduce__(self):
    return self._call


@pytest.mark.parametrize('function, arguments, named', [
    (os.system, ('touch {}',), 'system'), (open, ('{}', 'w'), 'open'),
    (exec, ("open('{}', 'w')",), 'exec'),
])
@pytest.mark.parametrize('protocol', [0, 1, 2])
def test_a_call_is_named_and_never_made(function, arguments, named, protocol,
                                        tmp_path):
  made = tmp_path / 'made'
  attack = Attack(function, *(text.format(made) for text in arguments))
  pickled = pickle.dumps({'w': attack}, protocol)
  pickle.loads(pickled)
  assert made.exists()  # The attack itself works.
  made.unlink()
  text = refusal(tf.file(pickled, {}))
  assert f"{named}', which is never imported" in text or (
      protocol < 2 and 'pickle instruction' in text)
  refusal(pickled)  # At the place of the magic number, too.
  assert not made.exists()


@pytest.mark.parametrize('protocol', [3, 4, 5])
def test_a_later_protocol_is_refused(protocol):
  pickled = pickle.dumps({'w': Attack(os.system, 'true')}, protocol)
  assert f'pickle protocol {protocol}' in refusal(tf.file(pickled, {}))


@pytest.mark.parametrize('content, error', [
    (tf.called(tf.name('collections', 'OrderedDict'), ([('a', 1)],)),
     'calls collections.OrderedDict with 1'),
    (tf.called(tf.name('torch', 'FloatStorage'), ()), 'calls torch.FloatStor'),
    (tf.name('torch', 'FloatStorage') + b'}b', 'a _Name in the place of a'),
    (tf.name('builtins', 'getattr'), "names 'builtins.getattr'"),
    (tf.value(3.5), 'pickle instruction BINFLOAT'),
    (tf.value(3), "'t' is a int and no tensor"),
    (b'i__builtin__\ndict\n', 'pickle instruction INST'),
    (b'\x82\x01', 'pickle instruction EXT1'),
    (b'Pspam\n', 'pickle instruction PERSID'),
    (b'q\xff0', 'pickle instruction POP'),
    (b'R', 'a dict in the place of a _Name'), (b'ttt', 'empty list'),
    (b'h\x63', '99'),
    (tf.storage('k', 'ByteStorage', 10), "'torch.ByteStorage', which is never"),
    (tf.storage('k', 'float32', -1), 'a storage of -1 numbers'),
    (tf.storage('k', 'float32', 10, 'module'), 'else than a whole storage'),
    (tf.value(('storage',)) + b'Q', 'missing'),
])
def test_what_no_state_dict_holds_is_refused(content, error):
  assert error in refusal(tf.file(tf.state_dict({'t': content}), TEN))


def test_a_tuple_as_deep_as_the_file_is_no_key():
  deep = b'\x80\x02}' + b')' + b'\x85' * 90_000 + b'Ns.'
  assert 'a tuple in the place of a str' in refusal(tf.file(deep, {}))


def test_a_pickle_that_never_ends_is_refused():
  assert 'more than 100,000' in refusal(b'\x80\x02' + b'N' * 100_001)


@pytest.mark.parametrize('data, error', [
    (b'', 'pickle exhausted'), (b'<html>', "opcode b'<' unknown"),
    (b'PK\x03\x04rest of a zip', 'string'), (SOUND + b'x', '1 bytes follow'),
    (tf.file(b'\x80\x02}.', {}, magic=5), 'magic number'),
    (tf.file(b'\x80\x02}.', {}, system={'little_endian': False}), 'endian'),
    (tf.file(b'\x80\x02].', {}), 'a list in the place of a dict'),
    (one(0, (2,), (1,), numbers={'j': TEN['k']}), 'those which its tensors'),
    (one(0, (2,), (1,), numbers={'k': TEN['k'][:9]}), "'k' has 9 numbers"),
    (one(0, (2,), (1,), tf.storage('k', 'float64', 10)), "within storage 'k'"),
    (tf.file(tf.state_dict({
        'a': tf.tensor(tf.storage('k', 'float32', 10), 0, (2,), (1,)),
        'b': tf.tensor(tf.storage('k', 'float64', 5), 0, (2,), (1,))}), TEN),
     'two descriptions'),
])
def test_other_files_are_refused(data, error):
  assert error in refusal(data)


def test_a_truncated_file_is_refused_at_any_byte():
  for length in range(len(SOUND)):
    refusal(SOUND[:length])


def test_a_flipped_bit_changes_numbers_or_is_refused():
  """Nothing but arrays or WeightsError ever comes out."""
  rng = np.random.default_rng(0)
  outcomes = set()
  for position in range(len(SOUND)):
    data = bytearray(SOUND)
    data[position] ^= 1 << int(rng.integers(8))
    try:
      arrays = torch_tensors.parse(bytes(data), '')
      assert all(type(array) is np.ndarray for array in arrays.values())
      outcomes.add('read')
    except WeightsError:
      outcomes.add('refused')
  assert outcomes == {'read', 'refused'}
