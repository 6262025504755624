"""TPU slices by gcloud: created, installed on, used, emptied and deleted.

  create ─▶ install ─▶ run ─▶ collect ─▶ delete      delete also after an error

What a run writes lies on an NFS share that all hosts mount: the next slice goes
on where a deleted or preempted one stopped.
"""

from collections.abc import Mapping
import shlex
from typing import Any

from experiments.launchers import jobs
from experiments.run import launch

MOUNT = '/mnt/shared'
FLAGS = (
    launch.Flag('zone', '', 'tpu: zone of the slice.'),
    launch.Flag('accelerator', 'v5litepod-16', 'tpu: type of the slice, or '
                'v5p-64.'),
    launch.Flag('spot', False, 'tpu: cheaper, and taken away at any time.'),
    launch.Flag('nfs', '', 'tpu, gke: HOST:/SHARE, mounted as /mnt/shared, '
                'where --workdir and the stores are.'),
)
READS = ('zone', 'accelerator', 'spot', 'nfs', 'at_once')
# Software of the hosts by what the type of a slice begins with.
_RUNTIMES = {'v5litepod': 'v2-alpha-tpuv5-lite', 'v5p': 'v2-alpha-tpuv5',
             'v6e': 'v2-alpha-tpuv6e', 'v4': 'tpu-ubuntu2204-base'}

_SCRIPT = '''#!/usr/bin/env bash
# {name} on {accelerator} in {zone}. Run it in the root of a checkout.
set -euo pipefail
gcloud_tpu() {{ local verb=$1; shift
  gcloud compute tpus tpu-vm "$verb" "$@" --zone={zone}; }}
on_all() {{ gcloud_tpu ssh "$1" --worker=all --command="$2"; }}

create() {{
  gcloud_tpu create "$1" --accelerator-type={accelerator} \\
    --version={runtime}{spot}
}}
install() {{
  git archive --format=tar.gz --output="$1.tar.gz" HEAD
  gcloud_tpu scp "$1.tar.gz" "$1": --worker=all
  on_all "$1" "set -e
    sudo apt-get install -y -q nfs-common
    sudo mkdir -p {mount}
    mountpoint -q {mount} || sudo mount -t nfs {nfs} {mount}
    mkdir -p pinpoint_jax && tar -xzf $1.tar.gz -C pinpoint_jax
    cd pinpoint_jax
    python3 -m pip install --quiet --user uv
    ~/.local/bin/uv venv --quiet --clear --python=3.12 .venv
    ~/.local/bin/uv pip install --quiet --python=.venv/bin/python \\
      -r requirements.txt '.[tpu]'"
}}
run() {{
  on_all "$1" "cd pinpoint_jax && {command}"
}}
collect() {{
  gcloud_tpu ssh "$1" --worker=0 --command="{collecting}tar \\
    -czf collected.tar.gz --exclude=checkpoints --exclude=best -C {workdir} ."
  gcloud_tpu scp "$1":collected.tar.gz {name}.tar.gz --worker=0
}}
delete() {{
  gcloud_tpu delete "$1" --quiet
}}

{body}
'''
_ONE = '''trap 'delete {name}' EXIT
create {name}
install {name}
run {name}
collect {name}'''
_SEVERAL = '''# SLICE ITEM…: a slice, and its items one after the other.
slice() (
  trap 'delete "$1"' EXIT
  create "$1"
  install "$1"
  failed=0
  for item in "${{@:2}}"; do run "$1" "$item" || failed=1; done
  collect "$1"
  exit "$failed"
)
slices=()
trap 'kill "${{slices[@]}}"' TERM INT
{started}
failed=0
for process in "${{slices[@]}}"; do wait "$process" || failed=1; done
exit "$failed"'''


def script(job: jobs.Job, flags: Mapping[str, Any]) -> str:
  """The whole life of a slice; of several for a sweep."""
  zone, accelerator = flags['zone'], flags['accelerator']
  if not zone:
    raise ValueError('--zone is empty: name the zone of the slice, such as '
                     'us-west4-a')
  kind = accelerator.partition('-')[0]
  if kind not in _RUNTIMES:
    raise ValueError(f'--accelerator={accelerator}: known are '
                     f'{", ".join(f"{known}-N" for known in _RUNTIMES)}')
  check_shared(job, flags['nfs'])
  if job.num_items:
    dealt = jobs.dealt(job.num_items, min(flags['at_once'], job.num_items))
    body = _SEVERAL.format(started='\n'.join(
        f'slice {job.name}-{number} {" ".join(map(str, items))} & '
        f'slices+=($!)' for number, items in enumerate(dealt)))
  else:
    body = _ONE.format(name=job.name)
  python = '.venv/bin/python'
  collecting = (f'cd pinpoint_jax && {_within_quotes(job.collecting(python))} '
                f'&& cd && ' if job.num_items else '')
  return _SCRIPT.format(
      name=job.name, accelerator=accelerator, zone=zone,
      runtime=_RUNTIMES[kind], spot=' --spot' * flags['spot'], mount=MOUNT,
      nfs=shlex.quote(flags['nfs']),
      command=_within_quotes(job.command(python)) + (
          '$2' if job.num_items else ''),
      collecting=collecting, workdir=shlex.quote(job.workdir), body=body)


def check_shared(job: jobs.Job, nfs: str) -> None:
  """Refuses a folder that the hosts of a job would not share."""
  host, _, share = nfs.partition(':')
  if not host or not share.startswith('/'):
    raise ValueError(f'--nfs={nfs}: name the share of all hosts as HOST:/SHARE')
  if not job.workdir.startswith(f'{MOUNT}/'):
    raise ValueError(f'--workdir={job.workdir}: lies on one host alone; the '
                     f'share of all is {MOUNT}')


def _within_quotes(command: str) -> str:
  """For a place between double quotes of a shell."""
  return ''.join(f'\\{letter}' if letter in '\\"$`' else letter
                 for letter in command)
