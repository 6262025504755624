"""Several demos become one table, and each claim is judged over all of them."""

import json

from experiments import join_seeds
import numpy as np
from pinpoint_jax.evals import claims, errors_file, metrics, results
from pinpoint_jax.evals.claims import Claim, System
import pytest

NEAR, FAR = 5., 5000.
IDS = np.asarray([f'p{i}' for i in range(200)])
CLAIMS = (
    Claim('Reranking helps', System('full'), System('retrieval'), ('q',)),
    Claim('Reranking helps by a lot', System('full'), System('retrieval'),
          ('q',), minimum=40),
    Claim('Attention helps', System('full'),
          System('full', variant='set-aware'), ('q',)))
ACTIVE, IDLE = ({'changed': changed, 'variance': .1} for changed in (.2, .01))


def demo(folder, gained, systems=('retrieval', 'full'), judge=CLAIMS):
  """60 of 200 near by `retrieval`, so many more by `full`."""
  near = {'retrieval': 60, 'full': 60 + gained}
  keys = {results.Key('q', name, 'combined'): near[name] for name in systems}
  keys[results.Key('q', 'full', 'combined', variant='set-aware')] = 60
  clusters = np.asarray([f'a:{i // 2}' for i in range(200)])
  errors = {key: metrics.Errors(
      np.where(np.arange(200) < count, NEAR, FAR), clusters)
            for key, count in keys.items()}
  rows = [results.row(
      results.Setting('demo', 'photo', key.system, key.gallery,
                      queries=key.queries, variant=key.variant),
      some, {'git': 'abc'}, num_resamples=0,
      network=None if key.system == 'retrieval' else
      IDLE if key.variant else ACTIVE) for key, some in errors.items()]
  folder.mkdir()
  (folder / 'results.json').write_text(json.dumps(rows))
  if judge:
    errors_file.write(folder / 'errors', errors, {'q': IDS})
    (folder / 'claims.json').write_text(json.dumps(
        claims.judged(judge, [claims.Run(rows, errors)])))


def runs(tmp_path, **changes):
  for seed, gained in enumerate((12, 24)):
    demo(tmp_path / str(seed), gained, **changes)
  return f'{tmp_path / "0"},{tmp_path / "1"}'


def joined(binary, tmp_path, **changes):
  done = binary('join_seeds', f'--runs={runs(tmp_path, **changes)}',
                f'--out={tmp_path / "out"}')
  assert done.returncode == 0, done.stderr
  return done.stdout


def test_tables_claims_and_figures(binary, tmp_path):
  shown = joined(binary, tmp_path)
  text = (tmp_path / 'out' / 'results.md').read_text()
  assert 'synthetic' in text and '2 seeds' in text and text in shown
  # 36 % and 42 %.
  assert '39.0 ± 4.2' in text
  assert text.index('## Every system') < text.index('## Claims') < text.index(
      '## What each part is worth')
  rows = json.loads((tmp_path / 'out' / 'claims.json').read_text())
  assert [row['verdict'] for row in rows] == [
      'held', 'refuted', 'part inactive']
  assert rows[0]['by_run'] == pytest.approx([6, 12])
  assert rows[0]['num_queries'] == 400 and rows[0]['num_clusters'] == 200
  assert '| held | 30.0 | 39.0 | +9.0 [' in text and '2 of 2' in text
  assert 'full (set-aware, network inactive)' in text
  page = (tmp_path / 'out' / 'report.html').read_text()
  assert 'Power: the smallest true difference' in page
  assert len(json.loads((tmp_path / 'out' / 'results.json').read_text())) == 3


def test_demos_without_claims_are_joined_and_say_so(binary, tmp_path):
  shown = joined(binary, tmp_path, judge=())
  assert 'no claim is judged' in shown and '## Claims' not in shown
  assert json.loads((tmp_path / 'out' / 'claims.json').read_text()) == []


def test_what_is_not_there_is_named(binary, tmp_path):
  done = binary('join_seeds', f'--runs={tmp_path}', f'--out={tmp_path}')
  assert done.returncode == 1 and 'results.json is not there' in done.stderr


def test_demos_of_other_claims_are_refused(tmp_path):
  demo(tmp_path / 'a', 12)
  demo(tmp_path / 'b', 12, judge=CLAIMS[:1])
  demos = [join_seeds._read(tmp_path / name) for name in 'ab']
  with pytest.raises(ValueError, match='run 1 and run 0 judge other claims'):
    join_seeds.judged(demos)


def test_errors_of_another_demo_are_refused(tmp_path):
  demo(tmp_path / 'a', 12)
  demo(tmp_path / 'b', 24)
  (tmp_path / 'b' / 'errors').rename(tmp_path / 'a' / 'other')
  (tmp_path / 'a' / 'errors').rename(tmp_path / 'b' / 'errors')
  with pytest.raises(ValueError, match='b: .*of another evaluation'):
    join_seeds._read(tmp_path / 'b')


def test_claims_of_another_version_are_refused_in_one_line(tmp_path):
  demo(tmp_path / 'a', 12)
  (tmp_path / 'a' / 'claims.json').write_text('[{"claim": {"txt": "x"}}]')
  with pytest.raises(ValueError, match='no row of claims.json'):
    join_seeds._read(tmp_path / 'a')
