"""What launch_pod prints is frozen, and runs: with commands that write down."""

import os
import pathlib
import re
import shlex
import subprocess

from experiments import launch_pod
from experiments.launchers import jobs
import pytest
import yaml

from tests.fixtures import limits

SHARED = '/mnt/shared/runs/e'
NAMED = {'name': 'pinpoint'}
TPU = {'to': 'tpu', 'zone': 'us-west4-a', 'nfs': '10.0.0.2:/share'}
GKE = {'to': 'gke', 'image': 'us-docker.pkg.dev/p/r/pinpoint:1',
       'nfs': '10.0.0.2:/share'}
TRAIN = ('train_embedder', '--config=train_embedder', f'--workdir={SHARED}',
         '--config.stores.photo=/mnt/shared/photos/store',
         "--config.model.sources=('photo',)")
SWEEP = ('sweep', *TRAIN[1:])


def script(words, **values):
  flags = {flag.name: flag.default for flag in launch_pod.FLAGS} | NAMED
  flags |= values
  job = jobs.make(flags['name'], words)
  return launch_pod.PLACES[flags['to']].script(job, flags)


CASES = {
    'tpu': (TRAIN, TPU), 'tpu_sweep': (SWEEP, TPU | {'spot': True}),
    'slurm': (TRAIN, {'to': 'slurm', 'sbatch': '--partition=gpu --time=4:00'}),
    'slurm_sweep': (SWEEP, {'to': 'slurm', 'gpus': 0}),
    'gke': (TRAIN, GKE), 'gke_sweep': (SWEEP, GKE | {'topology': '2x2x1'}),
    'local': (TRAIN, {'to': 'local', 'processes': 4}),
    'local_sweep': (SWEEP, {'to': 'local'}),
}


@pytest.mark.parametrize('name', CASES)
def test_the_script_is_golden_and_bash_reads_it(name, golden):
  words, values = CASES[name]
  text = script(words, **values)
  golden(f'launch/{name}.sh', text)
  done = subprocess.run(['bash', '-n'], input=text, text=True,
                        capture_output=True, timeout=limits.SECONDS)
  assert done.returncode == 0 and not done.stderr, done.stderr


# A line is one write: slices run side by side and write into one file.
COMMANDS = '''#!/usr/bin/env bash
printf '%s\n' "{name} $*" >> "$LOG"
if [[ " $* " == *"$FAILING"* ]]; then exit 7; fi
if [ -p /dev/stdin ] || [ -f /dev/stdin ]; then cat >> "$LOG.stdin"; fi
case " $* " in *jsonpath*) echo Completed;; esac
'''


@pytest.fixture
def run(tmp_path):
  """Runs a script whose commands only write down how they were called."""
  for name in ('gcloud', 'kubectl', 'sbatch', 'git', 'sleep'):
    path = tmp_path / 'bin' / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(COMMANDS.replace('{name}', name))
    path.chmod(0o755)
  log = tmp_path / 'log'
  def run(text, failing='never'):
    done = subprocess.run(
        ['bash', '-c', text], cwd=tmp_path, text=True, capture_output=True,
        timeout=limits.SECONDS, stdin=subprocess.DEVNULL, env=os.environ | {
            'PATH': f'{tmp_path}/bin:{os.environ["PATH"]}', 'LOG': str(log),
            'FAILING': failing})
    sent = pathlib.Path(f'{log}.stdin')
    return (done.returncode, log.read_text().splitlines(),
            sent.read_text() if sent.exists() else '')
  return run


def verbs(lines):
  """What gcloud was asked for, slice by slice in its order."""
  return [(words[4], words[5]) for words in map(str.split, lines)
          if words[0] == 'gcloud']


def test_a_slice_is_created_used_and_deleted(run):
  code, lines, _ = run(script(TRAIN, **TPU))
  assert code == 0
  assert [verb for verb, _ in verbs(lines)] == [
      'create', 'scp', 'ssh', 'ssh', 'ssh', 'scp', 'delete']
  assert ('--accelerator-type=v5litepod-16 --version=v2-alpha-tpuv5-lite '
          '--zone=us-west4-a') in lines[0]
  started = next(line for line in lines if 'train_embedder' in line)
  assert '--worker=all' in started
  # What the hosts' shell reads is the command, word by word.
  command = started.partition('--command=')[2].rpartition('--zone')[0]
  assert shlex.split(command)[-6:] == [
      'experiments.train_embedder', *TRAIN[1:],
      '--config.distributed.coordinator=auto']


def test_a_slice_is_deleted_where_the_run_fails(run):
  code, lines, _ = run(script(TRAIN, **TPU), failing='train_embedder')
  assert code == 7
  assert [verb for verb, _ in verbs(lines)][-2:] == ['ssh', 'delete']


def test_items_are_dealt_to_slices_and_one_failure_ends_no_other(run):
  code, lines, _ = run(script(SWEEP, **TPU), failing='--index=2')
  assert code == 1
  ran = {match[1]: line.split()[5] for line in lines
         if (match := re.search(r'--index=(\d)', line))}
  assert ran == {str(item): f'pinpoint-{item % 2}' for item in range(6)}
  asked = verbs(lines)
  for name in ('pinpoint-0', 'pinpoint-1'):
    mine = [verb for verb, where in asked if where == name]
    assert mine[0] == 'create' and mine[-1] == 'delete'
  assert sum('--collect' in line for line in lines) == 2


def test_slurm_gets_a_task_for_every_gpu(run):
  code, lines, sent = run(script(TRAIN, to='slurm', gpus=4))
  assert code == 0 and lines == ['sbatch ']
  assert '#SBATCH --ntasks-per-node=4\n#SBATCH --gpus-per-node=4\n' in sent
  assert 'srun --kill-on-bad-exit=1 python -m experiments.train_embedder' in (
      sent)


def test_kubernetes_gets_a_pod_for_every_host(run):
  code, lines, sent = run(script(TRAIN, **GKE, topology='16x16'))
  assert code == 0
  [job_set] = yaml.safe_load_all(sent)
  pods = job_set['spec']['replicatedJobs'][0]['template']['spec']
  assert pods['parallelism'] == pods['completions'] == 64
  container = pods['template']['spec']['containers'][0]
  assert container['resources']['limits'] == {'google.com/tpu': 4}
  assert container['command'] == [
      'python', '-m', 'experiments.train_embedder', *TRAIN[1:],
      '--config.distributed.coordinator=auto']
  assert lines[-1].startswith('kubectl delete jobset pinpoint')


def test_kubernetes_gets_a_job_set_for_every_item(run):
  code, lines, sent = run(script(SWEEP, **GKE))
  assert code == 0
  listed = list(yaml.safe_load_all(sent))
  assert [one['metadata']['name'] for one in listed] == [
      f'pinpoint-{item}' for item in range(6)]
  assert sum('delete' in line for line in lines) == 6


@pytest.mark.parametrize('words, values, complaint', [
    ((), TPU, 'no command'),
    (('train_embedder', '--workdir=w'), TPU, '--config=… is missing'),
    ((*TRAIN, '--config.modl=1'), TPU, "no key 'modl'"),
    (('train_embedder', '--config=train_embedder', '--workdir=gs://b/w'), TPU,
     'no local folder'),
    (('train_router', '--config=train_router', f'--workdir={SHARED}'), TPU,
     'no entry distributed'),
    (TRAIN, TPU | {'zone': ''}, '--zone is empty'),
    (TRAIN, TPU | {'accelerator': 'v1-8'}, '--accelerator=v1-8: known are'),
    (TRAIN, TPU | {'nfs': 'share'}, '--nfs=share: name the share'),
    ((*TRAIN[:2], '--workdir=/home/me/e'), TPU, 'lies on one host alone'),
    (TRAIN, GKE | {'image': ''}, '--image is empty'),
    (TRAIN, GKE | {'topology': '16'}, '--topology=16'),
    (TRAIN, {'to': 'slurm', 'nodes': 0}, '--nodes=0'),
    (TRAIN, {'to': 'local', 'processes': 0}, '--processes=0'),
    (TRAIN, TPU | {'name': 'My_Run'}, '--name=My_Run'),
])
def test_refused_in_one_line(words, values, complaint):
  with pytest.raises(ValueError, match=re.escape(complaint)) as refused:
    script(words, **values)
  assert '\n' not in str(refused.value)
