#!/usr/bin/env bash
# pinpoint: a job on slices of 4x4 chips. kubectl is set to the cluster,
# which has JobSet 0.6 or later and a pool of such slices.
set -euo pipefail
kubectl apply -f - <<'JOB_SETS'
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata:
  name: pinpoint
  annotations:
    alpha.jobset.sigs.k8s.io/exclusive-topology: cloud.google.com/gke-nodepool
spec:
  failurePolicy:
    maxRestarts: 10
  replicatedJobs:
  - name: slice
    replicas: 1
    template:
      spec:
        parallelism: 4
        completions: 4
        backoffLimit: 0
        template:
          spec:
            restartPolicy: Never
            terminationGracePeriodSeconds: 120
            nodeSelector:
              cloud.google.com/gke-tpu-accelerator: tpu-v5-lite-podslice
              cloud.google.com/gke-tpu-topology: 4x4
            containers:
            - name: pinpoint
              image: us-docker.pkg.dev/p/r/pinpoint:1
              command:
              - 'python'
              - '-m'
              - 'experiments.train_embedder'
              - '--config=train_embedder'
              - '--workdir=/mnt/shared/runs/e'
              - '--config.stores.photo=/mnt/shared/photos/store'
              - '--config.model.sources=(''photo'',)'
              - '--config.distributed.coordinator=auto'
              resources:
                limits:
                  google.com/tpu: 4
              volumeMounts:
              - name: shared
                mountPath: /mnt/shared
            volumes:
            - name: shared
              nfs:
                server: 10.0.0.2
                path: /share
JOB_SETS

failed=0
for name in pinpoint; do
  until state=$(kubectl get jobset "$name" \
    --output=jsonpath='{.status.terminalState}') && [ -n "$state" ]; do
    sleep 30
  done
  echo "$name: $state"
  [ "$state" = Completed ] || failed=1
  kubectl delete jobset "$name"
done
exit "$failed"
