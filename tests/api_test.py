"""The public names: what the package's docstring shows is what happens."""

import doctest
import importlib
import subprocess
import sys

import pinpoint_jax as pj
from pinpoint_jax.answer import model as models
from pinpoint_jax.gallery import writer
from pinpoint_jax.models import embedder_files
import pytest

from tests.fixtures import tiny_gallery as tiny
from tests.fixtures import tiny_model


@pytest.fixture
def tiny_folders(tmp_path, monkeypatch):
  """The folders that the package's docstring names, made of a few rows."""
  monkeypatch.chdir(tmp_path)
  made = tiny.trained()
  embedder_files.save(tmp_path / 'embedder' / 'model', made.model, made.params,
                      made.inputs, 'A model card.')
  stores = [tiny.make_store(tmp_path / 'photos', tiny.names('p', 40)),
            tiny.make_store(tmp_path / 'street', tiny.names('s', 40), 'street')]
  tiny.make_store(tmp_path / 'queries', tiny.names('q', 5))
  writer.build(tmp_path / 'gallery',
               pj.load_embedder(tmp_path / 'embedder' / 'model'), stores,
               tiny.SETTINGS, encoder=tiny.encoder())
  models.export(
      tmp_path / 'model', tmp_path / 'embedder' / 'model', {},
      {'photo': tiny_model.RETRIEVAL}, None, '', tiny_model.CARD)


def test_the_docstring_is_true(tiny_folders):
  failed, tried = doctest.testmod(pj, optionflags=doctest.ELLIPSIS)
  assert tried > 10 and not failed


@pytest.mark.parametrize('name', pj.__all__)
def test_every_public_name_is_there_and_documented(name):
  assert getattr(pj, name).__doc__
  assert name in dir(pj)


def test_the_table_of_names_is_the_list_of_names():
  assert sorted(pj.__all__) == sorted([*pj._PUBLIC, '__version__'])
  for module, there in pj._PUBLIC.values():
    assert hasattr(importlib.import_module(f'pinpoint_jax.{module}'), there)


def test_an_unknown_name_is_an_attribute_error():
  with pytest.raises(AttributeError, match="no attribute 'open_galery'"):
    _ = pj.open_galery


def test_the_import_alone_loads_neither_jax_nor_numpy():
  code = ('import sys, pinpoint_jax; '
          'print([m for m in ("jax", "numpy") if m in sys.modules])')
  done = subprocess.run([sys.executable, '-c', code], capture_output=True,
                        text=True, check=True)
  assert done.stdout.strip() == '[]'
