#!/usr/bin/env bash
# pinpoint on v5litepod-16 in us-west4-a. Run it in the root of a checkout.
set -euo pipefail
gcloud_tpu() { local verb=$1; shift
  gcloud compute tpus tpu-vm "$verb" "$@" --zone=us-west4-a; }
on_all() { gcloud_tpu ssh "$1" --worker=all --command="$2"; }

create() {
  gcloud_tpu create "$1" --accelerator-type=v5litepod-16 \
    --version=v2-alpha-tpuv5-lite --spot
}
install() {
  git archive --format=tar.gz --output="$1.tar.gz" HEAD
  gcloud_tpu scp "$1.tar.gz" "$1": --worker=all
  on_all "$1" "set -e
    sudo apt-get install -y -q nfs-common
    sudo mkdir -p /mnt/shared
    mountpoint -q /mnt/shared || sudo mount -t nfs 10.0.0.2:/share /mnt/shared
    mkdir -p pinpoint_jax && tar -xzf $1.tar.gz -C pinpoint_jax
    cd pinpoint_jax
    python3 -m pip install --quiet --user uv
    ~/.local/bin/uv venv --quiet --clear --python=3.12 .venv
    ~/.local/bin/uv pip install --quiet --python=.venv/bin/python \
      -r requirements.txt '.[tpu]'"
}
run() {
  on_all "$1" "cd pinpoint_jax && .venv/bin/python -m experiments.sweep --config=train_embedder --workdir=/mnt/shared/runs/e --config.stores.photo=/mnt/shared/photos/store '--config.model.sources=('\"'\"'photo'\"'\"',)' --config.distributed.coordinator=auto --index=$2"
}
collect() {
  gcloud_tpu ssh "$1" --worker=0 --command="cd pinpoint_jax && .venv/bin/python -m experiments.sweep --config=train_embedder --workdir=/mnt/shared/runs/e --config.stores.photo=/mnt/shared/photos/store '--config.model.sources=('\"'\"'photo'\"'\"',)' --config.distributed.coordinator=auto --collect && cd && tar \
    -czf collected.tar.gz --exclude=checkpoints --exclude=best -C /mnt/shared/runs/e ."
  gcloud_tpu scp "$1":collected.tar.gz pinpoint.tar.gz --worker=0
}
delete() {
  gcloud_tpu delete "$1" --quiet
}

# SLICE ITEM…: a slice, and its items one after the other.
slice() (
  trap 'delete "$1"' EXIT
  create "$1"
  install "$1"
  failed=0
  for item in "${@:2}"; do run "$1" "$item" || failed=1; done
  collect "$1"
  exit "$failed"
)
slices=()
trap 'kill "${slices[@]}"' TERM INT
slice pinpoint-0 0 2 4 & slices+=($!)
slice pinpoint-1 1 3 5 & slices+=($!)
failed=0
for process in "${slices[@]}"; do wait "$process" || failed=1; done
exit "$failed"
