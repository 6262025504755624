"""A wheel in a new environment: everything ships, every command has help.

Nothing is downloaded: the new environment sees the installed dependencies,
without those of the extras.
"""

from concurrent import futures
import contextlib
from importlib import metadata
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile

import pytest

from tests.fixtures import limits

pytestmark = pytest.mark.slow
ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARIES = sorted(
    f'experiments.{path.stem}' for path in (ROOT / 'experiments').glob('*.py')
    if "__name__ == '__main__'" in path.read_text() and path.stem != 'cli')
# Placed first on the path of the new environment.
_BLOCK = '''
import sys
class Extras:
  def find_spec(self, name, path=None, target=None):
    if name.partition('.')[0] in {names!r}:
      raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)
sys.meta_path.insert(0, Extras())
'''


def run(*words, cwd):
  return subprocess.run(
      [*map(str, words)], cwd=cwd, capture_output=True, text=True,
      timeout=limits.SECONDS, env={'PATH': '/usr/bin:/bin', 'HOME': str(cwd),
                                   'JAX_PLATFORMS': 'cpu'})


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
  """The wheel of this tree, built in a copy of it."""
  copy = tmp_path_factory.mktemp('tree')
  for name in ('pinpoint_jax', 'input_pipeline', 'experiments'):
    shutil.copytree(ROOT / name, copy / name,
                    ignore=shutil.ignore_patterns('__pycache__'))
  for path in ROOT.glob('*'):
    if path.is_file():
      shutil.copy(path, copy)
  done = run(sys.executable, '-m', 'pip', 'wheel', '--no-deps', '--no-index',
             '--no-build-isolation', '--wheel-dir', copy / 'dist', copy,
             cwd=copy)
  assert done.returncode == 0, done.stderr
  return next((copy / 'dist').glob('*.whl'))


@pytest.fixture(scope='module')
def environment(wheel, tmp_path_factory):
  """bin/ of a new environment with the wheel and the core dependencies."""
  folder = tmp_path_factory.mktemp('venv')
  run(sys.executable, '-m', 'venv', '--without-pip', folder, cwd=folder)
  done = run(sys.executable, '-m', 'pip', '--python', folder / 'bin' / 'python',
             'install', '--no-deps', '--no-index', wheel, cwd=folder)
  assert done.returncode == 0, done.stderr
  site = next(folder.glob('lib/python*/site-packages'))
  (site / 'zz_dependencies.pth').write_text(sysconfig.get_path('purelib'))
  (site / 'blocked_extras.py').write_text(_BLOCK.format(names=extras(wheel)))
  (site / 'aa_blocked.pth').write_text('import blocked_extras\n')
  return folder / 'bin'


def extras(wheel) -> set[str]:
  """Modules that come with an extra and not with the core."""
  with zipfile.ZipFile(wheel) as file:
    name = next(n for n in file.namelist() if n.endswith('/METADATA'))
    lines = re.findall('^Requires-Dist: (.*)$', file.read(name).decode(),
                       re.MULTILINE)
  core = needed([line for line in lines if 'extra ==' not in line])
  optional = {plain(line) for line in lines} - core
  return {module for module, names in metadata.packages_distributions().items()
          if {plain(name) for name in names} <= optional}


def needed(requirements) -> set[str]:
  """The distributions that these pull in, and what those pull in."""
  result, rest = set(), list(requirements)
  while rest:
    name = plain(rest.pop())
    if name not in result:
      result.add(name)
      with contextlib.suppress(metadata.PackageNotFoundError):
        rest += [line for line in metadata.requires(name) or ()
                 if 'extra ==' not in line]
  return result


def plain(requirement: str) -> str:
  """The name in a requirement, as it is compared."""
  return re.sub('[-_.]+', '-', re.match(r'[\w.-]+', requirement)[0]).lower()


def test_what_ships(wheel):
  with zipfile.ZipFile(wheel) as file:
    names = set(file.namelist())
  for path in (ROOT / 'experiments' / 'configs').glob('*.py'):
    assert f'experiments/configs/{path.name}' in names
  for folder in ('pinpoint_jax/pretrained/demo_backbone',
                 'pinpoint_jax/report/world_atlas'):
    assert {f'{folder}/{path.name}'
            for path in (ROOT / folder).iterdir()} <= names
  assert 'pinpoint_jax/py.typed' in names
  assert not [name for name in names if name.startswith(('tests', 'docs'))]


def test_versions_agree(wheel, environment, tmp_path):
  done = run(environment / 'python', '-c',
             'import pinpoint_jax; print(pinpoint_jax.__version__)',
             cwd=tmp_path)
  assert done.stdout.strip() == wheel.name.split('-')[1], done.stderr


@pytest.mark.long
def test_every_command_has_help_without_extras(environment, tmp_path):
  commands = [[environment / 'pinpoint'], *(
      [environment / 'python', '-m', name] for name in BINARIES)]
  with futures.ThreadPoolExecutor(2) as pool:
    for command, done in zip(commands, pool.map(
        lambda words: run(*words, '--help', cwd=tmp_path), commands)):
      assert done.returncode == 0, (command, done.stdout, done.stderr)
      assert len(done.stdout) > 100 and 'Traceback' not in done.stderr, command
  assert not list(tmp_path.iterdir())  # Help writes nothing.


@pytest.mark.parametrize('key, extra', [
    ('preprocess=resize_area(96)|unit_range', 'fast'),
    ('backbone=efficientnet_lite0_tiles', 'photos'),
])
def test_a_missing_extra_is_one_line_before_any_work(environment, tmp_path, key,
                                                     extra):
  done = run(environment / 'python', '-m', 'experiments.extract_features',
             '--config=extract_features:quick', '--workdir=w',
             f'--config.{key}', cwd=tmp_path)
  assert done.returncode == 1 and not (tmp_path / 'w' / 'store').exists()
  assert done.stderr.startswith('error: ') and done.stderr.count('\n') == 1
  assert f'pinpoint_jax[{extra}]' in done.stderr
