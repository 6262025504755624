"""Every command and Python block of README and docs runs as it is printed.

The blocks of a page run in one folder, in order, with tiny data under the names
that the page uses (tests/fixtures/docs_folder.py); full-size configs are loaded
small (tests/fixtures/warm_python.py). Blocks without a language do not run.
"""

import os
import pathlib
import re
import subprocess
import sys

import pytest

from tests.fixtures import docs_folder, limits, warm_python

pytestmark = pytest.mark.slow
ROOT = pathlib.Path(__file__).resolve().parents[2]
# Pages that share a folder, in the order in which their commands build on each
# other, and the data that they find there.
GROUPS = {
    'own photos': (('README.md', 'docs/tutorial.md', 'docs/own_photos.md',
                    'docs/responsible_use.md', 'docs/pipeline.md',
                    'docs/synthetic_earth.md'),
                   (docs_folder.photos, docs_folder.demo)),
    'benchmarks': (('docs/benchmarks.md', 'docs/tables.md'),
                   (docs_folder.published,)),
    'features': (('docs/features.md', 'docs/audit.md', 'docs/metrics.md',
                  'docs/data.md'),
                 (docs_folder.published, docs_folder.photos,
                  docs_folder.stores, docs_folder.predictions)),
    'models': (('docs/training.md', 'docs/gallery.md', 'docs/search.md',
                'docs/reranking.md', 'docs/answers.md', 'docs/verify_claim.md',
                'docs/sweeps.md', 'docs/launch.md'),
               (docs_folder.stores,)),
}
_BLOCK = re.compile(r'^```(\w*)\n(.*?)^```$', re.MULTILINE | re.DOTALL)
# What installs and what runs for minutes is checked in other ways, below.
_ELSEWHERE = re.compile(r'^(make|pip) ', re.MULTILINE)


def blocks(page: str, named: bool = True) -> list[tuple[str, str]]:
  """Language and text of the blocks of a page that name a language, or not."""
  result = _BLOCK.findall((ROOT / page).read_text(encoding='utf-8'))
  return [(language, text) for language, text in result
          if bool(language) == named]


def pages() -> list[str]:
  return ['README.md', 'CONTRIBUTING.md', *sorted(
      f'docs/{path.name}' for path in (ROOT / 'docs').glob('*.md'))]


@pytest.fixture(scope='module')
def shell():
  """Runs bash in a folder, with our `python` and `pinpoint` first on PATH."""
  with warm_python.on_path() as tools:
    environment = os.environ | {
        'PATH': f'{tools}:{os.environ["PATH"]}', 'PYTHONPATH': str(ROOT)}
    def run(script: str, folder: pathlib.Path) -> subprocess.CompletedProcess:
      return subprocess.run(
          ['bash', '-euo', 'pipefail', '-c', script], cwd=folder, text=True,
          env=environment, timeout=limits.SECONDS, stdout=subprocess.PIPE,
          stderr=subprocess.STDOUT)
    yield run


@pytest.mark.parametrize('group', [
    name if name == 'features' else pytest.param(name, marks=pytest.mark.long)
    for name in GROUPS])
def test_blocks_run_as_printed(group, shell, tmp_path):
  names, builders = GROUPS[group]
  for build in builders:
    build(tmp_path)
  for page in names:
    for language, text in blocks(page):
      if _ELSEWHERE.search(text):
        continue
      if language == 'python':
        # A block that shows a file names it in the line before.
        (tmp_path / file_of(page, text)).write_text(text)
        text = f'python {file_of(page, text)}'
      done = shell(text, tmp_path)
      assert done.returncode == 0, f'{page}:\n{text}\n{done.stdout[-3000:]}'


def file_of(page: str, text: str) -> str:
  """The name that a page gives to the file which a block shows."""
  before = (ROOT / page).read_text(encoding='utf-8').split(text)[0]
  shown = re.search(r'file `(\w+\.py)`:\s*```python\n$', before)
  return shown.group(1) if shown else 'block.py'


def test_every_page_with_blocks_is_run():
  run = {page for names, _ in GROUPS.values() for page in names}
  run |= {'docs/own_features.md'}  # By own_features_test.
  assert {page for page in pages() if blocks(page)} == run
  assert {language for page in pages() for language, _ in blocks(page)} <= {
      'sh', 'python'}


def test_no_command_hides_in_a_block_that_does_not_run():
  for page in pages():
    for _, text in blocks(page, named=False):
      # Tuning needs an index, and that 20,000 rows: tune_index_test runs it.
      # An export needs a client that may not be there: export_gallery_test.
      assert re.search('experiments.tune_index|pinpoint export', text) or (
          not re.search(r'^(python|pinpoint) ', text, re.M)), (page, text)


def test_make_targets_exist():
  text = '\n'.join((ROOT / page).read_text(encoding='utf-8')
                   for page in pages())
  targets = set(re.findall(r'(?:^|`)make ([a-z-]+)', text, re.MULTILINE))
  assert {'demo', 'test', 'test-quick', 'lint', 'seeds'} <= targets
  for target in sorted(targets):
    done = subprocess.run(['make', '-n', target], cwd=ROOT, text=True,
                          capture_output=True, timeout=limits.SECONDS)
    assert done.returncode == 0, done.stderr


_RECORDER = """#!/bin/sh
printf '%s ' "$@" >> words
echo >> words
"""


@pytest.mark.parametrize('target', ['demo', 'seeds', 'sparse', 'ablations'])
def test_the_binaries_read_the_words_of_make_targets(target, tmp_path):
  (tmp_path / 'python').write_text(_RECORDER)
  (tmp_path / 'python').chmod(0o755)
  # Not as a part of the make that runs the tests.
  environment = {name: value for name, value in os.environ.items()
                 if name not in ('MAKEFLAGS', 'MAKELEVEL', 'MFLAGS')}
  script = subprocess.run(
      ['make', '-n', '-o', '.venv/.installed', 'PY=./python', target],
      cwd=ROOT, text=True, capture_output=True, check=True,
      env=environment).stdout
  subprocess.run(['bash', '-euc', script], cwd=tmp_path, check=True)
  words = [line.split() for line in
           (tmp_path / 'words').read_text().splitlines()]
  # One of each binary: what differs is the seed.
  for line in {line[1]: line for line in words}.values():
    done = subprocess.run([sys.executable, *line, '--no_such_flag'], cwd=ROOT,
                          text=True, capture_output=True,
                          timeout=limits.SECONDS)
    # The last word is refused, and so the first to be.
    assert done.returncode == 2 and done.stderr == (
        "error: Unknown command line flag 'no_such_flag'\n")


def test_links_lead_somewhere():
  for page in [*pages(), *(f'docs/results/{path.name}' for path in (
      ROOT / 'docs' / 'results').glob('*.md'))]:
    text = (ROOT / page).read_text(encoding='utf-8')
    for link in re.findall(r'\]\(([^)#]+)', text):
      if '://' not in link:
        assert (ROOT / page).parent.joinpath(link).exists(), f'{page}: {link}'


def test_the_readme_is_short():
  assert len((ROOT / 'README.md').read_text().splitlines()) <= 130
