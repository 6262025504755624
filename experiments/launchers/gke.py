"""A JobSet on GKE: one pod for each host of a TPU slice.

If a pod dies, all are started again, at most so many times, and go on from the
newest checkpoint. A sweep is a JobSet for each item; those for which there is
no slice wait.
"""

from collections.abc import Mapping
import math
import re
from typing import Any

from experiments.launchers import jobs, tpu_slices
from experiments.run import launch

FLAGS = (
    launch.Flag('image', '', 'gke: container image with this package.'),
    launch.Flag('tpu', 'tpu-v5-lite-podslice', 'gke: kind of TPU, as the label '
                'cloud.google.com/gke-tpu-accelerator has it.'),
    launch.Flag('topology', '4x4', 'gke: chips of a slice, as 4x4 or 4x4x4.'),
)
READS = ('image', 'tpu', 'topology', 'nfs')
_CHIPS_PER_HOST = 4
_RESTARTS = 10

_JOB_SET = '''apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata:
  name: {name}
  annotations:
    alpha.jobset.sigs.k8s.io/exclusive-topology: cloud.google.com/gke-nodepool
spec:
  failurePolicy:
    maxRestarts: {restarts}
  replicatedJobs:
  - name: slice
    replicas: 1
    template:
      spec:
        parallelism: {hosts}
        completions: {hosts}
        backoffLimit: 0
        template:
          spec:
            restartPolicy: Never
            terminationGracePeriodSeconds: 120
            nodeSelector:
              cloud.google.com/gke-tpu-accelerator: {tpu}
              cloud.google.com/gke-tpu-topology: {topology}
            containers:
            - name: pinpoint
              image: {image}
              command:
{command}
              resources:
                limits:
                  google.com/tpu: {chips}
              volumeMounts:
              - name: shared
                mountPath: {mount}
            volumes:
            - name: shared
              nfs:
                server: {server}
                path: {share}
'''
_SCRIPT = '''#!/usr/bin/env bash
# {name}: {count} on slices of {topology} chips. kubectl is set to the cluster,
# which has JobSet 0.6 or later and a pool of such slices.
set -euo pipefail
kubectl apply -f - <<'JOB_SETS'
{job_sets}JOB_SETS

failed=0
for name in {names}; do
  until state=$(kubectl get jobset "$name" \\
    --output=jsonpath='{{.status.terminalState}}') && [ -n "$state" ]; do
    sleep 30
  done
  echo "$name: $state"
  [ "$state" = Completed ] || failed=1
  kubectl delete jobset "$name"
done
exit "$failed"
'''


def script(job: jobs.Job, flags: Mapping[str, Any]) -> str:
  """Applies, waits for the end, deletes."""
  if not flags['image']:
    raise ValueError('--image is empty: name the image to run, docs/launch.md '
                     'says how it is built')
  if not re.fullmatch(r'\d+(x\d+){1,2}', flags['topology']):
    raise ValueError(f'--topology={flags["topology"]}: chips along two or '
                     f'three axes, such as 4x4 or 4x4x4')
  tpu_slices.check_shared(job, flags['nfs'])
  items = [str(item) for item in range(job.num_items)] or ['']
  names = [f'{job.name}-{item}' if item else job.name for item in items]
  return _SCRIPT.format(
      name=job.name, topology=flags['topology'], names=' '.join(names),
      count=f'{len(names)} jobs' if job.num_items else 'a job',
      job_sets='---\n'.join(_job_set(job, name, item, flags)
                            for name, item in zip(names, items)))


def _job_set(job: jobs.Job, name: str, item: str,
             flags: Mapping[str, Any]) -> str:
  num_chips = math.prod(map(int, flags['topology'].split('x')))
  chips = min(num_chips, _CHIPS_PER_HOST)
  words = ['python', '-m', *job.words, *([f'--index={item}'] if item else [])]
  server, _, share = flags['nfs'].partition(':')
  return _JOB_SET.format(
      name=name, restarts=_RESTARTS, hosts=num_chips // chips, chips=chips,
      tpu=flags['tpu'], topology=flags['topology'], image=flags['image'],
      command='\n'.join(f'              - {_yaml(word)}' for word in words),
      mount=tpu_slices.MOUNT, server=server, share=share)


def _yaml(word: str) -> str:
  """A string of YAML between single quotes, in which nothing is special."""
  return "'" + word.replace("'", "''") + "'"
