"""A config's entries for --help: defaults, and the comments of its source."""

import ast
from collections.abc import Iterator, Mapping
import io
import pathlib
import textwrap
import tokenize

from experiments.run import config_file

_WIDTH = 80
# A dotted name, and the first and last line of its definition.
_Entry = tuple[str, int, int]


def lines(spec: str) -> list[str]:
  """What --help says about a config; nothing where there is no such config."""
  path = config_file.path_of(spec)
  if not path.is_file():
    return []
  comments = _comments_of_all(path)
  listed = ['', f'Entries of --config={path.stem}, set by '
            f'--config.KEY=VALUE:', *_arguments(path)]
  shown: set[str] = set()
  for key, value in config_file.flatten(config_file.load(spec)).items():
    parts = key.split('.')
    for size in range(1, len(parts) + 1):
      name = '.'.join(parts[:size])
      if name not in shown:
        shown.add(name)
        listed += wrapped(_comment(comments, name), 2, '# ')
    listed.append(f'  {key} = {value!r}')
  return listed


def wrapped(text: str, indent: int, mark: str = '') -> list[str]:
  """The text in lines of at most 80 columns."""
  return textwrap.wrap(text, _WIDTH, initial_indent=' ' * indent + mark,
                       subsequent_indent=' ' * indent + mark)


def _arguments(path: pathlib.Path) -> list[str]:
  """What may follow the colon: the keywords of the file's parse_arg."""
  for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
    if isinstance(node, ast.Call) and _name(node.func) == 'parse_arg':
      listed = ', '.join(f'{word.arg}={ast.unparse(word.value)}'
                         for word in node.keywords)
      return [f'  (after a colon, as in --config={path.stem}:quick: {listed})']
  return []


def _comment(comments: Mapping[str, str], name: str) -> str:
  """Of the name, or of the longest end of it: demo has embedder.data.…"""
  parts = name.split('.')
  ends = ('.'.join(parts[start:]) for start in range(max(1, len(parts) - 1)))
  return next((comments[end] for end in ends if end in comments), '')


def _comments_of_all(path: pathlib.Path) -> dict[str, str]:
  """Comments of the file, then of the configs that it imports."""
  tree = ast.parse(path.read_text(encoding='utf-8'))
  imported = [alias.name for node in tree.body
              if isinstance(node, ast.ImportFrom)
              and node.module == 'experiments.configs' for alias in node.names]
  comments = {}
  for name in imported:
    comments |= _comments(config_file.PUBLISHED / f'{name}.py')
  return comments | _comments(path)


def _comments(path: pathlib.Path) -> dict[str, str]:
  """Each entry's comment: the lines above it and the one behind it."""
  source = path.read_text(encoding='utf-8')
  above, behind = {}, {}
  for token in tokenize.generate_tokens(io.StringIO(source).readline):
    if token.type == tokenize.COMMENT:
      alone = not token.line[:token.start[1]].strip()
      (above if alone else behind)[token.start[0]] = token.string.lstrip('# ')
  comments = {}
  for name, first, last in _entries(ast.parse(source)):
    # Each goes to the first entry on its line: a group, before what is in it.
    parts, line = [behind.pop(last, '')], first - 1
    while line in above:
      parts.insert(0, above.pop(line))
      line -= 1
    comments[name] = ' '.join(filter(None, parts))
  return {name: text for name, text in comments.items() if text}


def _entries(tree: ast.Module) -> Iterator[_Entry]:
  functions = {node.name: node for node in tree.body
               if isinstance(node, ast.FunctionDef)}
  for node in ast.walk(functions.get('get_config', tree)):
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
      name = ast.unparse(node.targets[0])
      if name.startswith('config.'):
        name = name.removeprefix('config.')
        yield name, node.lineno, node.value.end_lineno
        yield from _inner(name, node.value, functions)


def _inner(prefix: str, value: ast.expr,
           functions: Mapping[str, ast.FunctionDef]) -> Iterator[_Entry]:
  """Entries of a dict, or of the one that a function of the file returns."""
  if isinstance(value, ast.Dict):
    for key, item in zip(value.keys, value.values):
      if isinstance(key, ast.Constant):
        name = f'{prefix}.{key.value}'
        yield name, key.lineno, item.end_lineno
        yield from _inner(name, item, functions)
  elif isinstance(value, ast.Call):
    for word in value.keywords:
      yield f'{prefix}.{word.arg}', word.lineno, word.value.end_lineno
    for argument in value.args:
      yield from _inner(prefix, argument, functions)
    function = functions.get(_name(value.func))
    for node in ast.walk(function) if function else ():
      if isinstance(node, ast.Return) and node.value is not None:
        yield from _inner(prefix, node.value, functions)


def _name(node: ast.expr) -> str:
  return getattr(node, 'attr', getattr(node, 'id', ''))
