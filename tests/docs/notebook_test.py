"""docs/tutorial.ipynb: valid, without outputs, and its cells run in order."""

import ast
import contextlib
import io
import json
import pathlib
import re

import pytest

from tests.fixtures import docs_folder

PATH = pathlib.Path(__file__).resolve().parents[2] / 'docs' / 'tutorial.ipynb'


@pytest.fixture(scope='module')
def notebook():
  return json.loads(PATH.read_text(encoding='utf-8'))


def test_it_is_a_notebook_of_version_4_5_without_outputs(notebook):
  assert notebook.keys() == {'cells', 'metadata', 'nbformat', 'nbformat_minor'}
  assert (notebook['nbformat'], notebook['nbformat_minor']) == (4, 5)
  ids = [cell['id'] for cell in notebook['cells']]
  assert len(set(ids)) == len(ids)
  for cell in notebook['cells']:
    assert re.fullmatch('[a-zA-Z0-9-_]{1,64}', cell['id'])
    assert all(line.endswith('\n') for line in cell['source'][:-1])
    needed = {'cell_type', 'id', 'metadata', 'source'}
    if cell['cell_type'] == 'code':
      assert cell['outputs'] == [] and cell['execution_count'] is None
      needed |= {'outputs', 'execution_count'}
    else:
      assert cell['cell_type'] == 'markdown'
    assert cell.keys() == needed


def test_its_links_lead_somewhere(notebook):
  for cell in notebook['cells']:
    for link in re.findall(r'\]\(([^)#]+)', ''.join(cell['source'])):
      assert (PATH.parent / link).exists(), link


def run(source: str, names: dict):
  """As a notebook does: the value of the last line, if that has one."""
  tree = ast.parse(source)
  last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
  exec(compile(tree, 'cell', 'exec'), names)
  return last and eval(
      compile(ast.Expression(last.value), 'cell', 'eval'), names)


@pytest.mark.slow
def test_its_cells_run_in_one_namespace(notebook, tmp_path, monkeypatch):
  docs_folder.demo(tmp_path)
  (tmp_path / 'docs').mkdir()
  monkeypatch.chdir(tmp_path / 'docs')
  names: dict = {}
  with contextlib.redirect_stdout(io.StringIO()) as printed:
    shown = [run(''.join(cell['source']), names) for cell in notebook['cells']
             if cell['cell_type'] == 'code']
  text = printed.getvalue()
  assert '9 in 10 within' in text and '90% radius: holds ' in text
  assert text.count('\n  claimed ') == text.count(': p = ') == 2
  drawn, = (value for value in shown if value is not None)
  assert drawn._repr_html_().count('<svg') == 2
