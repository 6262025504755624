"""docs/packages.md names every module with the first sentence of its page."""

import ast
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / 'docs' / 'packages.md'
HEAD = """# Where everything is

Every module and the first line of its page, from the bottom of the import order
to the top: a package imports only from those above it here. `make golden`
rewrites this page.
"""
ORDER = ('', 'geo', 'images', 'parallel', 'disk', 'models', 'losses',
         'pretrained', 'ridge', 'search', 'features', 'gallery', 'candidates',
         'rerank', 'answer', 'train', 'evals', 'crossval', 'audit', 'report')


def summary(path):
  return ast.get_docstring(ast.parse(path.read_text())).splitlines()[0]


def section(folder):
  """The folder's line, then a line for each of its modules."""
  name = folder.relative_to(ROOT)
  lines = [f'\n## `{name}/`\n', summary(folder / '__init__.py'), '']
  for path in sorted(folder.glob('*.py')):
    if path.name != '__init__.py':
      lines.append(f'- `{path.name}`: {summary(path)}')
  return '\n'.join(lines) + '\n'


def folders():
  library = ROOT / 'pinpoint_jax'
  for name in ORDER:
    yield library / name
    yield from sorted(part.parent for part in (library / name).glob(
        '*/__init__.py') if name)
  for top in ('input_pipeline', 'experiments'):
    yield from sorted(part.parent
                      for part in (ROOT / top).rglob('__init__.py'))


def test_the_page_is_golden_and_lists_every_module():
  text = HEAD + ''.join(section(folder) for folder in folders())
  if os.environ.get('UPDATE_GOLDEN'):
    PAGE.write_text(text)
  assert PAGE.read_text() == text, 'make golden rewrites docs/packages.md'


def test_no_package_is_left_out():
  packages = {part.parent for top in ('pinpoint_jax', 'input_pipeline',
                                      'experiments')
              for part in (ROOT / top).rglob('__init__.py')}
  assert packages == set(folders())
